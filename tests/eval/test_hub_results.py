"""The files in which the Hub keeps a model's results."""

from pathlib import Path

import yaml

from eval.benchmarks import BY_NAME
from eval.hub_results import write_hub_results
from eval.run_folder import Column


def column(name: str, n: int, items: int) -> Column:
    return Column(name, name.upper(), n, items, 61.2345, 1.0, 60.0, 62.0, 0.0, 0.0, 0, 1)


def test_whole_registered_benchmarks_have_a_file_and_no_other(tmp_path: Path) -> None:
    items = BY_NAME["gsm8k"].items
    (written,) = write_hub_results([column("gsm8k", items, items), column("gpqa", 448, 448)], tmp_path)
    assert written == tmp_path / ".eval_results" / "gsm8k.yaml"
    (result,) = yaml.safe_load(written.read_text())
    assert result["dataset"] == {"id": "openai/gsm8k", "task_id": "gsm8k"} and result["value"] == 61.23
    assert "zero-shot" in result["notes"]


def test_a_part_of_a_benchmark_is_no_result_for_the_hub(tmp_path: Path) -> None:
    assert write_hub_results([column("gsm8k", 10, BY_NAME["gsm8k"].items)], tmp_path) == []
    assert not (tmp_path / ".eval_results").exists()
