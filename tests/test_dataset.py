"""The published dataset: every config loads as it will for a user, from the folder, from the class and from a Hub."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import httpx2
import pytest
import yaml
from click.testing import CliRunner
from datasets import load_dataset
from huggingface_hub import DatasetCard
from huggingface_hub.errors import HfHubHTTPError
from pyarrow.parquet import read_table
from tenacity import wait_none

from build import builder
from build.core.config import read_data_recipe
from build.core.errors import RunError
from build.core.records import Task
from build.core.store import Store
from build.core.values import values_match
from build.report.card import size_category, write_card
from build.report.check import check
from build.report.folder import dataset_faults
from build.report.summary import print_summary, yield_table
from build.report.view.from_dataset import from_dataset
from build.report.view.from_run import from_run
from build.report.view.items import Dropped, File, Function, Row
from build.sandbox import Limits, Program, Sandbox
from build.stages import publish
from build.stages.assemble import CONFIGS, SPLITS, ordered_rows
from build.verify import Check, read_answer, verify
from codeio_dataset import CodeIO, main, materialise
from recipes.environments.questions import Question
from tests.build.conftest import RAW_FILES, write_recipe, write_scrambled
from tests.loopback_hub import LoopbackHub

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_recipe(folder := tmp_path_factory.mktemp("dataset"))
    write_scrambled(folder / "raw")
    return path


@pytest.fixture(scope="module")
def folder(recipe_path: Path) -> Path:
    return materialise(recipe_path)[2]


@pytest.fixture
def own_run(recipe_path: Path, folder: Path, tmp_path: Path) -> Path:
    """The recipe of a copy of the finished run, which a test may damage."""
    written = yaml.safe_load(recipe_path.read_text("utf-8"))
    shutil.copytree(written["run"], tmp_path / "run")
    return write_recipe(tmp_path, sources=written["sources"])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("streaming", [False, True])
def test_every_config_loads_from_the_folder(folder: Path, tmp_path: Path, config: str, streaming: bool) -> None:
    for split in SPLITS:
        data = load_dataset(str(folder), config, split=split, streaming=streaming, cache_dir=str(tmp_path))
        assert len(list(data)) > 0


def test_train_and_test_share_no_function(folder: Path, tmp_path: Path) -> None:
    data = load_dataset(str(folder), "codeio", cache_dir=str(tmp_path))
    assert not set(data["train"]["function_id"]) & set(data["test"]["function_id"])
    codes = load_dataset(str(folder), "functions", cache_dir=str(tmp_path))
    assert not set(codes["train"]["refcode"]) & set(codes["test"]["refcode"])


def test_rows_are_what_trl_and_the_verifier_take(folder: Path, tmp_path: Path) -> None:
    answers = {row["id"]: row for row in load_dataset(str(folder), "rl", split="train", cache_dir=str(tmp_path))}
    rows = load_dataset(str(folder), "codeio", split="train", cache_dir=str(tmp_path))
    assert len(set(rows["id"])) == len(rows) == sum(row["task"] in ("output", "input") for row in answers.values())
    for row in rows:
        assert [turn["role"] for turn in (*row["prompt"], *row["completion"])] == ["user", "assistant"]
        if row["task"] == "output" and row["correct"]:
            answer = json.loads(read_answer(row["completion"][0]["content"], "output"))
            assert values_match(answer, json.loads(answers[row["id"]]["output"]))


def test_rl_holds_questions_of_every_task_and_their_gold_answers_pass(folder: Path, tmp_path: Path) -> None:
    rows = {split: list(load_dataset(str(folder), "rl", split=split, cache_dir=str(tmp_path))) for split in SPLITS}
    assert {row["task"] for row in rows["train"]} == set(get_args(Task))
    gold = [Question(**{name: row[name] for name in Question.__dataclass_fields__}) for row in rows["train"]]
    checks = [
        Check(Program(one.code), row["task"], one.input, one.output, one.gold) for one, row in zip(gold, rows["train"])
    ]
    with Sandbox() as sandbox:
        assert all(verdict.correct for verdict in verify(checks, sandbox))
    steps = load_dataset(str(folder), "steps", split="train", cache_dir=str(tmp_path))
    in_rl = [row for row in rows["train"] if row["task"] == "step"]
    assert steps.select_columns(list(in_rl[0])).to_list() == in_rl
    assert len(set(steps["kind"])) >= 3 and max(Counter(steps["function_id"]).values()) == 3
    for one in (row for row in rows["train"] if row["task"] == "induction"):
        shown = [
            line.removeprefix("Input: ") for line in one["prompt"][0]["content"].split("\n") if line[:6] == "Input:"
        ]
        hidden = json.loads(one["input"])
        assert len(hidden) == len(json.loads(one["output"])) >= 2
        assert not [each for each in hidden if each in map(json.loads, shown)]


def test_traces_have_the_ids_of_their_rationales(folder: Path, tmp_path: Path) -> None:
    rationales = {row["id"]: row for row in load_dataset(str(folder), "codeio", split="train", cache_dir=str(tmp_path))}
    traces = load_dataset(str(folder), "traces", split="train", cache_dir=str(tmp_path))
    assert len(traces) > 0.8 * sum(row["task"] == "output" for row in rationales.values())
    for row in traces:
        about = rationales[row["id"]]
        assert (about["task"], about["function_id"]) == ("output", row["function_id"])
        assert row["completion"].endswith("<|end_of_text|>") and row["input"] in about["prompt"][0]["content"]
        assert (row["prompt"] + row["completion"]).count("<|action_sep|>") == row["frames"]


def test_pp_holds_the_revision_and_turns_hold_the_official_fields(folder: Path, tmp_path: Path) -> None:
    joined = load_dataset(str(folder), "codeio_pp", split="train", cache_dir=str(tmp_path))
    turns = load_dataset(str(folder), "turns", split="train", cache_dir=str(tmp_path))
    assert turns.column_names == ["id", "prompt", "turn_1", "feedback_1", "turn_2", "feedback_2"]
    assert turns["id"] == joined["id"]
    assert {bool(row["turn_2"]) for row in turns} == {True, False}
    for long, row in zip(joined, turns):
        text = long["completion"][0]["content"]
        assert all(row[key] in text for key in turns.column_names[2:] if row[key])
        assert (long["verdict_2"] is None) == (row["turn_2"] is None)


def test_the_page_of_a_dataset_shows_the_rows_of_its_run(folder: Path) -> None:
    of_run = {item.id: item for item in from_run(Store(folder.parent)).items if isinstance(item, Row)}
    of_dataset = {item.id: item for item in from_dataset(folder, "small").items if isinstance(item, Row)}
    assert of_run.keys() == of_dataset.keys() and {len(row.turns) for row in of_run.values()} == {1, 2}
    for id, row in of_run.items():
        published = of_dataset[id]
        turns = tuple(replace(turn, id="") for turn in row.turns)
        assert published == replace(row, question="", pair="", turns=turns, split=published.split)
    assert any(part.lines for row in of_run.values() for turn in row.turns[1:] for part in turn.parts)


def test_the_page_of_a_run_names_what_its_records_come_from(folder: Path) -> None:
    known: set[str] = {""}
    dropped: dict[str, Dropped] = {}
    for item in from_run(Store(folder.parent)).items:
        match item:
            case File():
                known.add(item.id)
            case Function():
                assert item.file in known
                known |= {item.id, *(pair.id for pair in item.pairs)}
            case Row():
                assert {item.function, item.pair} <= known
            case Dropped():
                assert {item.file, item.function} <= known
                dropped[item.reason] = item
    place = dropped["no_parameters"]
    assert place.path == "refused.py" and place.line
    assert RAW_FILES["refused.py"].split("\n")[place.line - 1] == "def no_arguments() -> int:"
    assert dropped["nondeterministic"].function and dropped["unparsable"].path.endswith("broken.py")


def test_the_class_gives_the_same_rows(folder: Path, recipe_path: Path, tmp_path: Path) -> None:
    builder = CodeIO(config_name="codeio_pp", recipe=str(recipe_path), cache_dir=str(tmp_path / "builder"))
    builder.download_and_prepare()
    loaded = load_dataset(str(folder), "codeio_pp", cache_dir=str(tmp_path))
    assert builder.as_dataset(split="test").to_list() == loaded["test"].to_list()


def test_the_card_names_sources_licenses_and_yield(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert "Apache-2.0" in card and "| sample" in card and "lengths.png" in card
    assert DatasetCard.load(folder / "README.md").data.license == "apache-2.0"
    assert (folder / "lengths.png").read_bytes().startswith(b"\x89PNG")


def test_the_header_is_what_the_hub_reads(folder: Path, tmp_path: Path) -> None:
    header = DatasetCard.load(folder / "README.md").data.to_dict()
    assert (header["pretty_name"], header["size_categories"]) == ("CodeI/O: small", ["n<1K"])
    assert (header["source_datasets"], header["task_categories"]) == (["original"], ["text-generation"])
    assert {"code", "reasoning", "rl-environment", "verifiers"} <= set(header["tags"]) and header["language"] == [
        "en",
        "code",
    ]
    assert [each["config_name"] for each in header["configs"] if each.get("default")] == ["codeio_pp"]
    named = {file["path"] for each in header["configs"] for file in each["data_files"]}
    assert all(set(each) <= {"config_name", "data_files", "default"} for each in header["configs"])
    found = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.parquet")}
    assert all(sum(PurePosixPath(path).match(pattern) for pattern in named) == 1 for path in found)
    card = (folder / "README.md").read_text()
    (row,) = (json.loads(part.partition("```")[0]) for part in card.split("```json\n")[1:])
    published = load_dataset(str(folder), "codeio_pp", cache_dir=str(tmp_path))
    (same,) = (each for split in published.values() for each in split if each["id"] == row["id"])
    assert list(row) != [] and {**same, "proof": row["proof"]} == row
    assert "@inproceedings{" in card and 'load_dataset("ORG/NAME", "codeio_pp")' in card


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (3_521_220, "1M<n<10M"),
        (10**9 - 1, "100M<n<1B"),
        (10**9, "n>1B"),
    ],
)
def test_the_classes_of_size(count: int, told: str) -> None:
    assert size_category(count) == told


def test_the_card_names_the_layers_of_every_part_of_a_run(recipe_path: Path, tmp_path: Path) -> None:
    recipe = read_data_recipe(recipe_path)
    store = Store(tmp_path / "run")
    shutil.copytree(recipe.run, store.root, ignore=shutil.ignore_patterns("dataset*"))
    manifest = store.manifest()
    bare = {"code": "later", "isolation": {"active": {"rlimits": ""}, "missing": {"seccomp": "no such kernel"}}}
    store.write(store.root / "manifest.json", json.dumps(manifest | {"resumed_under": [bare, bare | {"code": "x"}]}))
    write_card(recipe, store, tmp_path / "card", {config: {"train": 1} for config in CONFIGS})
    (told,) = (
        line for line in (tmp_path / "card" / "README.md").read_text().split("\n") if "layers of the sandbox" in line
    )
    assert told.endswith("; later rlimits (missing: seccomp).") and told.count("missing") == 2


def test_the_card_names_each_license_of_mixed_rows(tmp_path: Path) -> None:
    for name, stated in (("a", "MIT"), ("b", "GPL-3.0-only OR Apache-2.0"), ("c", "Somebody's own")):
        (tmp_path / name).mkdir()
        text = RAW_FILES["numbers.py"].replace("    return", f"    {name} = 1\n    return")
        (tmp_path / name / "code.py").write_text(f"# SPDX-License-Identifier: {stated}\n{text}")
    sources = [{"kind": "folder", "name": str(tmp_path / name)} for name in "abc"]
    folder = materialise(
        write_recipe(tmp_path, sources=sources, collect={"licenses": ["any"]}, duplicates={"drop": "none"})
    )[2]
    assert DatasetCard.load(folder / "README.md").data.license == ["apache-2.0", "gpl-3.0", "mit", "other"]


def test_the_summary_reads_the_conversations_of_one_shard_alone(
    folder: Path, recipe_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read: set[int] = set()
    kept = Store.kept
    recipe = read_data_recipe(recipe_path)

    def counting(store: Store, kind: type[Any], index: int, before: str = "") -> Iterator[Any]:
        read.add(index)
        yield from kept(store, kind, index, before)

    monkeypatch.setattr(Store, "kept", counting)
    print_summary(recipe, Store(recipe.run), folder)
    assert len(read) == 1 < (Store(recipe.run).shards() or 0)
    assert "response (CODEI/O++)" in capsys.readouterr().out


def test_questions_that_were_not_needed_are_surplus_and_not_rejected(folder: Path, recipe_path: Path) -> None:
    store = Store(read_data_recipe(recipe_path).run)
    total = store.totals("questions")
    assert total.surplus > 0 == total.rejected and total.units == total.kept + total.surplus
    (row,) = (line.split("|") for line in yield_table(store).splitlines() if line.startswith("| questions"))
    assert [int(cell) for cell in row[2:7]] == [total.received, total.units, total.kept, total.surplus, 0]


def test_pushed_to_a_hub_it_loads_from_there(folder: Path, recipe_path: Path, tmp_path: Path) -> None:
    load = """
import sys
from datasets import load_dataset
for config in sys.argv[1:]:
    for streaming in (False, True):
        data = load_dataset("me/small", config, streaming=streaming)
        print(config, streaming, sorted(data), sum(1 for split in data.values() for row in split))
"""
    with LoopbackHub() as hub:
        env = hub.environment(tmp_path)
        push = [sys.executable, "codeio_dataset.py", "--config", str(recipe_path), "--push-to-hub", "me/small"]
        pushed = subprocess.run(push, cwd=ROOT, env=env, capture_output=True, text=True)
        assert pushed.returncode == 0, pushed.stderr
        assert "Published: " in pushed.stdout
        files = set(hub.files("dataset", "me/small"))
        assert files >= {"README.md", "lengths.png", *(f"rl/{each.name}" for each in (folder / "rl").iterdir())}
        loaded = subprocess.run([sys.executable, "-c", load, *CONFIGS], env=env, capture_output=True, text=True)
        assert loaded.returncode == 0, loaded.stderr
        for name, code, told in (
            ("me/small", 0, " rows in "),
            ("me/nothing", 1, "Error: me/nothing: is no folder here"),
        ):
            viewed = subprocess.run(
                [sys.executable, "-m", "build", "view", name, "--output", str(tmp_path / "view")],
                cwd=ROOT,
                env=env,
                capture_output=True,
                text=True,
            )
            assert viewed.returncode == code and told in viewed.stdout + viewed.stderr, viewed.stderr
            assert "Traceback" not in viewed.stderr
        again = write_recipe(
            tmp_path,
            run="again",
            sources=[
                {"kind": "hub", "name": "me/small", "config": "functions", "column": "refcode", "limit": 2},
                {"kind": "functions", "name": "me/small", "config": "functions"},
            ],
        )
        read = subprocess.run(
            [sys.executable, "-m", "build", "run", "--config", str(again)],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
        )
        assert read.returncode == 0, read.stderr
        counts = Store(tmp_path / "again").totals("collect")
        functions = len(load_dataset(str(folder), "functions", split="train", cache_dir=str(tmp_path)))
        assert (counts.received, counts.kept) == (2 + functions, 2 + functions)
        missing = write_recipe(tmp_path, run="missing", sources=[{"kind": "hub", "name": "me/nothing"}])
        failed = subprocess.run(
            [sys.executable, "-m", "build", "run", "--config", str(missing)],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
        )
        assert failed.returncode == 1 and "me/nothing" in failed.stderr and "Traceback" not in failed.stderr
    lines = loaded.stdout.splitlines()
    assert len(lines) == 2 * len(CONFIGS) and all("['test', 'train']" in line for line in lines)


@pytest.mark.parametrize(
    ("repo", "token", "message"),
    [
        ("me/codeio_dataset", "t", "must not be called codeio_dataset"),
        ("bad name/x y", "t", "give ORG/NAME"),
        ("me/mine", "", "export HF_TOKEN"),
    ],
)
def test_an_upload_that_cannot_succeed_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str, token: str, message: str
) -> None:
    monkeypatch.setattr("build.stages.publish.get_token", lambda: token or None)
    path = write_recipe(tmp_path)
    done = CliRunner().invoke(main, ["--config", str(path), "--push-to-hub", repo])
    assert done.exit_code == 1 and message in done.output and not (tmp_path / "run").exists()


@pytest.mark.parametrize("status", [403, 507])
def test_a_storage_that_refuses_an_upload_is_one_sentence(
    folder: Path, recipe_path: Path, tmp_path: Path, status: int
) -> None:
    with LoopbackHub() as hub:
        hub.storage_status = status
        push = [sys.executable, "codeio_dataset.py", "--config", str(recipe_path), "--push-to-hub", "me/small"]
        pushed = subprocess.run(push, cwd=ROOT, env=hub.environment(tmp_path), capture_output=True, text=True)
    assert pushed.returncode == 1 and "Traceback" not in pushed.stderr
    (told,) = (line for line in pushed.stderr.splitlines() if line.startswith("Error: "))
    assert "me/small: the Hub did not take the folder (" in told and told.endswith("run again.")


@pytest.mark.parametrize(("statuses", "taken"), [((503, 429), True), ((403,), False)])
def test_a_hub_that_fails_for_a_moment_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, statuses: tuple[int, ...], taken: bool
) -> None:
    left = list(statuses)

    class Hub:
        def create_repo(self, repo: str, **settings: Any) -> None:
            pass

        def upload_folder(self, **settings: Any) -> str:
            if left:
                request = httpx2.Request("POST", "http://hub")
                raise HfHubHTTPError("no", response=httpx2.Response(left.pop(0), request=request))
            return "commit"

    monkeypatch.setattr(publish, "HfApi", Hub)
    monkeypatch.setattr(publish, "get_token", lambda: "t")
    monkeypatch.setattr(publish, "_WAIT", wait_none())
    if taken:
        assert publish.publish(tmp_path, "me/small", private=False) == "commit"
    else:
        with pytest.raises(RunError, match="check HF_TOKEN"):
            publish.publish(tmp_path, "me/small", private=False)
    assert not left


@pytest.mark.parametrize("lost", ["README.md", "rl", "codeio_pp/*.parquet"])
def test_a_dataset_folder_that_is_not_whole_is_named(own_run: Path, lost: str) -> None:
    _, store, folder = materialise(own_run)
    assert check(store, Limits()).faults == ()
    for found in folder.glob(lost):
        shutil.rmtree(found) if found.is_dir() else found.unlink()
    with pytest.raises(RunError, match=r"remove .*dataset and run the same command again"):
        materialise(own_run)
    assert len(check(store, Limits()).faults) == 1
    shutil.rmtree(folder)
    assert materialise(own_run)[2].exists()


def test_a_dataset_without_a_held_out_split_loads_too(tmp_path: Path) -> None:
    folder = materialise(write_recipe(tmp_path, test_fraction=0.0))[2]
    for config in CONFIGS:
        data = load_dataset(str(folder), config, cache_dir=str(tmp_path))
        assert list(data) == ["train"] and len(data["train"]) > 0


def test_what_is_wrong_with_a_finished_run_is_told_in_one_sentence(own_run: Path) -> None:
    _, store, folder = materialise(own_run)
    shutil.rmtree(folder)
    store.shard_file("revise", 0).write_text("{")
    with pytest.raises(RunError, match=r"line 1: is damaged; remove .*\.jsonl\.zst and run the same command again"):
        materialise(own_run)


def test_a_large_config_lies_in_several_files_with_every_row_in_order(
    own_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "_PART_BYTES", 1)
    monkeypatch.setattr(builder, "_GROUP_ROWS", 2)
    shutil.rmtree(own_run.parent / "run" / "dataset")
    recipe, store, folder = materialise(own_run)
    assert len(list(folder.glob("codeio/train-*.parquet"))) > 2 and dataset_faults(folder) == []
    for config in CONFIGS:
        for split in SPLITS:
            files = sorted(folder.glob(f"{config}/{split}-*.parquet"))
            found = [id for file in files for id in read_table(file, columns=["id"])["id"].to_pylist()]
            made = ordered_rows(config, split, store, range(store.shards() or 0), recipe)
            assert found == [key for key, _ in made]


def test_the_class_does_not_take_another_runs_data_for_this_ones(tmp_path: Path) -> None:
    builders = [
        CodeIO(config_name="rl", recipe=str(write_recipe(tmp_path, run=run)), cache_dir=str(tmp_path / "cache"))
        for run in ("run", "other")
    ]
    assert builders[0].cache_dir != builders[1].cache_dir


def test_the_folders_of_two_runs_are_not_taken_for_one_another(tmp_path: Path) -> None:
    counts = []
    for run in ("a", "b"):  # both folders are called `dataset`, which is all that datasets' cache knows of their place
        pairs = {"pairs_per_function": 1 if run == "a" else 2}
        folder = materialise(write_recipe(tmp_path, run=run, questions=pairs))[2]
        counts.append(len(load_dataset(str(folder), "codeio", split="train", cache_dir=str(tmp_path / "cache"))))
    assert counts[1] > counts[0]
