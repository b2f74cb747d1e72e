"""What a docstring says, in the three forms the unified format needs: a clean docstring, an I/O description, a query.

The static unifier's companion: the words are the author's, re-arranged; examples are taken out, because they give outputs
away. Google, NumPy, reST and Epydoc styles are read with docstring-parser.
"""

import re
from dataclasses import dataclass

import docstring_parser

from build.unifiers.refusal import Refused


@dataclass(frozen=True, slots=True)
class Documentation:
    """`summary` and `returns` are one line each; `body` is the description without examples; `parameters` by name."""

    summary: str
    body: str
    parameters: dict[str, str]
    returns: str


def read_docstring(text: str) -> Documentation | None:
    """The parts of a docstring, or None when it has no description to make a question from.

    Raises `Refused` (unreadable_docstring) for a text that the parser fails on.
    """
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return None
    except Exception as error:  # the parser meets its own limits as IndexError, KeyError and the like
        raise Refused("unreadable_docstring", f"{type(error).__name__}: {error}") from error
    summary = _one_line(parsed.short_description or "")
    if len(summary.split()) < 2:
        return None
    body = _without_examples(parsed.long_description or "")
    returns = _one_line((parsed.returns and parsed.returns.description) or "")
    parameters = {param.arg_name.lstrip("*"): _one_line(param.description or "") for param in parsed.params}
    return Documentation(summary, "\n\n".join(part for part in (summary, body) if part), parameters, returns)


def describe_io(parameters: list[tuple[str, str]], returned: str, docs: Documentation) -> str:
    """The input/output description: a line per argument (name, type in words) and one for the returned value."""
    lines = ["Input:"]
    for name, type_words in parameters:
        meaning = docs.parameters.get(name) or "see the problem statement"
        lines.append(f"  `{name}` ({type_words}): {_sentence(meaning)}")
    meaning = docs.returns or f"the result of this task: {docs.summary[:1].lower()}{docs.summary[1:]}"
    lines += ["Output:", f"  `return` ({returned}): {_sentence(meaning)}"]
    return "\n".join(lines)


def ask(parameters: list[str], docs: Documentation) -> str:
    """The query: what is given, what is to be done, and a wh-question, without values and programming words."""
    given = []
    for name in parameters:
        meaning = docs.parameters.get(name, "").rstrip(".")
        given.append(f"`{name}` ({meaning[:1].lower()}{meaning[1:]})" if meaning else f"`{name}`")
    listed = given[0] if len(given) == 1 else ", ".join(given[:-1]) + " and " + given[-1]
    task = docs.summary.replace("*", "").rstrip(".")
    return f"You are given {listed}. Your task: {task[:1].lower()}{task[1:]}. {_question(docs.returns)}"


def _question(returns: str) -> str:
    returned = returns.rstrip(".")
    if re.match(r"(?i)(true|false|whether)\b", returned):
        condition = re.sub(r"(?i)^(true if|true when|whether)\s+", "", returned)
        condition = re.split(r"(?i)[,;]?\s+(?:otherwise|else|false|or false)\b", condition)[0].rstrip(" ,;")
        return f"Which is it, true or false, that {condition[:1].lower()}{condition[1:]}?"
    match = re.match(r"(?i)(the|a|an)\s+", returned)
    if match and not re.search(r"[.:;]", returned):
        return f"What is the {returned[match.end() :]}?"
    return "What is the result for the given values?"


def _without_examples(text: str) -> str:
    kept: list[str] = []
    in_example = False
    for line in text.split("\n"):
        if line.lstrip().startswith(">>>") or re.match(r"(?i)\s*(examples?|usage|doctests?)\s*:", line):
            in_example = True
        elif not line.strip():
            in_example = False
        if not in_example:
            kept.append(line.strip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _one_line(text: str) -> str:
    return " ".join(_without_examples(text).split())


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
