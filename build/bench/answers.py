"""Makes answers of every kind to judge: right, wrong, malformed and hostile, to questions of every task.

The same number and seed give the same answers. The programs are a few of our own, or those of a run.
"""

import inspect
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from build.bench.hostile import THREATS
from build.core.records import PredictionInstance, SampledFunction, Task
from build.core.store import Store
from build.sandbox import Program
from build.sandbox.codec import encode
from build.verify import Check

Pair = tuple[str, str]  # input and output, JSON texts
Question = tuple[Program, Pair, list[Pair]]  # a program, a pair, and further pairs of the program
TASKS = get_args(Task)


def _digits(number: int, base: int) -> list[int]:
    found = []
    while number:
        number, digit = divmod(number, base)
        found.append(digit)
    return found[::-1] or [0]


def _words(text: str, least: int) -> dict[str, int]:
    from collections import Counter

    return dict(Counter(word for word in text.split() if len(word) >= least))


def _balance(rates: list[float], start: float) -> float:
    for rate in rates:
        start *= 1 + rate / 100
    return round(start, 2)


def _paths(width: int, height: int) -> int:
    import numpy

    grid = numpy.ones((height, width), dtype=object)
    for row in range(1, height):
        for column in range(1, width):
            grid[row, column] = grid[row - 1, column] + grid[row, column - 1]
    return int(grid[-1, -1])


_DRAWS: dict[Callable[..., Any], Callable[[random.Random], dict[str, Any]]] = {
    _digits: lambda dice: {"number": dice.randrange(10**6), "base": dice.randint(2, 12)},
    _words: lambda dice: {"text": " ".join(dice.choices(["ant", "bee", "zebra"], k=6)), "least": dice.randint(1, 4)},
    _balance: lambda dice: {"rates": [dice.randint(-5, 9) for _ in range(4)], "start": dice.randint(1, 900) / 4},
    _paths: lambda dice: {"width": dice.randint(1, 6), "height": dice.randint(2, 6)},
}

# What models write where an answer is wanted; KEY is the key asked for. Each has a verdict, none may cost another's.
MALFORMED = (
    "",
    "I do not know.",
    "[1, 2]",
    '{"KEY"}',
    '{"KEY": }',
    '{"result": 1}',
    '{"KEY": 1e999}',
    '{"KEY": NaN}',
    '{"KEY": "\ud800"}',
    '{"KEY": {1: {2, 3}}}',
    '{"KEY": 1}{"KEY": ',
    "<think>" + '{"KEY": 1}',
    '```json\n{"KEY": [1,\n```',
    "\x00\x0c\u2028 {'KEY': \"it's\"}",
)
HOSTILE = (
    "{" * 20_000,
    '{"KEY": ' + "[" * 20_000,
    '{"KEY": ' + "[" * 60 + "]" * 60 + "}",
    '{"KEY": 0x' + "f" * 5000 + "}",
    '{"KEY": "' + "\\" * 9999 + '"}',
    "```" * 5000 + '{"KEY": 1}',
    '{"KEY": {' + ", ".join(f'"{number}": {number}' for number in range(5000)) + "}}",
)
# The hostile programs whose verdict is one and comes soon: a judge that is killed or slow changes nothing about it.
_SURE = tuple(
    threat
    for threat in THREATS
    if len(threat.statuses) == 1 and threat.statuses[0] not in ("timeout", "memory") and "disk" not in threat.name
)


def own_questions(count: int, seed: int = 0) -> list[Question]:
    """Questions about the programs of this module."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        function, draw = list(_DRAWS.items())[number % len(_DRAWS)]
        program = Program(f"{inspect.getsource(function)}\nmain_solution = {function.__name__}\n")
        pair, *others = ((encode(given), encode(function(**given))) for given in (draw(dice) for _ in range(4)))
        made.append((program, pair, others))
    return made


def run_questions(store: Store) -> list[Question]:
    """The pairs of a run's questions, each with the other pairs of its function."""
    made = []
    for shard in range(store.shards() or 0):
        functions = {each.function.id: each for each in store.kept(SampledFunction, shard)}
        for one in store.kept(PredictionInstance, shard):
            sampled = functions[one.function_id]
            pair = (one.input, one.output)
            others = [(each.input, each.output) for each in sampled.pairs if each.input != one.input]
            made.append((Program(sampled.function.code), pair, others or [pair]))
    return made


def answers(
    questions: Sequence[Question],
    count: int,
    seed: int = 0,
    hostile: float = 0.1,
    malformed: float = 0.1,
    a_question: int = 1,
    tasks: Sequence[Task] = ("output", "input"),
) -> Iterator[Check]:
    """So many answers to each question in turn, with the given shares of hostile and malformed ones; half of the rest is right.

    Each question is put as one of `tasks`: as a step, what the program returns is asked for.
    """
    dice = random.Random(seed)
    for number in range(count):
        program, (given, output), others = questions[number // a_question % len(questions)]
        if number % a_question == 0:
            task: Task = dice.choice(tasks)
        kind = dice.random()
        if task == "induction":
            written = _function(program.code, kind, hostile, malformed, dice)
            hidden = [(given, output), *others]
            inputs, outputs = (f"[{', '.join(part)}]" for part in zip(*hidden))
            yield Check(program, task, inputs, outputs, written)
            continue
        if kind < hostile / 2 and task == "input":
            threat = dice.choice(_SURE)
            yield Check(Program(threat.code), "input", '{"x": 1}', threat.value or "1", 'Try {"input": {"x": 1}}')
            continue
        if kind < hostile + malformed:
            written = dice.choice(HOSTILE if kind < hostile else MALFORMED).replace("KEY", task)
        elif dice.random() < 0.5:
            written = f"It follows that\n{json.dumps({task: json.loads(given if task == 'input' else output)})}"
        elif task == "input":
            written = dice.choice([f'{{"input": {dice.choice(others)[0]}}}', '{"input": {"nobody": 1}}'])
        else:
            written = dice.choice([f'{{"{task}": {dice.choice(others)[0]}}}', f'{{"{task}": [null, "no"]}}'])
        yield Check(program, task, given, output, written)


def _function(code: str, kind: float, hostile: float, malformed: float, dice: random.Random) -> str:
    """An answer to an induction: the program itself, one that is nearly it, no program, or a hostile one."""
    if kind < hostile:
        code = dice.choice(_SURE).code
    elif kind < hostile + malformed:
        return dice.choice([*MALFORMED, "```python\ndef main_solution(:\n```", "```python\nmain_solution = 3\n```"])
    elif kind < (1 + hostile + malformed) / 2:
        code = f"{code}\n\nright = main_solution\n\n\ndef main_solution(**given):\n    return [right(**given)]\n"
    return f"It follows that\n\n```python\n{code}\n```"
