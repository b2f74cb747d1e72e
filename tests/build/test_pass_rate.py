"""The pass rates of a policy behind an endpoint, as a column of a dataset."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from datasets import load_dataset

from build.__main__ import main
from build.bench.fake_endpoint import FakeEndpoint, completion

CODE = "def main_solution(x):\n    return x * x\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {
            "id": str(number),
            "function_id": "f",
            "task": task,
            "prompt": [{"role": "user", "content": f"Question {number}, {task}?"}],
            "code": CODE,
            "input": f'{{"x": {number}}}',
            "output": str(number * number),
            "pass_rate": None if task == "step" else 1.0,
        }
        for number, task in enumerate(("output", "input", "step"))
    ]
    folder = tmp_path / "data"
    (folder / "rl").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "rl" / "train.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: rl\n  data_files:\n  - {split: train, path: rl/train.parquet}\n---\n"
    )
    return folder


def measured(data: Path, url: str, *more: str) -> Result:
    options = ["--model", "policy", "--endpoint", url, "--out", str(data.parent / "out"), "--samples", "4", *more]
    return CliRunner().invoke(main, ["pass-rate", str(data), *options, "--workers", "1"], catch_exceptions=True)


def test_the_rates_are_those_of_the_rollouts_and_no_answer_is_asked_for_twice(data: Path) -> None:
    asked: list[str] = []

    async def reply(body: dict[str, Any]) -> dict[str, Any]:
        question = body["messages"][-1]["content"]
        asked.append(question)
        if "input" in question:  # right by another way, three times of four
            return completion('{"input": {"x": -1}}' if asked.count(question) < 4 else "I do not know.")
        return completion('{"output": 0}' if "output" in question else "")

    with FakeEndpoint(reply) as server:
        result = measured(data, server.url)
        assert result.exit_code == 0, result.output
        assert sum("Question" in each for each in asked) >= 12
        before = len([each for each in asked if "step" not in each])  # an empty answer is no answer to keep
        again = measured(data, server.url)
        assert again.exit_code == 0
        assert len([each for each in asked if "step" not in each]) == before
    assert (
        "| input  |           1 | 75.0%" in result.output
        and again.output.split("\n")[-5:] == result.output.split("\n")[-5:]
    )
    rows = load_dataset(str(data.parent / "out"), "rl", split="train", cache_dir=str(data.parent / "cache")).to_list()
    assert [row["pass_rate"] for row in rows] == [1.0, 0.75, 0.0]
    assert {(row["rollouts"], row["policy"]) for row in rows} == {(4, "policy")} and rows[0]["code"] == CODE


def test_what_cannot_be_measured_ends_in_one_sentence(data: Path, tmp_path: Path) -> None:
    for where, url, words in (
        (data, "localhost", "`teacher.endpoints`"),
        (tmp_path / "no", "http://[::1]:1/v1", "cannot be read"),
    ):
        error = measured(where, url).exception
        assert words in str(error)
