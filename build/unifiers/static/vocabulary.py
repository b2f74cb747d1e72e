"""What a piece of code looks for in its inputs: the letters and words of its texts, the numbers that it compares with.

Inputs drawn from these reach branches that no random text or number would.
"""

import ast
import string
from collections.abc import Iterable, Iterator

from build.unifiers.static.generators import Vocabulary

_METHODS_AND_LETTERS = {
    "isdigit": "0123456789",
    "isnumeric": "0123456789",
    "isdecimal": "0123456789",
    "isupper": "ABCDE",
    "isalpha": "abcABC1 ",
    "isalnum": "abc12 .",
    "isspace": " ",
    "split": " ",
    "splitlines": "\n",
    "title": "abAB ",
    "swapcase": "abAB",
    "lower": "abAB",
    "upper": "abAB",
}
_NAMED_ALPHABETS = {
    "ascii_lowercase": "abcdez",
    "ascii_uppercase": "ABCDEZ",
    "ascii_letters": "abcABC",
    "digits": "0123456789",
    "punctuation": ".,;!?",
    "hexdigits": "0123456789abcdef",
}
_LONGEST_WORD, _WORDS, _NUMBERS, _LETTERS = 20, 12, 12, 40


def vocabulary_of(function: ast.AST, slice_tree: ast.Module) -> Vocabulary:
    """The vocabulary of a function, and of the rest of its slice where it has little of its own."""
    near, far = list(_texts(function)), list(_texts(slice_tree))
    letters = list(dict.fromkeys("".join(text for text in [*near, *far] if len(text) <= 3)))
    for node in ast.walk(slice_tree):
        if isinstance(node, ast.Attribute):
            letters += _METHODS_AND_LETTERS.get(node.attr, "") + _NAMED_ALPHABETS.get(node.attr, "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("int", "float"):
            letters += "0123456789"
        elif isinstance(node, ast.Name) and node.id == "ord":
            letters += "abcABC"
    longer = [text for text in [*near, *far] if 10 < len(text) <= 64 and " " not in text and text.isalnum()]
    for text in longer[:2]:  # an alphabet written out
        letters += text[:8]
    known = [letter for letter in dict.fromkeys(letters) if letter.isprintable() or letter in "\n\t"]
    usual = "abcxyz " if not any(letter in string.ascii_lowercase for letter in known) else ""
    plain = "".join(known[:_LETTERS]) + ("" if known and all(letter in string.digits for letter in known) else usual)
    words = [text for text in dict.fromkeys([*near, *far]) if 1 < len(text) <= _LONGEST_WORD]
    return Vocabulary(plain or "abcxyz ", tuple(words[:_WORDS]), tuple(_numbers(function))[:_NUMBERS])


def _texts(tree: ast.AST) -> Iterator[str]:
    """Texts that code compares with or looks up; not docstrings, messages of exceptions and formats of output."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        told: Iterable[ast.AST] = ()
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            told = ast.walk(node.msg) if isinstance(node, ast.Assert) and node.msg else ast.walk(node)
            told = told if not isinstance(node, ast.Assert) or node.msg else ()
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in (
            *("print", "format", "getattr", "hasattr", "warn", "input", "TypeVar", "namedtuple"),
        ):
            told = ast.walk(node)
        skipped |= {id(part) for part in told}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value and id(node) not in skipped:
            yield node.value


def _numbers(function: ast.AST) -> Iterator[int]:
    seen = set()
    for node in ast.walk(function):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        sides += [node.right] if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.FloorDiv) else []
        for side in sides:
            value = side.value if isinstance(side, ast.Constant) else None
            if type(value) is int and 2 < abs(value) <= 10_000 and value not in seen:
                seen.add(value)
                yield value
