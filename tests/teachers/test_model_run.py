"""Whole runs by a canned model: every verdict, every turn, the same bytes whatever the server did on the way."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from build.bench.fake_endpoint import FakeEndpoint, Faults
from build.core.config import read_data_recipe
from build.core.errors import RunError
from build.core.records import Dialogue, Rationale, UnifiedFunction
from build.core.store import Store
from build.engine import AVAILABLE, Worker, open_run, run
from build.report.check import check
from build.report.summary import cost_table, verdict_table
from build.sandbox import Limits
from tests.teachers.canned import reply, write_run

KEY = "sk-run-1f2e3d4c5b6a"


def digests(folder: Path) -> dict[str, str]:
    """Every file of a run but its response cache, which is a database."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "response_cache" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CANNED_KEY", KEY)
        with FakeEndpoint(reply) as server:
            store = run(read_data_recipe(write_run(folder, "run", [server.url], key_variable="CANNED_KEY")))
            assert set(server.answered.values()) == {1}
        yield store


def records(store: Store, stage: str, kind: Any) -> list[Any]:
    return [record for shard in range(store.shards() or 0) for record in store.read(stage, shard, kind)]


def test_every_class_of_verdict_and_every_turn_occurs(quiet: Store) -> None:
    answers = records(quiet, "answer", Rationale)
    dialogues = records(quiet, "revise", Dialogue)
    classes = {answer.verdict.status for answer in answers} | {
        turn.verdict.status for dialogue in dialogues for turn in dialogue.turns
    }
    assert classes == {"correct", "wrong_output", "wrong_input", "exception", "no_answer", "timeout"}
    assert {len(dialogue.turns) for dialogue in dialogues} >= {1, 3}
    assert {answer.sample for answer in answers} == {0, 1}
    assert any(answer.finish_reason == "length" for answer in answers)


def test_the_run_adds_up_and_its_pairs_reproduce(quiet: Store) -> None:
    findings = check(quiet, Limits(call_cpu_s=1))
    assert findings.faults == () and findings.pairs > 0


def test_filters_and_the_repair_turn_do_their_work(quiet: Store) -> None:
    assert quiet.totals("type_filter").rejects == {"type_non-reasoning": 1}
    unified = quiet.totals("unify")
    assert (unified.kept, unified.rejects, unified.stats["repaired"]) == (11, {}, 2)
    assert {function.unifier for function in records(quiet, "unify", UnifiedFunction)} == {"openai:canned"}


def test_the_tables_tell_turns_requests_and_costs(quiet: Store) -> None:
    recipe = read_data_recipe(quiet.root.with_suffix(".yaml"))
    assert [row.split("|")[1].strip() for row in verdict_table(quiet).splitlines()[2:]] == [*"112233"]
    table = cost_table(recipe, quiet).splitlines()
    assert [row.split("|")[1].strip() for row in table[2:]] == ["type_filter", "unify", "answer", "revise"]


def test_the_same_bytes_come_out_under_faults_and_no_answer_is_asked_for_twice(quiet: Store) -> None:
    with FakeEndpoint(reply, Faults(0.2)) as server:
        store = run(read_data_recipe(write_run(quiet.root.parent, "faulty", [server.url])))
        assert set(server.answered.values()) == {1} and sum(server.failed.values()) > 20
    assert digests(store.root) == digests(quiet.root)


def test_the_key_is_in_no_file_of_a_run(quiet: Store) -> None:
    files = [path for path in quiet.root.parent.rglob("*") if path.is_file()]
    assert len(files) > 50
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_run_whose_budget_is_spent_stops_and_goes_on_later(quiet: Store) -> None:
    with FakeEndpoint(reply) as server:
        recipe = read_data_recipe(write_run(quiet.root.parent, "budget", [server.url], budget={"requests": 40}))
        with pytest.raises(RunError, match="the budget is spent"):
            run(recipe)
        store = run(read_data_recipe(write_run(quiet.root.parent, "budget", [server.url])))
        assert set(server.answered.values()) == {1}
    assert digests(store.root) == digests(quiet.root)


def test_another_run_with_the_same_cache_asks_nothing(quiet: Store) -> None:
    path = write_run(quiet.root.parent, "again", ["http://127.0.0.1:9/v1"], patience_s=0.5)
    path.write_text(path.read_text("utf-8") + f"response_cache: {quiet.root / 'response_cache'}\n", "utf-8")
    assert digests(run(read_data_recipe(path)).root) == digests(quiet.root)


def test_grounded_answers_are_right_and_their_values_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with FakeEndpoint(reply) as server:
        recipe = read_data_recipe(write_run(tmp_path, "run", [server.url], files=3, grounding=True, samples=1))
        store = run(recipe)
    outputs = [answer for answer in records(store, "answer", Rationale) if answer.stated is not None]
    assert outputs and all(answer.verdict.correct for answer in outputs)


def test_a_rank_writes_to_a_cache_of_its_own(tmp_path: Path) -> None:
    with FakeEndpoint(reply) as server:
        recipe = read_data_recipe(write_run(tmp_path, "run", [server.url], files=3))
        open_run(recipe)
        Worker(recipe, AVAILABLE, rank=7).close()
    assert [path.name for path in (tmp_path / "run" / "response_cache").iterdir()] == ["rank-00007.sqlite"]
