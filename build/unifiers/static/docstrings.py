"""What a docstring says, or, where there is none, the comment at the function: its summary, its body, its arguments.

The words are the author's; examples are taken out, because they give outputs away, and so is markup. Google, NumPy, reST and
Epydoc styles are read with docstring-parser.
"""

import ast
import inspect
import re
from dataclasses import dataclass, field

import docstring_parser

from build.unifiers.static.refusal import Refused

_SECTION = re.compile(
    r"(?im)^\s*(args?|arguments?|param(eter)?s?|returns?|return value|raises?|yields?|examples?|usage|notes?|see also"
    r"|references?|attributes?|doctests?|input|output|complexity|time complexity|>>>.*"
    r"|[:@](param|return|rtype|type|raise|arg)\w*\b.*"
    r"|version(added|changed).*|\.\. \w+.*)\s*(:.*)?$"
)
_NO_SUMMARY = re.compile(
    r"(?i)^(pre-?conditions?|post-?conditions?|todo|fixme|deprecated|see |really |note\b|internal|private|helper\b|test|stub"
    r"|hack|same as|like |alias|wrapper|wrap |this is (a )?(hack|copy)|:|\.\.|@|-|=|#|http|author|copyright|from |e\.g|created"
    r"|input\b|output\b|args?\b|param|example|type |rtype|usage|generic\.|version \d|\(?(added|changed|new) (in|at) )"
)


_LAST_SENTENCE = re.compile(r"(?<=[.!?])\s+[^.!?]*:$")


@dataclass(frozen=True, slots=True)
class Documentation:
    """`summary` and `returns` are one line each; `body` is the description without examples; `parameters` and `types` (the
    docstring's words for a type) by name.
    """

    summary: str = ""
    body: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    types: dict[str, str] = field(default_factory=dict)


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
    first = _first_paragraph(text)
    parameters, types = {}, {}
    for param in parsed.params:
        name = param.arg_name.lstrip("*").split(":")[0].strip("` ")
        parameters[name] = _one_line(param.description or "")
        types[name] = (param.type_name or "").strip()
    returns = _one_line((parsed.returns and parsed.returns.description) or "")
    described = Documentation("", "", parameters, returns, types)
    if len(first.split()) < 2 or _NO_SUMMARY.match(first) or _is_code(first) or _summary(first).endswith("?"):
        return described if any(parameters.values()) or returns else None
    body = _without_examples(parsed.long_description or "")
    head, _, tail = body.partition("\n\n")
    body = tail if head and " ".join(plain_text(head).split()) in first else body
    whole = "\n\n".join(part for part in (first, body) if part)
    return Documentation(_summary(first), whole, parameters, returns, types)


def read_comment(lines: list[str], node: ast.FunctionDef) -> Documentation | None:
    """The comment over a function or at the beginning of its body, where it is a sentence. `lines`: those of the file.

    One in the body that stands directly over a statement says what this does, not what the function is for.
    """
    over: list[str] = []
    number = min([node.lineno, *(item.lineno for item in node.decorator_list)]) - 2
    while number >= 0 and re.match(r"\s*#", lines[number]):
        over.insert(0, lines[number])
        number -= 1
    inside = []
    for line in lines[node.lineno : node.body[0].lineno - 1]:
        if re.match(r"\s*#", line):
            inside.append(line)
    above_statement = bool(inside) and bool(lines[node.body[0].lineno - 2].strip())
    for found in (over, [] if above_statement else inside):
        text = " ".join(re.sub(r"^\s*#+!?\s?", "", line).strip(" -=*#~") for line in found).strip()
        text = _without_call(text)
        first = _summary(plain_text(text))
        if (
            3 <= len(first.split()) <= 40
            and not _NO_SUMMARY.match(first)
            and not _is_code(first)
            and first[0].isalpha()
        ):
            return Documentation(first, first)
    return None


def _without_call(text: str) -> str:
    """`name(x)  Returns ...` without the name."""
    return re.sub(r"^[A-Za-z_][\w.]*\([^()]*\)\s*[-:]*\s+(?=[A-Z])", "", text)


def plain_text(text: str) -> str:
    """A text without the markup of documentation: roles, literals in double backticks, emphasis, links."""
    text = re.sub(r":[\w:]+:`~?\.?([^`<]*?)(?:\s*<[^>]*>)?`", r"`\1`", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    text = re.sub(r"`([^`<]+?)\s*<[^>]*>`_*", r"\1", text)
    text = re.sub(r"`([^`]+)`_+", r"\1", text)
    text = re.sub(r"\*\*([^*\n]+)\*\*", r"\1", text)
    text = re.sub(r"(?<![\w*])\*([^*\s][^*\n]*?)\*(?![\w*])", r"\1", text)
    text = re.sub(r"\s*\[\d+\]_", "", text)
    return re.sub(r"\|(\w+)\|", r"\1", text)


def _first_paragraph(text: str) -> str:
    """The text up to the first empty line, section or example, on one line."""
    kept: list[str] = []
    for line in inspect.cleandoc(text).split("\n"):
        if (not line.strip() and kept) or _SECTION.match(line) or re.fullmatch(r"\s*[-=~^*]{3,}\s*", line):
            break
        if line.strip():
            kept.append(line.strip())
    said = " ".join(plain_text(" ".join(kept)).split())
    said = _without_call(said)
    if said.endswith(":"):  # what it announces is left out, so what announces it goes where anything else is said
        announced = _LAST_SENTENCE.search(said)
        said = said[: announced.start()] if announced else said
    return said.rstrip(":").strip()


def _summary(text: str) -> str:
    """The first sentence, or the first two where the first is very short."""
    parts = re.split(r"(?<=[a-z0-9)`'\"][.!?])\s+(?=[A-Z`])", text)
    kept = parts[0]
    if len(parts) > 1 and len(kept.split()) < 4:
        kept += " " + parts[1]
    return kept if len(kept) <= 300 else kept[:300].rpartition(" ")[0] + " …"


def _is_code(text: str) -> bool:
    """Whether a text is code that was commented out, or a signature, rather than a sentence."""
    if re.match(r"\w+\(.*\)\s*(->|$|:)", text) or re.match(
        r"(def|class|import|return|print|for|while|if)\b.*[:(=]", text
    ):
        return True
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        letters = sum(letter.isalpha() or letter.isspace() for letter in text)
        return letters < 0.6 * len(text)
    return True


def _without_examples(text: str) -> str:
    kept: list[str] = []
    in_example = False
    for line in text.split("\n"):
        if line.lstrip().startswith(">>>") or re.match(
            r"(?i)\s*(examples?|usage|doctests?|for example|e\.g\.)\s*:", line
        ):
            in_example = True
        elif not line.strip():
            in_example = False
        if not in_example:
            kept.append(line.strip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _one_line(text: str) -> str:
    return " ".join(plain_text(_without_examples(text)).split())
