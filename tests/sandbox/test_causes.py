"""What agrees in both replicas depends on none of chance, time, hash order and state; the cause of a difference is named."""

import pytest

from build.sandbox import Program, Sandbox
from build.sandbox.causes import cause

INPUTS = ['{"x": 3}', '{"x": 5}']


def returning(expression: str, imports: str = "") -> Program:
    return Program(
        f"import random, time, os, datetime, uuid, secrets\n{imports}\ndef main_solution(x):\n    return {expression}"
    )


@pytest.mark.parametrize(
    ("program", "named"),
    [
        (returning("x + 1"), ""),
        (returning("random.random()"), "random"),
        (returning("random.Random(7).random()"), ""),
        (returning("secrets.token_hex(4)"), "random"),
        (returning("str(uuid.uuid4())"), "random"),
        (returning("time.time()"), "time"),
        (returning("time.perf_counter_ns() % 1000003"), "time"),
        (returning("time.strftime('%Y')"), "time"),
        (returning("datetime.datetime.now().year"), "time"),
        (returning("datetime.datetime.utcnow().hour"), "time"),
        (returning("str(datetime.date.today())"), "time"),
        (returning("list({str(n) for n in range(x + 9)})"), "hash_order"),
        (returning("hash('a')"), "hash_order"),
        (returning("id(object())"), "hash_order"),
        (returning("setattr(os, 'calls', getattr(os, 'calls', 0) + 1) or os.calls"), "state"),
        (returning("[time.time(), random.random()]"), "random+time"),
    ],
    ids=lambda value: value.code.splitlines()[-1].strip() if isinstance(value, Program) else value or "deterministic",
)
def test_the_cause_is_named(sandbox: Sandbox, program: Program, named: str) -> None:
    first, second = ([result.value for result in sandbox.call(program, INPUTS, replica)] for replica in (1, 2))
    assert (first != second) == bool(named)
    assert cause(sandbox, program, INPUTS) == named


def test_numpy_s_global_random_numbers_are_seeded_and_differ_between_the_replicas(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    program = returning("float(np.random.rand())", "import numpy as np")
    assert sandbox.call(program, INPUTS) != sandbox.call(program, INPUTS, replica=2)
    assert cause(sandbox, program, INPUTS) == "random"


def test_a_replica_is_the_same_every_time(sandbox: Sandbox) -> None:
    program = returning("[random.random(), time.time(), hash('a'), str(datetime.datetime.now())]")
    values = [[result.value for result in sandbox.call(program, INPUTS)] for _ in range(2)]
    with Sandbox() as another:
        values.append([result.value for result in another.call(program, INPUTS)])
    assert values[0] == values[1] == values[2]


def test_sleeping_moves_the_clock_and_costs_nothing(sandbox: Sandbox) -> None:
    program = returning("[time.time(), time.sleep(3600), time.time()]")
    assert sandbox.call(program, INPUTS)[0].value == "[1700000000.001, null, 1700003600.002]"


def test_times_are_those_of_the_real_types(sandbox: Sandbox) -> None:
    """Patching `now` must not replace the class: isinstance, arithmetic, comparison and pickling go on working."""
    program = returning(
        "[type(d.now()) is d, isinstance(d.now() - d(2020, 1, 1), datetime.timedelta), d.now() > d(2020, 1, 1),"
        " d.now(datetime.timezone.utc).tzinfo is datetime.timezone.utc, time.gmtime().tm_year, time.localtime(0).tm_year]",
        "from datetime import datetime as d",
    )
    assert sandbox.call(program, INPUTS)[0].value == "[true, true, true, true, 2023, 1970]"
