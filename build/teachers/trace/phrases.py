"""Calls of builtins and methods in words: "the length of arr", `"ab" in upper case`.

A phrase goes by what was called at run time, never by a name alone: `count` of a list has one, `itertools.count` another. Where
there is no phrase, the call is written as a call with the values of its arguments, which is as true.
"""

import ast
from collections.abc import Mapping, Sequence

# By what is called and the number of its arguments; {0} is what a method belongs to, else the first argument.
_PHRASES: dict[tuple[str, int], str] = {
    ("len", 1): "the length of {0}",
    ("sum", 1): "the sum of {0}",
    ("sum", 2): "{1} plus the sum of {0}",
    ("abs", 1): "the absolute value of {0}",
    ("sorted", 1): "{0} in sorted order",
    ("reversed", 1): "{0} in reverse",
    ("list", 1): "{0} as a list",
    ("list", 0): "an empty list",
    ("set", 0): "an empty set",
    ("dict", 0): "an empty dictionary",
    ("set", 1): "the distinct items of {0}",
    ("tuple", 1): "{0} as a tuple",
    ("str", 1): "{0} as text",
    ("int", 1): "{0} as a whole number",
    ("int", 2): "{0} read as a number in base {1}",
    ("float", 1): "{0} as a decimal number",
    ("bool", 1): "the truth value of {0}",
    ("ord", 1): "the character code of {0}",
    ("chr", 1): "the character with code {0}",
    ("bin", 1): "{0} in binary",
    ("hex", 1): "{0} in hexadecimal",
    ("round", 1): "{0} rounded",
    ("round", 2): "{0} rounded to {1} decimals",
    ("max", 1): "the largest of {0}",
    ("min", 1): "the smallest of {0}",
    ("enumerate", 1): "{0} with positions",
    ("enumerate", 2): "{0} with positions from {1}",
    ("range", 1): "the numbers from 0 to before {0}",
    ("range", 2): "the numbers from {0} to before {1}",
    ("range", 3): "the numbers from {0} to before {1} in steps of {2}",
    ("zip", 2): "{0} and {1} side by side",
    ("zip", 3): "{0}, {1} and {2} side by side",
    ("pow", 2): "{0} to the power {1}",
    ("pow", 3): "{0} to the power {1}, modulo {2}",
    ("math.sqrt", 1): "the square root of {0}",
    ("math.floor", 1): "{0} rounded down",
    ("math.ceil", 1): "{0} rounded up",
    ("math.gcd", 2): "the greatest common divisor of {0} and {1}",
    ("math.factorial", 1): "{0} factorial",
    ("math.log10", 1): "the logarithm of {0} to base 10",
    ("math.log2", 1): "the logarithm of {0} to base 2",
    ("str.lower", 1): "{0} in lower case",
    ("str.upper", 1): "{0} in upper case",
    ("str.strip", 1): "{0} without outer blanks",
    ("str.title", 1): "{0} in title case",
    ("str.capitalize", 1): "{0} with a capital first letter",
    ("str.split", 1): "{0} split at blanks",
    ("str.split", 2): "{0} split at {1}",
    ("str.join", 2): "{1} joined with {0}",
    ("str.replace", 3): "{0} with {1} replaced by {2}",
    ("str.count", 2): "how often {1} occurs in {0}",
    ("list.count", 2): "how often {1} occurs in {0}",
    ("tuple.count", 2): "how often {1} occurs in {0}",
    ("str.find", 2): "the position of {1} in {0}, -1 for none",
    ("str.index", 2): "the position of {1} in {0}",
    ("list.index", 2): "the position of {1} in {0}",
    ("list.copy", 1): "a copy of {0}",
    ("dict.copy", 1): "a copy of {0}",
    ("dict.items", 1): "the entries of {0}",
    ("dict.keys", 1): "the keys of {0}",
    ("dict.values", 1): "the values of {0}",
    ("dict.get", 2): "the entry of {0} for {1}, null for none",
    ("dict.get", 3): "the entry of {0} for {1}, {2} for none",
    ("list.pop", 1): "the last item of {0} (taken out)",
    ("collections.deque", 0): "an empty queue",
    ("collections.deque", 1): "a queue of {0}",
    ("filter", 2): "the items of {1} for which {0} holds",
    ("map", 2): "{0} of each item of {1}",
    ("deque.popleft", 1): "the first item of {0} (taken out)",
    ("deque.pop", 1): "the last item of {0} (taken out)",
}
_SEVERAL = {"max": "the largest of {}", "min": "the smallest of {}"}

# Properties, as they hold and as they do not; {0} is the text, {1} the argument.
PREDICATES: dict[str, tuple[str, str]] = {
    "str.startswith": ("{0} starts with {1}", "{0} does not start with {1}"),
    "str.endswith": ("{0} ends with {1}", "{0} does not end with {1}"),
    "str.isdigit": ("{0} consists of digits", "{0} does not consist of digits"),
    "str.isnumeric": ("{0} consists of numeric characters", "{0} does not consist of numeric characters"),
    "str.isalpha": ("{0} consists of letters", "{0} does not consist of letters"),
    "str.isalnum": ("{0} consists of letters and digits", "{0} does not consist of letters and digits"),
    "str.isupper": ("{0} is in upper case", "{0} is not in upper case"),
    "str.islower": ("{0} is in lower case", "{0} is not in lower case"),
    "str.isspace": ("{0} consists of blanks", "{0} does not consist of blanks"),
}


def types_in(node: ast.Call) -> str:
    """The types that a call of `isinstance` names, in words: "int or float"; "" where they are not named."""
    given = node.args[-1]
    parts = given.elts if isinstance(given, ast.Tuple) else [given]
    named = all(isinstance(part, ast.Name | ast.Attribute) for part in parts)
    return " or ".join(map(ast.unparse, parts)) if named and len(node.args) == 2 else ""


def phrase(
    name: str, receiver: str, arguments: Sequence[str], keywords: Mapping[str, str], node: ast.Call
) -> tuple[str, bool]:
    """A call in words, else as a call, and whether it is in words.

    `name` as `build.sandbox.show.callee` gives it; `receiver` "" where it is no method.
    """
    what = name.partition(" ")[2] or name
    method = name.startswith("method ") or name.startswith(("deque.", "collections."))
    given = [receiver, *arguments] if name.startswith("method ") and receiver else list(arguments)
    starred = any(argument.startswith("*") for argument in arguments)
    if not keywords and not starred:
        if what in _SEVERAL and len(given) > 1:
            return _SEVERAL[what].format(_listed(given)), True
        pattern = _PHRASES.get((what, len(given)))
        if pattern is not None:
            return pattern.format(*given), True
    if keywords == {"reverse": "true"} and what == "sorted":
        return f"{given[0]} in descending order", True
    said = [*arguments, *(f"{key}={value}" for key, value in keywords.items())]
    if method and receiver:
        return f"{receiver}.{what.rpartition('.')[2]}({', '.join(said)})", False
    written = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else what
    if isinstance(node.func, ast.Attribute) and receiver:
        written = f"{receiver}.{node.func.attr}"
    return f"{written}({', '.join(said)})", False


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts[:-1]) + " and " + texts[-1]
