"""The agreement command, on a graded set of two items with one deliberate difference."""

import json
from pathlib import Path

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from click.testing import CliRunner

from eval.cli import main


def test_a_difference_is_counted_and_shown_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "gsm8k").mkdir()
    rows = [
        {"question": "?", "ground_truth": "x\nA: 7", "model": {"is_correct": True, "solution": "so\nA: 7"}},
        {"question": "?", "ground_truth": "x\nA: 7", "model": {"is_correct": True, "solution": "so\nA: 8"}},
    ]
    (tmp_path / "gsm8k" / "graded_solutions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = CliRunner().invoke(main, ["agreement", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "GSM8K, model, 1: ours False, theirs True" in result.output
    assert "1 / 2" in result.output


def test_a_folder_without_graded_sets_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["agreement", str(tmp_path)])
    assert (result.exit_code, "has none of the folders" in result.output) == (1, True)
