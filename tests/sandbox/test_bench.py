"""The bench commands on small files: they need to be asked before they run anything unprotected, and they count right."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from build.bench.sandbox import bench

pytest.importorskip("psutil")


def jsonl(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_the_baselines_are_refused_without_the_flag(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "f.jsonl", {"code": "", "generator": ""})
    for arguments in (["sandbox", "--functions", str(path)], ["agree", str(path)]):
        result = CliRunner().invoke(bench, arguments)
        assert result.exit_code == 1
        assert "--unsafe-exec" in result.output


def test_the_bench_measures_every_stage(tmp_path: Path) -> None:
    code = "def main_solution(x):\n    return x * 2"
    generator = "import random\ndef input_generator():\n    return {'x': random.randint(0, 9999)}"
    path = jsonl(tmp_path / "f.jsonl", {"code": code, "generator": generator})
    target = tmp_path / "figures.json"
    result = CliRunner().invoke(bench, ["sandbox", "--functions", str(path), "--unsafe-exec", "--json", str(target)])
    assert result.exit_code == 0, result.output
    assert result.output.count("0 functions with other pairs") == 4
    assert json.loads(target.read_text())["measures"]["sandbox"]["grouped checks"]["items"] == 10


def test_agreement_counts_pairs_and_explains_a_difference(tmp_path: Path) -> None:
    pairs = [{"input": {"x": 1}, "output": 2}, {"input": {"x": 2}, "output": 9}]
    path = jsonl(
        tmp_path / "f.jsonl",
        {"refcode": "def main_solution(x):\n    return x * 2", "ios": pairs},
        {
            # Replica 1 always draws 0.7966...; a fresh interpreter draws something below it in most of 24 calls.
            "refcode": "import random\ndef main_solution(x):\n    return int(random.random() < 0.7966)",
            "ios": [{"input": {"x": number}, "output": 0} for number in range(24)],
        },
    )
    result = CliRunner().invoke(bench, ["agree", str(path), "--unsafe-exec"])
    assert result.exit_code == 0, result.output
    assert "2 functions: functions that differ 1" in result.output
    assert "(random)" in result.output


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(bench, ["agree", str(jsonl(tmp_path / "f.jsonl", {"text": ""})), "--unsafe-exec"])
    assert "f.jsonl, row 1: needs code and generator, or refcode and ios" in result.output
