"""The report of the arms says what the scores say."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

from datasets import Dataset

from build.core.errors import RunError
from eval.rows import Where, load
from eval.run_folder import Response, Run, ScoredItem
from recipes.arms import report_arms


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight tasks on four functions: half of the outputs are `true`."""
    folder = tmp_path / "subset"
    tasks: list[dict[str, Any]] = []
    told = []
    for number in range(8):
        about = {"id": f"t{number}", "function_id": f"f{number // 2}", "task": "output"}
        output = "true" if number % 2 else f"{number + 40}"
        prompt = [{"role": "user", "content": f"Task {number}"}]
        tasks.append(about | {"prompt": prompt, "code": f"code {number}", "input": "{}", "output": output})
        told.append(
            about
            | {"steps": 4 * number, "complete": number < 6, "completion": [{"role": "assistant", "content": "So."}]}
        )
    layout = ""
    for name, rows in (("rl", tasks), ("told", told)):
        (folder / name).mkdir(parents=True)
        Dataset.from_list(rows).to_parquet(folder / name / "test.parquet")
        layout += f"- config_name: {name}\n  description: {tmp_path.name}\n  data_files:\n"
        layout += f"  - split: test\n    path: {name}/test.parquet\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n{layout}---\n", encoding="utf-8")
    counts = {f"{name} {what}": 7 for name in ("codeio", "codeio_pp") for what in ("rows", "functions", "tokens")}
    (folder / "subset.json").write_text(json.dumps({"counts": counts}), encoding="utf-8")
    return folder


def arm(root: Path, name: str, data: Path, right: set[int]) -> None:
    """A scored run in which the tasks of these numbers are right and the last one was cut."""
    run = Run(root / "eval" / name)
    items = sorted(load("codeio", Where(None, str(data))), key=lambda item: item.row["id"])
    run.append(
        "codeio", [Response(item.id, "", f"{name} says {item.row['id']}", n == 7) for n, item in enumerate(items)]
    )
    run.write_scores(
        "codeio", [ScoredItem(item.id, item.group, float(n in right), n != 7, n == 7) for n, item in enumerate(items)]
    )


def test_figures_differences_and_changed_items(tmp_path: Path, data: Path) -> None:
    root = tmp_path / "out"
    arm(root, "base", data, set())
    arm(root, "control", data, {1})
    arm(root, "codeio", data, {0, 2, 3, 5})
    curve = [{"benchmark_accuracy": 0.25, "tokens_seen": 1234.0, "step": 1}]
    (root / "models" / "codeio_stage1").mkdir(parents=True)
    (root / "models" / "codeio_stage1" / "trainer_state.json").write_text(json.dumps({"log_history": curve}), "utf-8")
    shown = report_arms(root, data)
    report = (root / "report.md").read_text("utf-8")
    for text in (shown, report):
        line = next(line for line in text.splitlines() if "CODEI/O, then stage 2" in line)
        assert "50.0 (" in line and "12.5" in line  # four of eight right, two of the four that are no guess; one cut
        difference = next(line for line in text.splitlines() if "CODEI/O, then stage 2 − stage 2 only" in line)
        assert "+37.5 (" in difference and "4 gained, 1 lost" in difference and "+50.0 (" in difference
    assert "8 output predictions on 4 functions" in report and "4 of them non-trivial" in report
    assert "Always answering `true` would get 50.0 %" in report
    assert "| told completely" in report and "| 6 to 11 steps " in report and "1,234" in report
    assert "codeio says t0" in report and "control says t1" in report and "## Items lost" in report
    assert "gained: CODEI/O, then stage 2 against stage 2 only (4)" in report


def test_no_arm_is_one_sentence(tmp_path: Path, data: Path) -> None:
    with pytest.raises(RunError, match="has no arm"):
        report_arms(tmp_path / "out", data)
    (tmp_path / "out" / "eval" / "base").mkdir(parents=True)
    with pytest.raises(RunError, match="has no scores"):
        report_arms(tmp_path / "out", data)
