"""A subset counts its tokens, shares no function between training and tasks, and a row may be a conversation."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from click.testing import CliRunner
from datasets import Dataset, load_dataset

from build.core.errors import ConfigError
from recipes.__main__ import main
from recipes.subset import SubsetRules, draw_subset

TEMPLATE = Path(__file__).resolve().parents[2] / "recipes" / "templates" / "chatml.jinja"
RULES = SubsetRules(
    tokens=4000,
    tests=5,
    max_length=400,
    question_length=400,
    turns=1,
    tasks=("output",),
    complete_only=False,
    per_function=9,
    seed=1,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight functions with six questions each; those of the last two are the test split."""
    folder = tmp_path_factory.mktemp("dataset")
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number in range(8):
        for value in range(6):
            task = "input" if value == 5 else "output"
            shown = f'{{"n": {value}}}' if task == "output" else f"{value + number}"
            about = {
                "id": f"{number}-{value}",
                "function_id": f"f{number}",
                "task": task,
                "prompt": [{"role": "user", "content": f"Add {number}.\n\nGiven this:\n\n{shown}"}],
            }
            training = about | {
                "completion": [{"role": "assistant", "content": f'It is {{"output": {value + number}}}'}],
                "complete": value != 4,
                "steps": value,
            }
            split = "test" if number > 5 else "train"
            for name in ("codeio", "codeio_pp"):
                rows.setdefault((name, split), []).append(training)
            rl = {"code": "…", "input": f'{{"n": {value}}}', "output": f"{value + number}"}
            rows.setdefault(("rl", split), []).append(about | rl)
    layout = ""
    for name in ("codeio", "codeio_pp", "rl"):
        layout += f"- config_name: {name}\n  data_files:\n"
        for split in ("train", "test"):
            (folder / name).mkdir(exist_ok=True)
            Dataset.from_list(rows[name, split]).to_parquet(folder / name / f"{split}.parquet")
            layout += f"  - split: {split}\n    path: {name}/{split}.parquet\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n{layout}---\n", encoding="utf-8")
    return folder


def drawn(dataset: Path, out: Path, model: Path, **changed: Any) -> tuple[dict[str, int], list[dict[str, Any]]]:
    rules = SubsetRules(**{name: changed.get(name, getattr(RULES, name)) for name in RULES.__dataclass_fields__})
    counts = draw_subset(dataset, out, rules, str(model), TEMPLATE)
    return counts, list(load_dataset(str(out), "codeio", split="train"))


def test_tokens_functions_and_tasks(dataset: Path, model: Path, tmp_path: Path) -> None:
    counts, rows = drawn(dataset, tmp_path / "out", model)
    assert counts["codeio tokens"] == sum(row["tokens"] for row in rows) <= 4000
    assert {row["task"] for row in rows} == {"output"} and counts["codeio functions"] == 6
    tests = list(load_dataset(str(tmp_path / "out"), "rl", split="test"))
    assert len(tests) == 5 and {row["function_id"] for row in tests} == {"f6", "f7"}
    assert [row["id"] for row in load_dataset(str(tmp_path / "out"), "told", split="test")] == [
        row["id"] for row in tests
    ]
    again, same = drawn(dataset, tmp_path / "out", model)
    assert (again, same) == (counts, rows)
    assert json.loads((tmp_path / "out" / "subset.json").read_text("utf-8"))["counts"] == counts


def test_tokens_go_to_one_question_of_each_function_first(dataset: Path, model: Path, tmp_path: Path) -> None:
    one = drawn(dataset, tmp_path / "all", model)[1][0]["tokens"]
    _, rows = drawn(dataset, tmp_path / "out", model, tokens=one * 7)
    assert len({row["function_id"] for row in rows[:6]}) == 6


def test_complete_tellings_only(dataset: Path, model: Path, tmp_path: Path) -> None:
    _, rows = drawn(dataset, tmp_path / "all", model, tokens=10**6)
    _, told = drawn(dataset, tmp_path / "told", model, tokens=10**6, complete_only=True)
    assert (len(rows), len(told)) == (6 * 5, 6 * 4)


def test_a_row_may_be_a_conversation(dataset: Path, model: Path, tmp_path: Path) -> None:
    counts, rows = drawn(dataset, tmp_path / "out", model, turns=3, tokens=10**6, per_function=5)
    assert counts["codeio answers"] == 30 and len(rows) == 12
    for row in rows:
        given = [turn["content"] for turn in row["prompt"] + row["completion"] if turn["role"] == "user"]
        answers = [turn["content"] for turn in row["completion"] if turn["role"] == "assistant"]
        number = int(row["function_id"][1:])
        for text, answer in zip(given, answers, strict=True):  # each answer is that to the input before it
            value = json.loads(text.rpartition("\n\n")[2])["n"]
            assert json.loads(answer.removeprefix("It is ")) == {"output": value + number}
    short, _ = drawn(dataset, tmp_path / "short", model, turns=3, tokens=10**6, max_length=rows[0]["tokens"] - 1)
    assert short["codeio answers"] <= 30


def test_nothing_left_is_one_sentence(dataset: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no row is left under these rules"):
        drawn(dataset, tmp_path / "out", model, max_length=5, question_length=5)
    command = ["subset", str(tmp_path / "none"), str(tmp_path / "out"), "--model", str(model), "--tokens", "9"]
    told = CliRunner().invoke(main, command)
    assert told.exit_code == 1 and "no dataset" in told.output and "Traceback" not in told.output


def test_no_constant_answer_is_right_for_many_tasks(dataset: Path, model: Path, tmp_path: Path) -> None:
    drawn(dataset, tmp_path / "out", model, tests=40)
    outputs = [row["output"] for row in load_dataset(str(tmp_path / "out"), "rl", split="test")]
    assert max(outputs.count(each) for each in outputs) == 2  # of ten tasks that the two functions have
    drawn(dataset, tmp_path / "few", model, tests=9)
    outputs = [row["output"] for row in load_dataset(str(tmp_path / "few"), "rl", split="test")]
    assert len(outputs) == len(set(outputs)) == 6
