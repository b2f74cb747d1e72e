"""Asks a verifier service (`python -m build serve`) for verdicts, with retries. Needs nothing but the standard library.

Client("http://127.0.0.1:8700").verify([{"code": ..., "task": "output", "input": ..., "output": ..., "response": ...}])
"""

import http.client
import json
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

TOKEN_VARIABLE = "VERIFIER_TOKEN"  # the environment variable that holds the service's token, on both sides
_MOST_ANSWERS = 1024  # of a request; more are sent one request after another
_LONGEST_WAIT_S = 10.0


class ServiceError(RuntimeError):
    """The service refuses the request, or has not answered for too long; the message is one sentence."""


class Client:
    """A verifier service at `url`; one object may be used by several threads.

    What may pass is tried again (the service is full, restarts, or the connection breaks) until nothing has come for
    `patience_s` seconds. `token` is that of the environment variable VERIFIER_TOKEN unless given.
    """

    def __init__(self, url: str, token: str | None = None, patience_s: float = 900.0) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ServiceError(f"{url}: is no URL ({error})") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ServiceError(f"{url}: is no URL of a verifier service; write it like http://127.0.0.1:8700")
        self.url = url.rstrip("/")
        self.patience_s = patience_s
        self._secure, self._host, self._port, self._path = parts.scheme == "https", host, port, parts.path.rstrip("/")
        token = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
        self._headers = {"Content-Type": "application/json"}
        self._headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self._of_thread = threading.local()

    def verify(self, answers: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """A verdict per answer, in order: `status`, `correct`, `predicted`, `actual`, `detail`. Raises `ServiceError`.

        An answer has `code`, `task`, `input`, `output` (canonical JSON texts) and `response`; `entry` is the function that is
        called, `main_solution` unless given.
        """
        verdicts: list[dict[str, Any]] = []
        for start in range(0, len(answers), _MOST_ANSWERS):
            some = [dict(answer) for answer in answers[start : start + _MOST_ANSWERS]]
            told = self._ask(json.dumps({"answers": some}).encode())["verdicts"]
            if len(told) != len(some):
                raise ServiceError(f"{self.url}: gave {len(told)} verdicts on {len(some)} answers")
            verdicts += told
        return verdicts

    def _ask(self, body: bytes) -> dict[str, Any]:
        until, pause = time.monotonic() + self.patience_s, 0.1
        while True:
            try:
                status, retry_after, content = self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self._forget_connection()
                wait, problem = pause, f"cannot be reached ({error or type(error).__name__})"
            else:
                if status == 200:
                    return dict(json.loads(content))
                problem = f"says {status} ({_sentence(content)})"
                if status < 500 and status != 429:
                    raise ServiceError(f"{self.url}: {problem}")
                wait = float(retry_after) if retry_after and retry_after.isdigit() else pause
            if time.monotonic() + wait > until:
                raise ServiceError(f"{self.url}: {problem}, for {self.patience_s:g} s now")
            time.sleep(wait * random.uniform(0.75, 1.25))  # so that those who wait do not come back together
            pause = min(2 * pause, _LONGEST_WAIT_S)

    def _post(self, body: bytes) -> tuple[int, str | None, bytes]:
        connection: http.client.HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            connection = self._of_thread.connection = kind(self._host, self._port, timeout=self.patience_s)
        connection.request("POST", f"{self._path}/verify", body, self._headers)
        response = connection.getresponse()
        return response.status, response.headers.get("Retry-After"), response.read()

    def _forget_connection(self) -> None:
        connection: http.client.HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if connection is not None:
            connection.close()
        self._of_thread.connection = None


def _sentence(content: bytes) -> str:
    """What the service says is wrong, or the beginning of whatever else answered."""
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace")
