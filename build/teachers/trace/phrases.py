"""Expressions in words: what a person would say for `total % 2 == 0` ("the remainder of total by 2 equals 0").

Names appear as names, followed by their value where it is known and short, never as code. Whatever cannot be said in a few
words gives None; the narrator then tells the value only.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping

_MAX_WORDS = 28
_SHORT = 14  # characters of a value that may stand beside its name

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "{} plus {}",
    ast.Sub: "{} minus {}",
    ast.Mult: "{} times {}",
    ast.Div: "{} divided by {}",
    ast.FloorDiv: "{} divided by {} rounded down",
    ast.Mod: "the remainder of {} by {}",
    ast.Pow: "{} to the power {}",
    ast.BitAnd: "{} bitwise-and {}",
    ast.BitOr: "{} bitwise-or {}",
    ast.BitXor: "{} xor {}",
    ast.LShift: "{} shifted left by {}",
    ast.RShift: "{} shifted right by {}",
}
_COMPARE: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("equals", "does not equal"),
    ast.NotEq: ("differs from", "equals"),
    ast.Lt: ("is less than", "is not less than"),
    ast.LtE: ("is at most", "is more than"),
    ast.Gt: ("is greater than", "is not greater than"),
    ast.GtE: ("is at least", "is less than"),
    ast.In: ("is among", "is not among"),
    ast.NotIn: ("is not among", "is among"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_CALLS = {
    "len": "the length of {}",
    "sum": "the sum of {}",
    "abs": "the absolute value of {}",
    "sorted": "{} in sorted order",
    "reversed": "{} in reverse",
    "set": "the distinct values of {}",
    "list": "{} as a list",
    "tuple": "{} as a list",
    "str": "{} as text",
    "int": "{} as a whole number",
    "float": "{} as a decimal number",
    "ord": "the character code of {}",
    "chr": "the character with code {}",
    "bin": "{} in binary",
    "round": "{} rounded",
    "sqrt": "the square root of {}",
    "max": "the largest of {}",
    "min": "the smallest of {}",
    "enumerate": "{} with positions",
    "range": "the whole numbers {}",
    "zip": "{} side by side",
    "bool": "whether {} is not zero or empty",
}
_METHODS = {
    "lower": "{} in lower case",
    "upper": "{} in upper case",
    "strip": "{} without outer blanks",
    "split": "the pieces of {}",
    "items": "the entries of {}",
    "keys": "the keys of {}",
    "values": "the values of {}",
    "copy": "a copy of {}",
    "isdigit": "whether {} is a digit",
    "isalpha": "whether {} is a letter",
    "isalnum": "whether {} is a letter or digit",
    "capitalize": "{} with a capital first letter",
}
_METHODS_WITH = {  # by name and number of arguments; what they are called on comes first
    ("replace", 2): "{} with {} replaced by {}",
    ("split", 1): "the pieces of {} between {}",
    ("startswith", 1): "whether {} starts with {}",
    ("endswith", 1): "whether {} ends with {}",
    ("count", 1): "how often {1} occurs in {0}",
    ("index", 1): "the position of {1} in {0}",
    ("find", 1): "the position of {1} in {0}",
    ("join", 1): "the pieces of {1} joined by {0}",
    ("get", 2): "the entry of {} at {}, or {} without one",
}
_OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ORDERS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_SOME, _OBJECT = "a value of some items", "a value that is there"  # stand for values that are too long to be shown
_EMPTY = {"[]", "{}", '""', "0", "null", "false", "0.0"}


def say(node: ast.expr, values: Mapping[str, str]) -> str | None:
    """An expression in at most 16 words, or None. `values`: the short texts of the variables known at this point."""
    text = _say(node, values)
    return text if text and len(text.split()) <= _MAX_WORDS else None


def say_condition(node: ast.expr, values: Mapping[str, str], holds: bool) -> str | None:
    """A clause that tells a condition as it turned out: "n (4) is greater than 2", or "n (1) is not greater than 2"."""
    text = _condition(node, values, holds)
    return text if text and len(text.split()) <= _MAX_WORDS else None


def say_standing(node: ast.expr, values: Mapping[str, str]) -> str | None:
    """The condition of a loop that was entered, as it stands in every round: without the values, which change."""
    kinds = {
        name: shown if shown in ("true", "false") else _SOME if _filled(shown) else _OBJECT
        for name, shown in values.items()
        if shown in ("true", "false") or shown.startswith("a ") or _filled(shown)
    }
    return say_condition(node, kinds, True)


def _say(node: ast.expr, values: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        shown = values.get(node.id, "")
        return f"{node.id} ({shown})" if shown and len(shown) <= _SHORT else node.id
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _operand(node.operand, values)
        return None if inner is None else (f"-{inner}" if inner[0].isdigit() else f"minus {inner}")
    if isinstance(node, ast.BinOp):
        return _binary(node, values)
    if isinstance(node, ast.Subscript):
        return _subscript(node, values)
    if isinstance(node, ast.Call):
        return _call(node, values)
    if isinstance(node, ast.List | ast.Tuple):
        return _elements(node.elts, values)
    if isinstance(node, ast.Dict) and not node.keys:
        return "an empty dictionary"
    if isinstance(node, ast.Compare):  # `and` and `or` give one of their operands, not a truth value
        inner = _condition(node, values, True)
        return None if inner is None else f"whether {inner}"
    if isinstance(node, ast.IfExp) and (holds := _known(node.test, values)) is not None:
        return _say(node.body if holds else node.orelse, values)
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        return _comprehension(node, values)
    return None


def _comprehension(node: ast.ListComp | ast.GeneratorExp | ast.SetComp, values: Mapping[str, str]) -> str | None:
    """One loop only: "the square root of x for each x of values where x is greater than 0"."""
    loop = node.generators[0]
    targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    nested = len(node.generators) > 1 or isinstance(node.elt, ast.ListComp | ast.GeneratorExp | ast.SetComp)
    if nested or len(names) < len(targets) or len(loop.ifs) > 1:
        return None
    inside = {name: shown for name, shown in values.items() if name not in names}
    item, whole = _say(node.elt, inside), _say(loop.iter, values)
    where = _condition(loop.ifs[0], inside, True) if loop.ifs else ""
    if item is None or whole is None or where is None:
        return None
    one = " and ".join(name for name in names if name != "_")
    each = f"each {one} of" if one else "each of"
    head = f"{each} {whole}" if item == one else f"{item} for {each} {whole}"
    return f"{head} where {where}" if where else head


def _known(node: ast.expr, values: Mapping[str, str]) -> bool | None:
    """Whether a condition holds, where the values at this point tell; None where they do not."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _known(node.operand, values)
        return None if inner is None else not inner
    if isinstance(node, ast.BoolOp):
        parts = [_known(part, values) for part in node.values]
        deciding = isinstance(node.op, ast.Or)
        return deciding if deciding in parts else None if None in parts else not deciding
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _ORDERS:
        left, right = _number(node.left, values), _number(node.comparators[0], values)
        return None if left is None or right is None else _ORDERS[type(node.ops[0])](left, right)
    if isinstance(node, ast.Name) and (shown := values.get(node.id)):
        return shown not in _EMPTY if shown in {*_EMPTY, "true"} or _filled(shown) else _nonzero(node, values)
    return _nonzero(node, values)


def _nonzero(node: ast.expr, values: Mapping[str, str]) -> bool | None:
    number = _number(node, values)
    return None if number is None else number != 0


def _number(node: ast.expr, values: Mapping[str, str]) -> float | None:
    """The value of a simple expression of numbers, None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, int | float) and not isinstance(node.value, bool) else None
    if isinstance(node, ast.Name):
        shown = values.get(node.id, "")
        return None if not re.fullmatch(r"-?\d{1,15}(\.\d+)?", shown) else float(shown) if "." in shown else int(shown)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _number(node.left, values), _number(node.right, values)
        if left is None or right is None or (right == 0 and isinstance(node.op, ast.FloorDiv | ast.Mod)):
            return None
        return _OPERATIONS[type(node.op)](left, right)
    return None


def _binary(node: ast.BinOp, values: Mapping[str, str]) -> str | None:
    """Both operands, compound ones in parentheses; a chain of plus and minus reads from the left without them."""
    if isinstance(node.op, ast.Mod) and _shown(node.left, values).startswith('"'):
        return None  # text formatting
    chain = (ast.Add, ast.Sub)
    left = node.left
    plain = isinstance(left, ast.BinOp) and isinstance(left.op, chain) and isinstance(node.op, chain)
    said = [_say(left, values) if plain else _operand(left, values), _operand(node.right, values)]
    pattern = _BINARY.get(type(node.op))
    return None if pattern is None or None in said else pattern.format(*said)


def _operand(node: ast.expr, values: Mapping[str, str]) -> str | None:
    said = _say(node, values)
    return f"({said})" if said and isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare) else said


def _shown(node: ast.expr, values: Mapping[str, str]) -> str:
    """The short text of a name's value, "" for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return '"'
    return values.get(node.id, "") if isinstance(node, ast.Name) else ""


def _condition(node: ast.expr, values: Mapping[str, str], holds: bool) -> str | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _condition(node.operand, values, not holds)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        ordered = isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        if ordered and any(_shown(part, values).startswith("{") for part in (node.left, node.comparators[0])):
            return None  # sets, which are not ordered by size
        verb = _COMPARE[type(node.ops[0])][0 if holds else 1]
        return _fill("{} " + verb + " {}", [node.left, node.comparators[0]], values)
    if isinstance(node, ast.BoolOp):
        parts = [_condition(part, values, holds) for part in node.values]
        if isinstance(node.op, ast.And) == holds:  # every part turned out this way
            return " and ".join(part for part in parts if part) if all(parts) else None
        known = [_known(part, values) for part in node.values]
        if known.count(not holds) == len(known) - 1:  # the one that is left has decided
            return parts[known.index(holds if holds in known else None)]
        if holds in known:
            return parts[known.index(holds)]
        return _undecided(node, values, holds)
    if isinstance(node, ast.Name):
        shown = values.get(node.id)
        if shown in ("true", "false"):
            return f"{node.id} is {shown}"
        if shown in _EMPTY or shown == "an empty set":
            return f"{node.id} is {'0' if shown in ('0', '0.0') else 'empty' if shown != 'null' else 'null'}"
        number = shown is not None and _number(node, values) is not None
        kind = "empty" if shown and _filled(shown) else "zero" if number else "zero or empty"
        if shown and shown.startswith("a ") and kind != "empty":
            return f"{node.id} is not null" if holds else None  # a class may call an object of its own false
        return f"{node.id} is {'not ' if holds else ''}{kind}"
    if isinstance(node, ast.BinOp | ast.Call | ast.Subscript):
        inner = _say(node, values)
        if inner and inner.startswith("whether "):
            return inner.removeprefix("whether ") if holds else _denied(inner.removeprefix("whether "))
        kind = "zero" if isinstance(node, ast.BinOp) and _of_numbers(node, values) else "zero or empty"
        return None if inner is None else f"{inner} is {'not ' if holds else ''}{kind}"
    return None


def _denied(statement: str) -> str:
    """The contrary of what a call of `_METHODS` states; not of a statement about every item or some item."""
    for verb, contrary in (
        ("is a", "is not a"),
        ("starts with", "does not start with"),
        ("ends with", "does not end with"),
    ):
        before, found, after = statement.rpartition(f" {verb} ")
        if found and " for " not in statement:
            return f"{before} {contrary} {after}"
    return f"it is not so that {statement}"


def _filled(shown: str) -> bool:
    """Whether a short text is that of a container or a text, with something in it."""
    return shown not in _EMPTY and (shown[:1] in ("[", "{", '"') or (shown.startswith("a ") and " of " in shown))


def _undecided(node: ast.BoolOp, values: Mapping[str, str], holds: bool) -> str | None:
    """A chain of conditions of which some part decided, which one the values do not tell."""
    parts = [_condition(part, values, True) for part in node.values]
    if not all(parts):
        return None
    joined = (" or " if isinstance(node.op, ast.Or) else " and ").join(part for part in parts if part)
    return joined if holds else f"it is not so that {joined}"


def _of_numbers(node: ast.BinOp, values: Mapping[str, str]) -> bool:
    """Whether an operand is known to be a number, so that the result is none of a text's, a list's or a set's."""
    left, right = (_number(part, values) is not None for part in (node.left, node.right))
    return left if isinstance(node.op, ast.Mod) else isinstance(node.op, ast.Sub | ast.BitAnd) and (left or right)


def _fill(pattern: str | None, nodes: list[ast.expr], values: Mapping[str, str]) -> str | None:
    """A pattern with expressions in words; compound ones in parentheses unless they stand alone on a side of a verb."""
    inline = pattern is not None and not pattern.startswith("{} ")
    said = [_operand(node, values) if inline else _say(node, values) for node in nodes]
    if pattern is None or any(part is None for part in said):
        return None
    return pattern.format(*said)


def _constant(value: object) -> str | None:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "an empty text" if not value else f'"{value}"' if len(value) <= _SHORT else None
    return str(value) if isinstance(value, int | float) else None


def _subscript(node: ast.Subscript, values: Mapping[str, str]) -> str | None:
    whole = node.value.id if isinstance(node.value, ast.Name) else _say(node.value, values)
    if whole is None:
        return None
    if isinstance(node.slice, ast.Slice):
        lower = _say(node.slice.lower, values) if node.slice.lower else ""
        upper = _say(node.slice.upper, values) if node.slice.upper else ""
        if node.slice.step is not None and ast.unparse(node.slice) == "::-1":
            return f"{whole} in reverse"
        if node.slice.step is not None or lower is None or upper is None:
            return None
        if not lower and not upper:
            return f"a copy of {whole}"
        start = f" from position {lower}" if lower else ""
        return f"the part of {whole}{start}" + (f" up to before position {upper}" if upper else "")
    if isinstance(node.slice, ast.UnaryOp) and ast.unparse(node.slice) == "-1":
        return f"the last item of {whole}"
    at = _operand(node.slice, values)
    return None if at is None else f"the entry of {whole} at {at}"


def _call(node: ast.Call, values: Mapping[str, str]) -> str | None:
    if any(item.arg != "strict" for item in node.keywords):
        return None
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    if isinstance(node.func, ast.Attribute):
        pattern = _METHODS.get(node.func.attr) if not node.args else None
        if re.fullmatch(r"a \w+", _shown(node.func.value, values)):
            return None  # a method of the program's own class
        if (
            node.func.attr in _CALLS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in ("math", "cmath")
        ):
            return _fill(_CALLS[node.func.attr], node.args, values) if len(node.args) == 1 else None
        if node.args:
            pattern = _METHODS_WITH.get((node.func.attr, len(node.args)))
        return _fill(pattern, [node.func.value, *node.args], values)
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name == "range":
        return _range(node.args, values)
    if name in ("all", "any") and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
        inner = _comprehension(node.args[0], values)
        if inner is not None:
            inner = inner.removeprefix("whether ")
            return f"whether {inner if name == 'all' else inner.replace(' for each ', ' for some ')}"
    if name == "pow" and len(node.args) > 1:
        power = "{} to the power {}"
        return _fill("the remainder of (" + power + ") by {}" if len(node.args) == 3 else power, node.args, values)
    if name in ("max", "min", "zip") and len(node.args) > 1:
        joined = _elements(node.args, values)
        return None if joined is None else _CALLS[name].format(joined)
    if len(node.args) == 1:
        return _fill(_CALLS.get(name), node.args, values)
    return (
        {"list": "an empty list", "set": "an empty set", "dict": "an empty dictionary"}.get(name)
        if not node.args
        else None
    )


def _range(nodes: list[ast.expr], values: Mapping[str, str]) -> str | None:
    said = [_say(node, values) for node in nodes]
    if any(part is None for part in said) or not said:
        return None
    if len(said) == 1:
        return f"the whole numbers from 0 to before {said[0]}"
    step = "" if len(said) == 2 else f" in steps of {said[2]}"
    return f"the whole numbers from {said[0]} to before {said[1]}{step}"


def _elements(nodes: list[ast.expr], values: Mapping[str, str]) -> str | None:
    if not nodes:
        return "an empty list"
    said = [_say(node, values) for node in nodes]
    if any(part is None for part in said):
        return None
    texts = [part for part in said if part]
    return texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + " and " + texts[-1]
