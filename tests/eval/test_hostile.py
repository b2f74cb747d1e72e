"""A hostile response costs at most its own item: every scorer returns, scores it 0, and scores the next one right."""

import pytest

pytest.importorskip("math_verify", reason="pip install -r requirements/eval.txt")

from build.sandbox import Limits, Sandbox
from eval.benchmarks import BENCHMARKS, BY_NAME
from eval.rows import load
from eval.score import judge
from eval.scorers import livebench
from eval.scorers.bounded import costly
from tests.eval.test_scorers import ROWS, right_answer

_EXIT = "[ANSWER]f(__import__('os')._exit(0))[/ANSWER] Answer: __import__('os')._exit(0)"
HOSTILE = {
    "exits": _EXIT,
    "loops": "[ANSWER]f([x for x in iter(int, 1)])[/ANSWER]",
    "ten megabytes on a line": "a" * 10_000_000,
    "ten megabytes of spaces": "Answer:" + " " * 10_000_000,
    "braces": "{" * 50_000,
    "closed braces": "{" * 20_000 + "}" * 20_000,
    "nested JSON": '{"output":' + "[" * 20_000 + "]" * 20_000 + "}",
    "nested JSON in range": '{"solution":' + '{"a":' * 900 + "1" + "}" * 901,
    "brackets": "[[" * 50_000,
    "parentheses": "[ANSWER]" + "(" * 50_000 + "[/ANSWER]",
    "unary minus": "[ANSWER]" + "-" * 15_000 + "1[/ANSWER]",
    "a long sum": "```python\n" + "1+" * 40_000 + "1\n```",
    # Python reads these, and runs out of stack when it writes them again or walks over them.
    **{
        f"a chain of {length}": f"[ANSWER]\nassert f({'+'.join(['1'] * length)}) == 1\n[/ANSWER]"
        for length in (200, 400, 2000)
    },
    **{f"attributes of {length}": f"[ANSWER]f(a{'.b' * length})[/ANSWER]" for length in (300, 900)},
    **{f"{length} times not": f"[ANSWER]f({'not ' * length}1)[/ANSWER]" for length in (100, 190)},
    "boxes": "\\boxed{" * 20_000,
    "towers": "\\boxed{9^{9^{9^{9^{9}}}}} Answer: 9**9**9**9 [[9^{9^{9^{9}}}]] $9^{9^{9^9}}$",
    "factorials": "\\boxed{99999!!!} [[(9999!)!]]",
    "long powers": "\\boxed{((((9^{999})^{999})^{999})^{999})} [[((9^{999})^{999})^{999}]]",
    "stars": "*" * 100_000,
    "bold words": "**a** " * 20_000,
    "answers": "answer: " * 20_000,
    "texts": "\\text{" * 20_000,
    "tables": "<table><tr><td>" * 5_000,
    "sentences": ". ".join(str(number) * 300 for number in range(2_000)),
    "thoughts": "<think>" * 20_000 + "</think>" * 20_000,
    "numbers": "9" * 50_000,
    "lone surrogates": "Answer: \ud800\udfff\ud800",
    "control characters": "\x00\x1b[2J\r" * 1_000,
}


@pytest.fixture(scope="module")
def sandbox():  # type: ignore[no-untyped-def]
    with Sandbox(Limits(call_cpu_s=1.0)) as made:
        yield made


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_response_scores_zero_and_the_next_item_is_judged(attack: str, sandbox: Sandbox) -> None:
    for benchmark in BENCHMARKS:
        item = load(benchmark.name, ROWS)[0]
        assert judge(benchmark, item.row, HOSTILE[attack], sandbox).value == 0.0, benchmark.name
    for name in ("cruxeval_i", "cruxeval_o", "math"):
        item = load(name, ROWS)[0]
        assert judge(BY_NAME[name], item.row, right_answer(name, item.row), sandbox).value == 1.0


@pytest.mark.parametrize("attack", HOSTILE)
@pytest.mark.parametrize(
    ("task", "gold"),
    [
        ("web_of_lies_v2", "yes, no, yes"),
        ("spatial", "tetrahedron"),
        ("connections", "a1, a2, a3, a4, b1, b2, b3, b4"),
        ("plot_unscrambling", "The dog ran. A cat saw it. Both slept."),
        ("tablejoin", "{'one': 'uno'}"),
        ("imo_2023", "2,7,1"),
        ("AMPS_Hard", "\\frac{1}{2} x^2"),
        ("amc_12a", "B"),
    ],
)
def test_livebench_tasks_survive(task: str, gold: str, attack: str) -> None:
    row = {"task": task, "turns": ["What?"], "ground_truth": gold}
    assert livebench.score(row, HOSTILE[attack]).value < 0.5


@pytest.mark.parametrize("target", ["CSV", "JSON", "JSONL", "HTML", "Markdown", "TSV"])
@pytest.mark.parametrize("attack", HOSTILE)
def test_tables_survive(target: str, attack: str) -> None:
    gold = {
        "CSV": "a,b\n1,2\n",
        "TSV": "a\tb\n1\t2\n",
        "JSON": '{"0":{"a":1,"b":2}}',
        "JSONL": '{"a":1,"b":2}\n',
        "HTML": "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
        "Markdown": "| | a | b |\n|---|---|---|\n| 0 | 1 | 2 |\n",
    }[target]
    question = f"Please convert the Input Table from CSV format to {target} format in your response."
    row = {"task": "tablereformat", "turns": [question], "ground_truth": gold}
    assert livebench.score(row, HOSTILE[attack]).value == 0.0
    assert livebench.score(row, gold).value == 1.0


@pytest.mark.parametrize(
    "expression", ["x^{2}+y^{10}", "e^{x^{2}}", "\\frac{3}{4}", "2^{100}", "(x+1)^{12}(x-1)^{20}", "5!"]
)
def test_ordinary_mathematics_is_not_refused(expression: str) -> None:
    assert not costly(expression)
