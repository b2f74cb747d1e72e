"""What a model is told when it brings code into the unified format, or labels it; our own words for the paper's rules."""

from build.unifiers.sections import SCHEMA_KEYS

_RULES = """\
Below is a Python file. Find the most interesting piece of logic in it and rewrite that as one self-contained task in four \
parts.

Part 1, Main Function: cleaned Python code.
- The last thing in it is a function `main_solution(...)`, the only entry point. Helper functions and classes that it needs \
come before it; everything else of the file goes.
- All arguments and the return value are JSON-serialisable: None, booleans, numbers, strings, lists, and dicts with string \
keys. Where the logic needs something else (a tuple, a set, an object), `main_solution` builds it from its arguments and \
turns the result back.
- Where the file works on fixed values, make them arguments, so that the task can be asked for many inputs.
- The result is returned, never printed. No plotting, no files, no network, no user input, no randomness, no clock.

Part 2, Input Output Description: for every argument its name, type, meaning and constraints, and the same for the return \
value. Of a dict, each key.

Part 3, Input Generator: a stand-alone function `input_generator()` without arguments that returns a dict of keyword \
arguments for `main_solution`. Each call draws a new random input; the inputs are varied, valid and small (short lists and \
strings, modest numbers), and not trivial.

Part 4, Problem Statement: the task as a question to a person who will never see the code. No programming words (function, \
list, dictionary, return), every input variable by its name, no concrete values, and at the end a question that begins with \
a word like what, which, how many."""

_FORMAT = """\
Write the four parts under exactly these headings, in this order, with the code of parts 1 and 3 in Python blocks:

### Main Function
```python
def main_solution(...):
    ...
```
### Input Output Description
Input:
  `name` (type): meaning
Output:
  `return` (type): meaning
### Input Generator
```python
def input_generator():
    ...
```
### Problem Statement
..."""

_JSON_FORMAT = f"Answer with one JSON object that has the strings {', '.join(SCHEMA_KEYS)}, in this order."

_MEANINGS = {
    "argument_not_described": "an argument is missing in the description",
    "does_io": "the code reads or writes",
    "trial_no_pair": "no drawn input gave a usable output",
    "trial_one_pair": "all drawn inputs were the same",
}

REASONING_TYPES = (
    "algorithms",
    "logic puzzles",
    "math-related",
    "scientific computation",
    "system modelling",
    "other complex reasoning",
    "non-reasoning",
)


def unify_prompt(content: str, structured: bool) -> str:
    """The request to bring one file into the unified format."""
    return f"{_RULES}\n\n{_JSON_FORMAT if structured else _FORMAT}\n\nThe file:\n\n```python\n{content.rstrip()}\n```"


def repair_prompt(reason: str, detail: str) -> str:
    """The second turn after a text that was of no use."""
    what = _MEANINGS.get(reason, reason.replace("_", " "))
    return (
        f"That does not work yet: {what}{f' ({detail})' if detail else ''}. Mend it and write all four parts again, complete, "
        "in the same format."
    )


def generator_prompt(code: str, description: str) -> str:
    """The request for an input generator of a ready function."""
    return (
        "Write an input generator for this task.\n\n"
        f"```python\n{code.rstrip()}\n```\n\n{description}\n\n"
        "It is a stand-alone Python function `input_generator()` without arguments that returns a dict of keyword arguments "
        "for `main_solution`. Each call draws a new random input; the inputs are varied, valid and small (short lists and "
        "strings, modest numbers), and not trivial. Answer with one Python block."
    )


def label_prompt(content: str) -> str:
    """The request to say what kind of reasoning a file takes."""
    kinds = "\n".join(f"- {name}" for name in REASONING_TYPES)
    return (
        f"What kind of reasoning does it take to work out what this Python file computes? Choose one:\n{kinds}\n\n"
        "`algorithms` is for textbook algorithms and data structures; `non-reasoning` for boilerplate, configuration, "
        "plotting, input and output, and tests.\n\n"
        f"```python\n{content.rstrip()}\n```\n\nAnswer with the name alone."
    )


def completion_prompt(before: str, signature: str, task: str) -> str:
    """The request to write the body of a function of which only the beginning is shown; `task` is what the program does."""
    return (
        f"Complete the function at the end of this Python program.\n\n```python\n{before.rstrip()}\n```\n\n"
        f"What the program is for: {task}\n\n"
        f"Answer with one Python block that holds the whole function, beginning with `{signature}`."
    )
