"""Rows that are missing, changed or of another schema are one sentence that says what was seen and what to do."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from eval import rows
from eval.benchmark import Source
from eval.benchmarks import BENCHMARKS, COLUMNS
from eval.report import quoted_rows
from eval.rows import Unavailable, Where, load
from tests.eval.test_scorers import ROWS

PUZZLE = {"id": "1", "size": "2*2", "puzzle": "p"}


def test_the_paper_asks_38420_questions() -> None:
    """Its 14 counts, with 900 problems of LeetCode-O as 4,414 rows."""
    assert sum(benchmark.items for benchmark in BENCHMARKS) == 38_420


def test_the_columns_are_the_papers_and_its_averages_are_their_means() -> None:
    for row in quoted_rows("Qwen2.5-Coder-7B"):
        assert row.values["AVG"] == pytest.approx(sum(row.values[name] for name in COLUMNS) / 14, abs=0.06)


@pytest.mark.parametrize("name", [benchmark.name for benchmark in BENCHMARKS])
def test_ids_are_stable_and_distinct(name: str) -> None:
    first = [item.id for item in load(name, ROWS)]
    load.cache_clear()
    assert [item.id for item in load(name, ROWS)] == first
    assert len(set(first)) == len(first) > 0


def test_a_row_of_another_schema_names_the_keys_seen(tmp_path: Path) -> None:
    (tmp_path / "gsm8k.jsonl").write_text(json.dumps({"query": "?", "solution": "1"}) + "\n")
    with pytest.raises(Unavailable, match="GSM8K: a row lacks question, answer; the keys seen are query, solution"):
        load("gsm8k", Where(str(tmp_path)))


def test_a_leetcode_row_without_a_known_problem_key_names_its_keys(tmp_path: Path) -> None:
    (tmp_path / "leetcode_o.jsonl").write_text(
        json.dumps({"messages": [{"role": "user", "content": "?"}], "odd": 1}) + "\n"
    )
    with pytest.raises(Unavailable, match="its keys are messages, odd"):
        load("leetcode_o", Where(str(tmp_path)))


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"WinoGrande: .*winogrande\.jsonl is missing"):
        load("winogrande", Where(str(tmp_path)))


def test_a_broken_file_says_which(tmp_path: Path) -> None:
    (tmp_path / "drop.jsonl").write_text("{broken\n")
    with pytest.raises(Unavailable, match=r"DROP: .*drop\.jsonl cannot be read"):
        load("drop", Where(str(tmp_path)))


def test_a_count_that_changed_on_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    two = [{"question": f"{number}?", "answer": "#### 1"} for number in range(2)]
    monkeypatch.setattr(rows, "_read", lambda source: two)
    load.cache_clear()
    with pytest.raises(Unavailable, match="GSM8K: expected 1319 items and got 2"):
        load("gsm8k", Where())


def test_a_gated_data_set_says_what_to_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: Source) -> list[dict]:
        raise OSError("401: gated")

    monkeypatch.setattr(rows, "_read", refused)
    load.cache_clear()
    for name in ("gpqa", "zebralogic"):
        with pytest.raises(Unavailable, match=r"accept the terms .* set HF_TOKEN .*gated"):
            load(name, Where())


def test_livebench_takes_the_releases_of_2024_only(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "question_id": "1",
        "category": "math",
        "task": "math_comp",
        "subtask": "amc_12a",
        "turns": ["?"],
        "ground_truth": "1",
    }
    dates = ["2024-06-24", "2024-07-26", "2024-08-31"]
    monkeypatch.setattr(rows, "_read", lambda source: [row | {"livebench_release_date": date} for date in dates])
    load.cache_clear()
    with pytest.raises(Unavailable, match="expected 672 items and got 8"):  # two of three dates, four categories
        load("livebench", Where())


def test_a_row_that_the_benchmark_holds_twice_counts_twice(tmp_path: Path) -> None:
    row = {"question": "1 + 1?", "answer": "#### 2"}
    (tmp_path / "gsm8k.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    first, second = load("gsm8k", Where(str(tmp_path)))
    assert first.prompt == second.prompt and first.id != second.id  # 250 rows of sports_understanding were 248 items


@pytest.mark.parametrize(
    ("name", "row", "told"),
    [
        (
            "zebralogic",
            {"id": "1", "size": "2*2", "puzzle": "p", "solution": {"header": ["House"], "rows": [["___"]]}},
            "blanked",
        ),
        (
            "zebralogic",
            {"id": "1", "size": "2*2", "puzzle": "p", "solution": {"header": ["House"], "rows": [[None]]}},
            "blanked",
        ),
        (
            "leetcode_o",
            {"messages": [{"role": "user", "content": "?"}], "id": 3, "answer": "1"},
            "no key for the problem",
        ),
        ("leetcode_o", {"messages": [{"role": "user", "content": "?"}], "slug": "two-sum"}, "no key for the output"),
        ("math", {"problem": "p", "level": "1", "type": "Algebra", "solution": "It is 3."}, "without"),
    ],
)
def test_what_could_not_be_scored_is_told_before_anything_is_asked(
    name: str, row: dict[str, Any], told: str, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(Unavailable, match=told):
        load(name, Where(str(tmp_path)))


def test_a_short_commit_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "6a4906b" + "0" * 33
    commits = [SimpleNamespace(commit_id=whole), SimpleNamespace(commit_id="f" * 40)]
    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_commits", lambda *args, **kwargs: commits)
    assert rows._whole_commit(Source("livebench/language", revision="6a4906b")) == whole
    with pytest.raises(ValueError, match="0 commits"):
        rows._whole_commit(Source("livebench/language", revision="1234567"))
