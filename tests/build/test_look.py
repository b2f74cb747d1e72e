"""The commands that look at runs: show, rejects, stats, diff, status, preview; and what they say of a mistyped word."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from build.core.config import read_data_recipe
from build.core.errors import RunError
from build.core.records import Dialogue, PredictionInstance, RawCode, SampledFunction
from build.core.store import Store
from build.engine import run_rank
from build.report import lookup
from build.report.diff import Difference, Known, diff, difference
from build.report.lookup import ShardRecords, line_of
from build.report.preview import preview
from build.report.rejects import rejects
from build.report.show import show
from build.report.stats import stats
from build.report.status import status, status_of
from tests.build.conftest import RAW_FILES, shard_text, write_recipe, write_scrambled, write_shard_text
from tests.kill_and_resume import ROOT


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("look")
    path = write_recipe(folder, revisions=1)
    write_scrambled(folder / "raw")
    return run_rank(read_data_recipe(path), 0, 1)


def printed(command: click.Command, *arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(command, [str(each) for each in arguments])
    assert done.exit_code == code, done.output
    assert "\x1b" not in done.stdout  # no colour where the output is no terminal
    return done.stdout


def data(command: click.Command, *arguments: object, code: int = 0) -> Any:
    return json.loads(printed(command, *arguments, "--json", code=code))


def refused(command: click.Command, *arguments: object) -> str:
    """The sentence that a command ends with."""
    done = CliRunner().invoke(command, [str(each) for each in arguments])
    assert isinstance(done.exception, RunError) and "\n" not in str(done.exception)
    return str(done.exception)


def test_every_id_of_a_run_is_shown_with_what_it_comes_from(store: Store) -> None:
    records = ShardRecords(store, 0)
    ids = {
        *(each.id for each in store.kept(RawCode, 0)),
        *(pair.id for each in store.kept(SampledFunction, 0) for pair in each.pairs),
        *(each.function.id for each in store.kept(SampledFunction, 0)),
        *(each.id for each in store.kept(PredictionInstance, 0)),
        *(turn.id for each in store.kept(Dialogue, 0) for turn in each.turns),
    }
    assert len(ids) > 20 and ids <= records.entries.keys()
    kinds = ["file", "function", "pair", "instance", "turn"]
    for id in ids:
        line = [each.kind for each in records.line(records.entries[id])]
        assert line[: len(kinds)] == kinds[: len(line)] and set(line[len(kinds) :]) <= {"turn"}


@pytest.mark.parametrize("kind", ["file", "function", "pair", "instance", "turn"])
def test_a_record_is_shown_by_the_beginning_of_its_id(store: Store, kind: str) -> None:
    entry = next(each for each in ShardRecords(store, 0).entries.values() if each.kind == kind)
    found = data(show, store.root, entry.id[:12].upper())
    assert (found["kind"], found["id"]) == (kind, entry.id)
    assert [each["kind"] for each in found["parents"]] == ["file", "function", "pair", "instance", "turn"][
        : len(found["parents"])
    ]
    assert f"{kind} {entry.id}" in printed(show, store.root, entry.id[:12])


def test_the_id_of_a_published_row_shows_its_last_turn(store: Store) -> None:
    revised = next(
        each for shard in range(store.shards() or 0) for each in store.kept(Dialogue, shard) if len(each.turns) == 2
    )
    assert data(show, store.root, revised.id)["id"] == revised.turns[1].id
    told = printed(show, store.root, revised.id)
    assert all(f"{turn.verdict.status} ({turn.id})" in told for turn in revised.turns)


def test_an_ambiguous_beginning_lists_the_matches(store: Store) -> None:
    found = data(show, store.root, "a", code=1)
    assert len(found) > 1 and all(each["id"].startswith("a") for each in found)
    assert "give more of one" in printed(show, store.root, "a", code=1)


def lines(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), 1) if line.startswith(start))


@pytest.mark.parametrize(
    ("reason", "name", "start"),
    [("no_parameters", "no_arguments", "def no_arguments"), ("impure_import", "roll", "import random")],
)
def test_a_reject_leads_to_its_file_and_line(store: Store, reason: str, name: str, start: str) -> None:
    found = data(rejects, store.root, "--stage", "unify", "--reason", reason)
    one = next(each for each in found["rejects"] if each["name"] == name)
    assert found["total"] == store.totals("unify").rejects[reason]
    assert one["line"] == lines(RAW_FILES["refused.py"], start)
    assert Path(one["file"]).read_text() == RAW_FILES["refused.py"]
    assert f"refused.py:{one['line']}: {name}: " in printed(rejects, store.root, "--reason", reason).replace("\n", "")
    assert data(show, store.root, one["id"])["kind"] == "file"


def test_every_reject_is_listed_and_counted(store: Store) -> None:
    for stage in store.stages():
        total = store.totals(stage).rejected
        found = data(rejects, store.root, "--stage", stage, "--limit", 500) if total else {"rejects": []}
        assert len(found["rejects"]) == total
        assert all(each["line"] for each in found["rejects"] if each["name"] and stage != "collect")
    rows = data(rejects, store.root)
    assert sum(row["count"] for row in rows) == sum(store.totals(stage).rejected for stage in store.stages())


def test_a_file_that_has_changed_is_not_pointed_into(store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.root.parent, tmp_path / "copy")
    (tmp_path / "copy" / "raw" / "refused.py").write_text("# shorter\n")
    manifest = tmp_path / "copy" / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(store.root.parent), str(tmp_path / "copy")))
    for path in (tmp_path / "copy" / "run").glob("collect/*.jsonl.zst"):
        write_shard_text(path, shard_text(path).replace(str(store.root.parent), str(tmp_path / "copy")))
    found = data(rejects, tmp_path / "copy" / "run", "--reason", "no_parameters")["rejects"]
    assert [each["file"] for each in found if each["path"].endswith("refused.py")] == [None]


def test_stats_add_up(store: Store) -> None:
    found = data(stats, store.root)
    assert [row["kept"] for row in found["yield"]] == [store.totals(stage).kept for stage in store.stages()]
    answers = sum(row["number"] for row in found["answers"])
    assert (
        answers == store.totals("revise").kept == sum(row["answers"] for row in found["verdicts"] if row["turn"] == 1)
    )
    right = sum(row["right_first"] for row in found["answers"])
    assert right == sum(row["right"] for row in found["verdicts"] if row["turn"] == 1)
    assert {row["teacher"] for row in found["answers"]} == {"trace"}
    assert found["complete"] and found["functions"]["constant"] == store.totals("questions").stats.get(
        "constant_functions", 0
    )
    assert "Answers by source and teacher" in printed(stats, store.root)


def test_a_run_does_not_differ_from_itself(store: Store) -> None:
    found = data(diff, store.root, store.root)
    assert not found["recipe"] and not found["verdicts"] and found["records"]["answers"]["same"]
    assert all(not each["changed"] + each["first_only"] + each["second_only"] for each in found["records"].values())


def test_what_differs_between_two_runs(store: Store, tmp_path: Path) -> None:
    recipe = yaml.safe_load((store.root.parent / "run.yaml").read_text())
    shutil.copytree(store.root, tmp_path / "other")
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(recipe | {"run": str(tmp_path / "other"), "revisions": 0}))
    other = run_rank(read_data_recipe(tmp_path / "other.yaml"), 0, 1)
    found = data(diff, store.root, other.root)
    assert [each["key"] for each in found["recipe"]] == ["revisions"]
    revised = [
        each for shard in range(store.shards() or 0) for each in store.kept(Dialogue, shard) if len(each.turns) > 1
    ]
    answers = found["records"]["answers"]
    assert {first for first, _ in answers["changed_ids"]} == {each.id for each in revised} != set()
    moved = sum(each.turns[0].verdict.status != each.turns[-1].verdict.status for each in revised)
    assert sum(each["answers"] for each in found["verdicts"]) == moved
    assert not found["records"]["functions"]["changed"] and found["records"]["pairs"]["same"]
    assert f"1 is {store.root}" in printed(diff, store.root, other.root).replace("\n", "")


def test_records_are_held_together_by_where_they_come_from() -> None:
    first = {"f": Known("1", "a"), "g": Known("2", "b"), "h": Known("3", "c")}
    found = difference(first, {"f": Known("4", "x"), "g": Known("2", "b"), "i": Known("5", "c")})
    assert found == Difference(same=1, first_only=["h"], second_only=["i"], changed=["f"])


def test_the_status_of_a_run_that_goes_on(store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.root, tmp_path / "run")
    half = Store(tmp_path / "run")
    count = half.shards() or 0
    for stage in ("answer", "revise"):
        for shard in range(1 if stage == "revise" else count - 1, count):
            half.shard_file(stage, shard).unlink()
    for shard in range(count - 1):
        os.utime(half.shard_file("answer", shard), (1000.0 + 10 * shard, 1000.0 + 10 * shard))
    found = {each.stage: each for each in status_of(half, 2000.0).stages}
    received = [Store(store.root).done("answer", shard) for shard in range(count)]
    counts = [each.received for each in received if each]
    answer = found["answer"]
    assert (answer.done, answer.total, answer.total_known) == (sum(counts[:-1]), sum(counts), True)
    assert answer.rate == sum(counts[1:-1]) / (10 * (count - 2))
    assert answer.left_s == counts[-1] / answer.rate
    assert not found["revise"].total_known and found["questions"].done == found["questions"].total
    assert not data(status, half.root)["complete"] and data(status, store.root)["complete"]
    assert "so far" in printed(status, half.root)


def test_a_preview_runs_the_whole_chain_on_a_few_files(tmp_path: Path) -> None:
    path = write_recipe(tmp_path)
    found = data(preview, "--config", path, "--limit", 3)
    received = {row["stage"]: row["received"] for row in found["yield"]}
    assert received["collect"] == 3 and received["revise"] > 0 and found["estimate"] == ""
    assert found["samples"] and all(each["response"] and each["verdicts"] for each in found["samples"])
    assert not (tmp_path / "run").exists()


def test_a_preview_asks_no_model_that_costs(tmp_path: Path) -> None:
    teacher = {"name": "openai", "model": "m", "endpoints": ["http://127.0.0.1:9/v1"], "key_variable": "NO_SUCH_KEY"}
    found = data(preview, "--config", write_recipe(tmp_path, teacher=teacher), "--limit", 3)
    assert found["samples"] and not any(each["response"] for each in found["samples"])
    assert "Nothing was asked." in found["estimate"]


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        (show, ["RUM", "abc"], "did you mean"),
        (show, ["RUN", "zzz"], "no record has an id that begins with zzz"),
        (rejects, ["RUN", "--stage", "unfy"], "no stage of this run is called `unfy`; did you mean `unify`?"),
        (rejects, ["RUN", "--reason", "no_paramters"], "did you mean `no_parameters`?"),
        (stats, ["RUM"], "is not a run folder; did you mean"),
        (status, ["RUM"], "is not a run folder; did you mean"),
        (diff, ["RUN", "RUM"], "is not a run folder; did you mean"),
    ],
)
def test_a_wrong_word_is_one_sentence(store: Store, command: click.Command, arguments: list[str], told: str) -> None:
    names: dict[str, Callable[[Store], Path]] = {
        "RUN": lambda run: run.root,
        "RUM": lambda run: run.root.with_name("rum"),
    }
    assert told in refused(command, *(names[each](store) if each in names else each for each in arguments))


def test_the_nearest_id_is_named(store: Store) -> None:
    id = next(iter(ShardRecords(store, 0).entries))
    wrong = id[:-1] + ("0" if id[-1] != "0" else "1")
    assert f"did you mean {id}?" in refused(show, store.root, wrong)


def test_lines_of_what_the_parser_does_not_read() -> None:
    raw = RawCode("i", "s", "p.py", "MIT", "print 'x'\n\ndef f(a):\n  print a\n", "python2")
    assert line_of(raw, "f") is None and line_of(raw, "", "SyntaxError: bad (<unknown>, line 3)") == 3
    assert line_of(raw, "", "open in line 3") is None  # another file's line: this one has no such word


def test_bash_completes_commands_stages_and_reasons(store: Store) -> None:
    script = f"""
        shopt -s expand_aliases
        eval "$({sys.executable} -m build completion)"
        complete_last() {{
            COMPREPLY=(); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _codeio_completion codeio; echo "${{COMPREPLY[*]}}"
        }}
        COMP_WORDS=(codeio rej); complete_last
        COMP_WORDS=(codeio rejects {store.root} --stage unify --reason no_p); complete_last
    """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[:2] == ["rejects", "no_parameters"], done.stderr


def test_a_whole_id_ends_the_search_where_it_is_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    lines = Store.lines

    def counting(store: Store, stage: str, shard: int) -> Iterator[bytes]:
        read.append(shard)
        yield from lines(store, stage, shard)

    monkeypatch.setattr(Store, "lines", counting)
    id = next(iter(ShardRecords(store, 0).entries))
    assert lookup.find(store, id) == [(0, id)] and set(read) == {0}
    assert lookup.find(store, id[:19]) == [(0, id)] and len(set(read)) == store.shards()
