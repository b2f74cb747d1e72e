"""One judge for every answer: the filter of the data, the scorer of the held-out benchmark and the reward of RL.

An output answer is compared with the recorded value; an input answer is executed and what it gives is compared with the
wanted value, because about half of all functions map several inputs to one output (paper, section 2.3).
"""

import re
from ast import literal_eval
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from build.records import Task, Verdict
from build.sandbox import Program, Sandbox
from build.values import NotData, decode, encode

_FENCE = re.compile(r"```(?:json|JSON|python)?[ \t]*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Check:
    """An answer to judge: the program, the pair (canonical JSON), which half was asked for, and the response's text."""

    program: Program
    task: Task
    input: str
    output: str
    response: str


def verify(checks: Sequence[Check], sandbox: Sandbox) -> list[Verdict]:
    """A verdict per check, in order. Predicted inputs are re-executed, grouped by program."""
    raise NotImplementedError
