"""Keeps every answer of a language model under the digest of its request, so that none is paid for twice.

One SQLite file in WAL mode that all worker processes of a machine write to; a commit per answer, so that a kill costs only
what was under way. Jobs of an array and Ray actors may sit on several machines, where a WAL file cannot be shared: each has
a file of its own with an ordinary rollback journal, which needs nothing of the file system but POSIX locks. Everybody reads
all files that are there when it starts; a shard is never worked on by two at a time.

What is asked is not kept here, and neither are endpoints, headers or keys: an entry is a digest and an answer.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from build.core.chat import Completion
from build.core.errors import RunError
from build.core.records import Usage

_SCHEMA = """
create table if not exists answers (
    key text primary key, text text not null, reasoning text not null, finish_reason text not null,
    prompt_tokens integer not null, completion_tokens integer not null, run text not null default ''
) without rowid;
create table if not exists spent (
    run text primary key, requests integer not null, prompt_tokens integer not null, completion_tokens integer not null
) without rowid;
"""
_HAS_TABLE = "select 1 from sqlite_master where name = 'answers'"  # not in a file whose process was killed at once
_BATCH = 500  # keys per query; SQLite's default limit is far above
_WAIT_S = 60.0  # for another process's commit
_LOOK_AGAIN_S = 5.0


class ResponseCache:
    """The answers in `folder`. `rank` is the number of an array job or actor, None in local processes. Threads take turns.

    Raises `RunError` where a file is damaged or cannot be written.
    """

    def __init__(self, folder: Path, rank: int | None = None) -> None:
        self.path = folder / ("local.sqlite" if rank is None else f"rank-{rank:05d}.sqlite")
        self._turn = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._own = self._open("wal" if rank is None else "delete")
            self._others: dict[Path, sqlite3.Connection] = {}
            self._open_others()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def _open(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        # Of two that switch a new file to WAL mode in one moment, SQLite refuses one at once, without the time-out.
        for attempt in Retrying(
            retry=retry_if_exception(_is_busy), stop=stop_after_delay(_WAIT_S), wait=wait_random(0, 0.1), reraise=True
        ):
            with attempt:
                connection.execute(f"pragma journal_mode = {mode}")
        connection.execute("pragma synchronous = normal")
        connection.executescript(_SCHEMA)
        with suppress(sqlite3.OperationalError):  # there already; files of earlier versions have no such column
            connection.execute("alter table answers add column run text not null default ''")
        return connection

    def _open_others(self) -> None:
        """The files of other ranks, those that appeared since the last look too."""
        self._looked = time.monotonic()
        for path in sorted(self.path.parent.glob("*.sqlite")):
            if path != self.path and path not in self._others:
                address = f"{path.resolve().as_uri()}?mode=rw"
                connection = sqlite3.connect(address, _WAIT_S, uri=True, check_same_thread=False)
                if connection.execute(_HAS_TABLE).fetchone():
                    self._others[path] = connection
                else:
                    connection.close()

    def close(self) -> None:
        for connection in (self._own, *self._others.values()):
            connection.close()

    def find(self, keys: Sequence[str], run: str = "") -> dict[str, Completion]:
        """The answers known for some digests; those that another run than `run` has paid for cost nothing."""
        found: dict[str, Completion] = {}
        with self._used():
            for connection in (self._own, *self._others.values()):
                missing = [key for key in dict.fromkeys(keys) if key not in found]
                for start in range(0, len(missing), _BATCH):
                    some = missing[start : start + _BATCH]
                    query = f"select * from answers where key in ({', '.join('?' * len(some))})"
                    found |= {row[0]: _completion(row, run) for row in connection.execute(query, some)}
        return found

    def add(self, key: str, run: str, answer: Completion) -> Completion:
        """Keep an answer and what it cost the run; gives back the one that counts: another process may have been first."""
        usage = answer.usage
        row = (key, answer.text, answer.reasoning, answer.finish_reason, usage.prompt_tokens, usage.completion_tokens)
        cost = (run, usage.requests, usage.prompt_tokens, usage.completion_tokens)
        with self._used():
            self._own.execute("begin immediate")
            kept = self._own.execute("insert or ignore into answers values (?, ?, ?, ?, ?, ?, ?)", (*row, run)).rowcount
            self._own.execute(
                "insert into spent values (?, ?, ?, ?) on conflict (run) do update set"
                " requests = requests + excluded.requests, prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
                " completion_tokens = completion_tokens + excluded.completion_tokens",
                cost,
            )
            self._own.execute("commit")
        return answer if kept else self.find([key], run)[key]

    def spent(self, run: str) -> Usage:
        """What a run has spent so far, over all processes and ranks; a rank that has just started shows within 5 s."""
        query = "select requests, prompt_tokens, completion_tokens from spent where run = ?"
        with self._used():
            if time.monotonic() - self._looked > _LOOK_AGAIN_S:
                self._open_others()
            found = [one.execute(query, (run,)).fetchone() for one in (self._own, *self._others.values())]
        return Usage(*(sum(column) for column in zip((0, 0, 0), *(row for row in found if row))))

    @contextmanager
    def _used(self) -> Iterator[None]:
        """By one thread at a time. Raises `RunError` where SQLite fails."""
        try:
            with self._turn:
                yield
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> RunError:
        return RunError(
            f"{self.path}: the response cache cannot be used ({error}); mend that and run the same command again."
        )


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _completion(row: tuple[Any, ...], run: str) -> Completion:
    _, text, reasoning, finish_reason, prompt_tokens, completion_tokens, *payer = row
    paid_elsewhere = run and payer and payer[0] not in ("", run)
    usage = Usage() if paid_elsewhere else Usage(1, prompt_tokens, completion_tokens)
    return Completion(text, finish_reason, usage, "", reasoning)


def holds_answers(folder: Path) -> bool:
    """Whether any answer is known in a folder."""
    for path in folder.glob("*.sqlite"):
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection,
        ):
            if connection.execute("select 1 from answers limit 1").fetchone():
                return True
    return False
