"""The 13-gram check: what is normalised away, what is found, what is not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from build.matching.benchmarks import BY_NAME, items
from build.matching.ngrams import ngrams, words
from eval.benchmarks import BENCHMARKS
from eval.cli import main
from eval.contamination import training_texts
from eval.rows import load
from tests.eval.test_scorers import ROWS

LETTERS = st.lists(st.text("abcxyz", min_size=1, max_size=5), min_size=13, max_size=30)


@given(LETTERS, st.data())
def test_punctuation_digits_blanks_and_case_make_no_difference(parts: list[str], data: st.DataObject) -> None:
    separators = data.draw(
        st.lists(st.sampled_from([" ", "\n\n", ", ", " 42 ", " - ", "7", " (", "_"]), min_size=len(parts))
    )
    noisy = "".join(part.upper() + separator for part, separator in zip(parts, separators))
    assert list(ngrams(noisy)) == list(ngrams(" ".join(parts)))


@given(LETTERS)
def test_there_is_a_gram_for_each_start(parts: list[str]) -> None:
    assert len(list(ngrams(" ".join(parts)))) == len(parts) - 12


def test_a_chinese_character_is_a_word() -> None:
    assert words("返回 x 的两倍。2") == ["返", "回", "x", "的", "两", "倍"]


def test_a_copied_question_is_found_and_a_near_one_is_not(tmp_path: Path) -> None:
    question = json.loads((Path(str(ROWS.data)) / "drop.jsonl").read_text().split("\n")[0])["passage"]
    near = " ".join(word if number % 12 else "instead" for number, word in enumerate(question.split()))
    results = {}
    for name, text in (("copied", question), ("near", near)):
        training = tmp_path / f"{name}.jsonl"
        training.write_text(json.dumps({"messages": [{"role": "user", "content": f"Before. {text} After."}]}) + "\n")
        output = tmp_path / f"{name}.leaks"
        arguments = ["contamination", str(training), "--data", str(ROWS.data), "--output", str(output)]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        results[name] = [json.loads(line)["benchmark"] for line in output.read_text().split("\n") if line]
    assert results == {"copied": ["DROP", "DROP"], "near": []}


def test_a_broken_line_is_named_and_costs_itself_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.jsonl").write_text('{"a": "b"}\nbroken\n{"a": "c"}\n')
    assert list(training_texts(str(tmp_path / "train.jsonl"))) == ["b", "c"]
    assert re.search(r"train\.jsonl: line 2", capsys.readouterr().err)


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda each: each.name)
def test_the_pipeline_holds_data_against_the_same_questions(benchmark: Any) -> None:
    known = (
        BY_NAME[{"cruxeval_i": "cruxeval", "cruxeval_o": "cruxeval"}.get(benchmark.name, benchmark.name.split("_")[0])]
        if benchmark.name not in BY_NAME
        else BY_NAME[benchmark.name]
    )
    held = {part for item in items(known, Path(str(ROWS.data))) for part in (*item.texts, *item.codes)}
    asked = {part for item in load(benchmark.name, ROWS) for part in benchmark.question(item.row)}
    assert asked and asked <= held
    assert {source.path for source in known.hub} <= {source.path for source in benchmark.sources}
