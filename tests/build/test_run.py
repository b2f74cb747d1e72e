"""A whole small run: it adds up, can be killed, can be shared between ranks, and can be checked."""

import json
import multiprocessing
import re
import shutil
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from build import engine, workers
from build.bench.fake_endpoint import FakeEndpoint
from build.core.config import read_data_recipe
from build.core.errors import RunError
from build.core.records import Dialogue
from build.core.store import Counts, Store
from build.engine import collect_shards, open_run, run, run_rank
from build.report.check import check
from build.report.reverify import reverify
from build.sandbox import Limits, Sandbox
from build.stages import STAGES, stages_of
from build.workers import AVAILABLE, Call, Worker
from tests.build.conftest import shard_text, write_recipe, write_shard_text
from tests.kill_and_resume import compare, digests
from tests.teachers.canned import reply


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return run(read_data_recipe(write_recipe(tmp_path_factory.mktemp("run"))))


def test_every_stage_adds_up(finished: Store) -> None:
    kept = None
    for stage in finished.stages():
        total = finished.totals(stage)
        assert total.units == total.kept + sum(total.rejects.values()) > 0
        assert kept is None or total.received == kept
        kept = total.kept
    stats = finished.totals("questions").stats
    assert stats["input_tasks"] == stats["output_tasks"] > 0


def test_a_sound_run_has_no_faults_and_a_changed_pair_is_one(finished: Store, tmp_path: Path) -> None:
    assert check(finished, Limits()).faults == ()
    shard = next(
        path
        for path in sorted((finished.root / "difficulty_filter").glob("*.jsonl.zst"))
        if '"output": "' in shard_text(path)
    )
    text, before = shard_text(shard), shard.read_bytes()
    try:
        write_shard_text(shard, text.replace('"output": "', '"output": "9', 1))
        assert any("is recorded with 9" in fault for fault in check(finished, Limits()).faults)
    finally:
        shard.write_bytes(before)


def test_ranks_share_a_run_and_end_with_the_same_bytes(finished: Store, tmp_path: Path) -> None:
    recipe = read_data_recipe(write_recipe(finished.root.parent, run="ranks"))
    with pytest.raises(RunError, match=r"rank 0 has collected nothing for 0\.1 s"):
        run_rank(recipe, 1, 2, patience_s=0.1)
    assert not recipe.run.exists()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(run_rank, recipe, 1, 2, patience_s=20.0)
        store = run_rank(recipe, 0, 2)
        waiting.result()
    assert digests(store.root) == digests(finished.root)


class Lost(Exception):
    """A stand-in for Ray's errors; `cause` is what a worker raised."""

    def __init__(self, text: str, cause: Exception | None = None) -> None:
        super().__init__(text)
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (type("ActorDiedError", (Lost,), {})("The actor died.\n\nIts node was taken away."), "was lost .*taken away"),
        (type("RayTaskError", (Lost,), {})("Traceback", RunError("the budget is spent")), "^the budget is spent$"),
        (
            type("RayTaskError", (Lost,), {})("Traceback", ZeroDivisionError("x")),
            "a worker failed: ZeroDivisionError: x",
        ),
    ],
    ids=["actor", "our own", "any"],
)
def test_what_ray_raises_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Lost, told: str
) -> None:
    def wait(refs: list[object], num_returns: int) -> None:
        raise error

    ray = ModuleType("ray")
    task = type(error) if type(error).__name__ == "RayTaskError" else type("RayTaskError", (Lost,), {})
    actor = SimpleNamespace(__ray_ready__=SimpleNamespace(options=lambda **settings: SimpleNamespace(remote=object)))
    vars(ray).update(
        init=lambda **settings: None,
        shutdown=lambda: None,
        remote=lambda **settings: lambda kind: SimpleNamespace(remote=lambda *arguments: actor),
        wait=wait,
        exceptions=SimpleNamespace(RayTaskError=task, RayError=Lost),
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(RunError, match=told) as raised:
        run(read_data_recipe(write_recipe(tmp_path)), engine="ray")
    assert "\n" not in str(raised.value)


def test_a_worker_that_is_killed_is_replaced_and_changes_nothing(
    finished: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = read_data_recipe(write_recipe(finished.root.parent, run="bereft"))

    def kill_one() -> None:
        while not Store(recipe.run).finished("unify"):
            time.sleep(0.02)
        multiprocessing.active_children()[0].kill()

    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill_one)
        store = run(recipe)
        killing.result()
    assert digests(store.root) == digests(finished.root)
    assert "A worker process was ended from outside at " in capsys.readouterr().err


def test_workers_that_are_lost_again_and_again_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MOST_LOSSES", 1)
    with ThreadPoolExecutor() as pool, workers.local_crew(read_data_recipe(write_recipe(tmp_path)), AVAILABLE) as crew:
        (child,) = multiprocessing.active_children()
        pool.submit(child.kill)
        with pytest.raises(RunError, match="was ended from outside 1 times at its start"):
            crew.wait()


def test_shards_go_on_by_themselves_but_for_surveys(
    finished: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call finds its input, each is made once, and the first shard is far before the last one has begun."""
    recipe = read_data_recipe(write_recipe(tmp_path))
    shutil.copytree(finished.root / "collect", recipe.run / "collect")
    store, stages = Store(recipe.run), stages_of(recipe)[1:]
    monkeypatch.setattr(engine, "gather", lambda stage, store, recipe: None)
    schedule = engine._Schedule(stages, recipe, store)
    made: list[Call] = []
    while call := schedule.next():
        names = [stage.name for stage in stages]
        place = names.index(call.stage)
        if place:
            assert Call(names[place - 1], call.shard) in made
        if call.stage == "duplicates" and not call.sketch:
            assert {each.shard for each in made if each.sketch} == set(range(store.shards() or 0))
        made.append(call)
        schedule.finish(call)
    assert schedule.left == 0 and len(set(made)) == len(made) == (len(stages) + 1) * (store.shards() or 0)
    assert made.index(Call("revise", 0)) < made.index(Call("leaks", 1))


def test_what_a_lost_actor_was_at_goes_to_another(tmp_path: Path) -> None:
    """Actor 0 is lost at its first call and does not come back; a reference is what was called, and on which actor."""
    actors: list[SimpleNamespace] = []
    done: list[tuple[int, Call]] = []

    def start(*arguments: object) -> SimpleNamespace:
        number = len(actors)
        ready = SimpleNamespace(remote=lambda: (number, None, len(done)))
        work = SimpleNamespace(remote=lambda call: (number, call, len(done)))
        actors.append(SimpleNamespace(__ray_ready__=SimpleNamespace(options=lambda **settings: ready), work=work))
        return actors[-1]

    def get(ref: tuple[int, Call | None, int]) -> Counts | None:
        if ref[1] is None:
            return None
        if ref[0] == 0:
            raise Lost("its node is gone")
        done.append((ref[0], ref[1]))
        return Counts(received=ref[1].shard)

    def wait(refs: list[tuple[int, Call | None, int]], num_returns: int) -> tuple[list[Any], list[Any]]:
        come = [ref for ref in refs if ref[:2] != (0, None) or not done]
        return come[:1], []

    ray = SimpleNamespace(
        remote=lambda **settings: lambda kind: SimpleNamespace(remote=start),
        exceptions=SimpleNamespace(RayActorError=Lost),
        get=get,
        wait=wait,
    )
    recipe = read_data_recipe(write_recipe(tmp_path, engine={"workers": 2, "shard_size": 2}))
    crew = workers._RayCrew(recipe, AVAILABLE, ray)
    calls = [Call("unify", shard) for shard in range(4)]
    found: list[tuple[Call, Counts]] = []
    left = list(calls)
    while len(found) < len(calls):
        while left and crew.free() > 0:
            crew.submit(left.pop(0))
        found += crew.wait()
    assert sorted(call.shard for call, _ in found) == [0, 1, 2, 3] and {number for number, _ in done} == {1}
    assert all(counts.received == call.shard for call, counts in found)


def test_two_shards_go_to_two_workers_even_where_one_could_take_both(tmp_path: Path) -> None:
    teacher = {"name": "openai", "model": "m", "endpoints": ["http://localhost:1/v1"]}
    recipe = read_data_recipe(write_recipe(tmp_path, teacher=teacher, engine={"workers": 2, "shard_size": 2}))
    sent: list[list[Call]] = [[], []]
    crew = object.__new__(workers._LocalCrew)
    ends = [multiprocessing.Pipe() for _ in sent]
    members = [
        SimpleNamespace(ready=True, at=[], pipe=SimpleNamespace(send=calls.append, recv=end.recv, fileno=end.fileno))
        for calls, (end, _) in zip(sent, ends)
    ]
    vars(crew).update(_members=members, _waiting=deque(), _at_once=workers.shards_at_once(recipe))
    assert crew.free() > 2
    calls = [Call("answer", 0), Call("answer", 1)]
    for call, (_, theirs) in zip(calls, ends):
        crew.submit(call)
        theirs.send((call, Counts()))
    assert sorted(crew.wait(), key=lambda found: found[0].shard) == [(call, Counts()) for call in calls]
    assert sent == [[calls[0]], [calls[1]]]


def test_a_worker_that_cannot_be_closed_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(sandbox: Sandbox) -> None:
        close(sandbox)
        raise OSError("stuck")

    def fail(worker: Worker, stage: str, shard: int) -> None:
        raise RunError("the budget is spent")

    close = Sandbox.close
    monkeypatch.setattr(Worker, "process_shard", fail)
    recipe = read_data_recipe(write_recipe(tmp_path))
    open_run(recipe)
    collect_shards(recipe, Store(recipe.run))
    monkeypatch.setattr(Sandbox, "close", stuck)
    monkeypatch.setattr(engine, "open_run", lambda recipe, isolation: Store(recipe.run))
    with pytest.raises(RunError, match="the budget is spent"):
        run_rank(recipe, 0, 1)


def test_a_run_whose_recipe_changed_ends_with_the_bytes_of_a_new_one(
    finished: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished.root.parent
    path = write_recipe(folder, run="changed", questions={"pairs_per_function": 1})
    shutil.copytree(finished.root, folder / "changed")
    changed = run(read_data_recipe(path))
    told = "`questions.pairs_per_function` was 2 and is 1); the stages questions, answer, revise are done again"
    assert told in capsys.readouterr().err
    fresh = run(read_data_recipe(write_recipe(folder, run="fresh", questions={"pairs_per_function": 1})))
    assert digests(changed.root) == digests(fresh.root) != digests(finished.root)


def test_a_source_that_changed_after_it_was_collected_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(tmp_path)
    run(read_data_recipe(path))
    run(read_data_recipe(path))
    assert "has changed" not in capsys.readouterr().err
    (tmp_path / "raw" / "later.py").write_text("x = 1\n")
    before = digests(tmp_path / "run")
    run(read_data_recipe(path))
    assert f"the source {tmp_path / 'raw'} has changed since this run collected" in capsys.readouterr().err
    run(read_data_recipe(write_recipe(tmp_path, revisions=0)))  # which goes on with the code that it has
    assert "has changed since this run collected" in capsys.readouterr().err
    assert digests(tmp_path / "run" / "unify") == {
        name.removeprefix("unify/"): value for name, value in before.items() if name.startswith("unify/")
    }


def test_killed_runs_resume_to_the_same_bytes(tmp_path: Path) -> None:
    assert compare(write_recipe(tmp_path), tmp_path, runs=2, seed=3)


def test_an_unfinished_run_and_orphans_are_faults(finished: Store, tmp_path: Path) -> None:
    assert check(Store(tmp_path), Limits()).faults == ("the run is not finished: not everything is collected",)
    shards = sorted((finished.root / "answer").glob("*.jsonl.zst"))
    shard = next(path for path in shards if '"parent"' in shard_text(path))
    text, before = shard_text(shard), shard.read_bytes()
    try:
        write_shard_text(shard, re.sub(r'"parent": "\w+"', '"parent": "nobody"', text))
        assert any("come from nothing" in fault for fault in check(finished, Limits()).faults)
    finally:
        shard.write_bytes(before)


def test_a_damaged_shard_of_the_first_stage_is_mended_as_the_message_says(finished: Store, tmp_path: Path) -> None:
    recipe = read_data_recipe(write_recipe(finished.root.parent, run="damaged"))
    store = run(recipe)
    write_shard_text(store.shard_file("collect", 1), "{}\nnot a record\n\n")
    store.shard_file("unify", 1).unlink()
    store.shard_file("type_filter", 1).unlink()
    with pytest.raises(RunError) as error:
        run(recipe)
    named = re.search(r"remove (\S+\.jsonl\.zst)", str(error.value))
    assert named
    Path(named.group(1)).unlink()
    assert digests(run(recipe).root) == digests(finished.root)


def test_the_manifest_of_a_finished_run_has_its_counts(finished: Store) -> None:
    counts = finished.manifest()["counts"]
    assert (
        set(counts) == {stage.name for stage in STAGES} and counts["unify"]["kept"] == finished.totals("unify").kept > 0
    )


def test_why_a_worker_cannot_start_is_told(tmp_path: Path) -> None:
    (tmp_path / "response_cache").write_text("a file where a folder should be")
    with FakeEndpoint(reply) as server, pytest.raises(RunError, match="the response cache cannot be used"):
        teacher = {"name": "openai", "model": "m", "endpoints": [server.url]}
        path = write_recipe(tmp_path, teacher=teacher, response_cache=str(tmp_path / "response_cache"))
        run(read_data_recipe(path))


def test_stored_answers_are_judged_again(finished: Store, tmp_path: Path) -> None:
    """As if the verifier that made the run had called one right answer wrong."""
    copy = tmp_path / "run"
    shutil.copytree(finished.root, copy)
    file = next(path for path in sorted(copy.glob("revise/*.jsonl.zst")) if '"status": "correct"' in shard_text(path))
    changed = shard_text(file).replace('"status": "correct"', '"status": "wrong_output"', 1)
    write_shard_text(file, changed)
    done = CliRunner().invoke(reverify, [str(copy), "--workers", "1", "--out", str(tmp_path / "changed.jsonl")])
    answers = sum(len(one.turns) for shard in range(finished.shards() or 0) for one in finished.kept(Dialogue, shard))
    assert f"{answers} answers judged again: 1 have another verdict, 0 the same" in done.output
    (line,) = (tmp_path / "changed.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["before"]["status"], told["now"]["status"]) == ("wrong_output", "correct")
    assert told["where"] in done.output and shard_text(file) == changed
