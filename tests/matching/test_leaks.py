"""Planted leaks are found with the item that they repeat, and nothing else is."""

import json
import random
from pathlib import Path

import pytest

from build.bench.rewriting import REWRITINGS
from build.core.errors import ConfigError
from build.matching.benchmarks import BENCHMARKS, BY_NAME, Benchmark, Item, items
from build.matching.leaks import LeakIndex, Text, index
from tests.matching.corpus import programs

ROWS = Path(__file__).resolve().parents[1] / "eval" / "rows"


def as_item(code: str) -> str:
    """A program as a benchmark has it: without the function that hands on, the last one called f."""
    return code.rpartition("def main_solution")[0].strip() + "\n"


@pytest.fixture(scope="module")
def known() -> LeakIndex:
    return LeakIndex(
        index(Item("own", f"own {n}", (), (as_item(code),)) for n, code in enumerate(programs()[::2])), 0.8
    )


@pytest.mark.parametrize("kind", list(REWRITINGS))
def test_planted_code_is_found_and_other_code_is_not(known: LeakIndex, kind: str) -> None:
    every = programs()
    held = {form for code in every[::2] for form in [as_item(code)]}
    planted = [REWRITINGS[kind](code, random.Random(number)) for number, code in enumerate(every[::2])]
    others = [code for code in every[1::2] if as_item(code) not in held]
    found = list(known.find([Text("", code) for code in planted]))
    clean = list(known.find([Text("", code) for code in others]))
    right = sum(leak is not None for leak in found)
    # Functions of the library share helpers: one that is an item itself may stand in another function, and is found there.
    wrong = [leak for leak, code in zip(clean, others) if leak and not _shares_code(leak.shared, code, every[::2])]
    assert right / len(planted) >= (0.98 if kind != "edited" else 0.5)
    assert right / (right + len(wrong)) >= (0.98 if kind != "edited" else 0.95)


def _shares_code(shared: str, code: str, known_codes: list[str]) -> bool:
    name = shared.rpartition(" ")[2]
    return any(f"def {name}(" in known for known in known_codes) or name == "main_solution"


def test_text_is_found_in_query_description_and_docstring() -> None:
    question = "A farmer has seventeen sheep and all but nine of them run away one night, how many are left?"
    held = LeakIndex(
        index([Item("own", "own 0", ("Nothing of interest.",), ()), Item("own", "own 1", (question,), ())]), 0.8
    )
    code = f'def main_solution(a):\n    """{question.upper()}"""\n    return a\n'
    texts = [Text("No question at all.", ""), Text(f"Solve: {question}", ""), Text(code, code)]
    first, second, third = held.find(texts)
    assert first is None
    assert second and third and second.item == third.item == "own 1" and second.rule == "text"
    assert "afarmerhasseventeensheep" in second.shared


def test_a_call_alone_is_an_item_only_as_the_whole_function() -> None:
    held = LeakIndex(index([Item("own", "own 0", (), ("def f(a):\n    return len(a)\n",))]), 0.8)
    whole = "def main_solution(values):\n    return len(values)\n"
    part = "def helper(v):\n    return len(v)\n\ndef main_solution(x):\n    return [helper(y) for y in x if y]\n"
    assert [leak and leak.rule for leak in held.find([Text("", whole), Text("", part)])] == ["code", None]


def test_an_index_of_nothing_finds_nothing() -> None:
    assert list(LeakIndex(index([]), 0.8).find([Text("text", "def main_solution(): return 1")])) == [None]


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda each: each.name)
def test_every_benchmark_is_read_from_a_local_copy(benchmark: Benchmark) -> None:
    found = list(items(benchmark, ROWS))
    assert found and all(item.texts or item.codes for item in found)
    assert len({item.id for item in found}) == len(found)


def test_rows_that_cannot_be_had_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gsm8k\.jsonl is missing; add it, or leave gsm8k out"):
        list(items(BY_NAME["gsm8k"], tmp_path))
    (tmp_path / "gsm8k.jsonl").write_text(json.dumps({"answer": "1"}) + "\n")
    with pytest.raises(ConfigError, match="row 0 of the benchmark gsm8k lacks 'question'; its keys are answer"):
        list(items(BY_NAME["gsm8k"], tmp_path))
