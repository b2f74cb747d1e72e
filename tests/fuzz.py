"""Feeds mutated texts and code to whatever reads text from outside: no exception may escape, and what is kept must be true.

    python -m tests.fuzz --minutes 30 [--seed N] [--out FOLDER]

Targets: `read_answer`, the four-section parser, the docstring reader, collect, the static unifier with its slicer (trial runs
believed), and the unifier with real runs: each function that it keeps must give what the original file gives on its doctests,
as they are, not as they say. Every case follows from the seed and its number; what fails is written to the folder, and the
command exits with 1.
"""

import argparse
import contextlib
import json
import random
import re
import sys
import sysconfig
import tempfile
import time
import traceback
import unittest.mock
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from build.core.config import CollectConfig, SourceConfig
from build.core.model_text import split_thinking
from build.core.records import RawCode, Reject, digest
from build.sandbox import Limits, Program, Sandbox
from build.sandbox.codec import NotData, decode, encode
from build.stages.collect import collect
from build.unifiers.sections import Misfit, check_function, check_generator, read_json_sections, read_sections
from build.unifiers.static import doctests, unifier
from build.unifiers.static.docstrings import read_docstring
from build.unifiers.static.doctests import Example, doctest_calls, examples_of
from build.unifiers.static.refusal import Refused
from build.unifiers.static.trials import beside
from build.verify import read_answer
from tests.hash_seeds import Believing

ANSWERS = [
    'So it is 5.\n\n{"output": 5}',
    '<think>{"output": 1}</think> The answer:\n```json\n{"input": {"a": [1, 2.5, null], "b": "x\\n"}}\n```\n',
    "{'output': [True, None, (1, 2)],} # done",
    '{"output": {"a": {"b": [[[]]]}}, "note": "}{"}',
    'Draft: {"output": "\\ud800"} and then {"output": 1e400, // no\n "x": NaN}',
]
SECTIONS = """# Main Function
```python
# imports
import math
def main_solution(n):
    # all lines
    return {"root": math.isqrt(n)}
```
# Input Output Description
Input:
    n (int): a number
Output:
    return (dict): its root
# Input Generator
```python
def input_generator():
    import random
    return {"n": random.randint(0, 99)}
```
# Problem Statement
What is the root of n?
"""
PIECES = [
    *"\x00\ufeff\u2028\x0c\t\ud83dé{}[]()\"'\\#*",
    *("\r\n", '"""', "```", "<think>", "</think>", ":=", "**", "...", "1e999", "0x" * 40, ">>> f(1)\n1\n", ">>> "),
    *("lambda x: x", "global n", "nonlocal q", "del n", "; print()", "@property", "yield", "await ", "import os"),
    *("from math import *", "if True:\n    pass", "try:\n    import re\nexcept ImportError:\n    re = None"),
    *("match n:\n    case _: pass", "Args:\n", ":param x: y\n", "Returns\n-------\nint\n"),
]


def mutated(text: str, rng: random.Random) -> str:
    """A text with a few lines, words or pieces of it taken out, doubled, moved, exchanged or put in."""
    for _ in range(rng.randint(1, 4)):
        unit = rng.choice((r"[^\n]*\n", r"\w+", r"(?s).", r"[^\w\s]"))
        places = [match.span() for match in re.finditer(unit, text) if match.end() > match.start()]
        if not places:
            return text + rng.choice(PIECES)
        (a, b), (c, d) = sorted((rng.choice(places), rng.choice(places)))
        piece = rng.choice((text[c:d], rng.choice(PIECES)))
        match rng.randrange(5):
            case 0:
                text = text[:a] + text[b:]
            case 1:
                text = text[:a] + piece + text[a:]
            case 2:
                text = text[:a] + piece + text[b:]
            case 3 if b <= c:
                text = text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
            case _:
                text = text[:a] + text[a:b] * rng.choice((2, 2, 2, 60)) + text[b:]
    return text


class Fuzz:
    """The targets. Each takes a case's random numbers and returns what is wrong, "" for nothing; `text` is the case."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder, self.sandbox, self.believing = folder, sandbox, Believing()
        self.text = ""
        roots = (Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib")) / "algorithms")
        files = [
            file for root in roots for file in root.rglob("*.py") if "site-packages" not in file.relative_to(root).parts
        ]
        small = sorted(file for file in files if 200 < file.stat().st_size < 12_000 and "test" not in str(file))
        self.files = [file.read_text("utf-8", "ignore") for file in small]
        self.told = [text for text in self.files if re.search(r"^\s+>>> \w+\(", text, re.MULTILINE)]
        self.docstrings = [found for text in self.files for found in re.findall(r'(?s)"""(.*?)"""', text)]

    def answer(self, rng: random.Random) -> str:
        self.text = mutated(rng.choice(ANSWERS), rng)
        for task in ("output", "input"):
            try:
                found = read_answer(self.text, task)
            except NotData:
                continue
            if encode(decode(found)) != found:
                return f"not canonical: {found}"
            split_thinking(self.text)
        return ""

    def sections(self, rng: random.Random) -> str:
        self.text = mutated(SECTIONS, rng)
        as_json = json.dumps(dict.fromkeys(("main_function", "input_output_description"), self.text))
        for read, text in ((read_sections, self.text), (read_json_sections, mutated(as_json, rng))):
            try:
                found = read(text)
                check_function(found)
                check_generator(found.generator)
            except Misfit:
                continue
        return ""

    def docstring(self, rng: random.Random) -> str:
        self.text = mutated(rng.choice(self.docstrings), rng)
        with contextlib.suppress(Refused):  # the parser fails on it, which its function is told
            read_docstring(self.text)
        doctest_calls(self.text, "f")
        examples_of(self.text, "f")
        return ""

    def collected(self, rng: random.Random) -> str:
        self.text = mutated(rng.choice(self.files), rng)
        data = self.text.encode("utf-8", "surrogatepass")
        if rng.random() < 0.3:
            data = (
                b"# -*- coding: "
                + rng.choice((b"latin-1", b"utf-7", b"rot13", b"no_such", b"utf-16"))
                + b" -*-\n"
                + data
            )
        (self.folder / "one.py").write_bytes(data)
        source = SourceConfig(kind="folder", name=str(self.folder), license="MIT")
        found = list(collect([source], CollectConfig(licenses=("any",))))
        return "" if len(found) == 1 else f"{len(found)} records of one file"

    def sliced(self, rng: random.Random) -> str:
        self.text = mutated(rng.choice(self.files), rng)
        return self._crashes(self._raw(), self.believing)

    def runs(self, rng: random.Random) -> str:
        self.text = rng.choice(self.told)
        for _ in range(rng.randint(0, 3)):
            self.text = mutated(self.text, rng)
        examples = unittest.mock.patch.object(unifier, "examples_of", self._as_they_are)
        with examples:
            return self._crashes(self._raw(), self.sandbox, "contradicts_doctest")

    def _raw(self) -> RawCode:
        text = self.text.encode("utf-8", "replace").decode()
        return RawCode(digest(text), "fuzz", "one.py", "MIT", text, "python")

    def _crashes(self, raw: RawCode, sandbox: Sandbox, also: str = "unifier_error") -> str:
        try:
            compile(raw.content, "one.py", "exec", dont_inherit=True)
        except Exception:
            return ""  # collect leaves it out
        made = list(unifier.static_functions(raw, sandbox))
        return "; ".join(
            f"{one.reason}: {one.detail}"
            for one in made
            if isinstance(one, Reject) and one.reason in ("unifier_error", also)
        )

    def _as_they_are(self, text: str, function: str) -> list[Example]:
        """The examples of a docstring with what the original file really gives."""
        examples = examples_of(text, function)
        given = json.dumps({"sources": [example.source for example in examples]})
        program = Program(self.text + beside(_ORIGINAL, "original_run_"), "original_run_")
        (result,) = self.sandbox.call(program, [given], call_cpu_s=2.0) if examples else (None,)
        if result is None or result.value is None:
            return []
        outcomes = json.loads(result.value)
        return [
            replace(example, want=shown if status == "value" else "", raises=shown if status == "raised" else "")
            for example, (status, shown) in zip(examples, outcomes)
        ]


# As `build.unifiers.static.doctests` runs examples, but of the file as it is.
_ORIGINAL = (
    doctests._DRIVER[: doctests._DRIVER.index("def run(")]
    + """
def run(names, sources):
    import io
    import sys

    names = dict(names)
    found = []
    for source in sources:
        stdout, sys.stdout = sys.stdout, io.StringIO()
        try:
            try:
                value = eval(compile(source, "<example>", "eval"), names)
            except SyntaxError:
                exec(compile(source, "<example>", "exec"), names)
                value = None
            shown = sys.stdout.getvalue() + (repr(value) if value is not None else "")
            found.append(["value", "" if " at 0x" in shown else shown])
        except BaseException as error:
            found.append(["raised", type(error).__name__])
        finally:
            sys.stdout = stdout
    return found
"""
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="stop after so many, too")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"))
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # about mutated code
    end, counts, wrong = time.monotonic() + asked.minutes * 60, Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder, Sandbox(Limits(call_cpu_s=0.5, job_cpu_s=3.0)) as sandbox:
        fuzz = Fuzz(Path(folder), sandbox)
        light: list[Callable[[random.Random], str]] = [fuzz.answer, fuzz.sections, fuzz.docstring, fuzz.collected]
        targets = [*light * 8, *[fuzz.sliced] * 4, fuzz.runs]
        for number in range(asked.cases):
            if time.monotonic() > end:
                break
            target = targets[number % len(targets)]
            counts[target.__name__] += 1
            try:
                told = target(random.Random(f"{asked.seed}/{number}"))
            except Exception:
                told = traceback.format_exc()
            if told:
                wrong += 1
                asked.out.mkdir(parents=True, exist_ok=True)
                (asked.out / f"{asked.seed}-{number}-{target.__name__}.txt").write_bytes(
                    f"{told}\n\n{fuzz.text}".encode("utf-8", "surrogatepass")
                )
                print(f"case {number}, {target.__name__}: {told.strip().splitlines()[-1][:300]}", flush=True)
    print(f"seed {asked.seed}: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + f"; {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
