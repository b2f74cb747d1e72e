"""What a function's body does with its arguments, as evidence for their types.

Evidence is kept by place: the argument itself, and what is inside it (an element, a key, a value, a place of a pair). Each use
adds weight to the kinds that allow it: `x.split()` speaks for text, `for a, b in x` for a list of pairs, `x % 2` for a number.
"""

import ast
from collections import Counter, defaultdict

from build.unifiers.static.scopes import own_nodes
from build.unifiers.static.type_hints import ANY, Hint

Path = tuple[str, ...]  # the argument's name, then "[]" for elements, "key", "value", or "0", "1", ... for places

_STR_METHODS = frozenset(
    (
        *(
            "split",
            "strip",
            "lower",
            "upper",
            "startswith",
            "endswith",
            "replace",
            "join",
            "isdigit",
            "isalpha",
            "format",
        ),
        *("lstrip", "rstrip", "splitlines", "title", "capitalize", "encode", "isupper", "islower", "isalnum", "zfill"),
        *(
            "rjust",
            "ljust",
            "center",
            "partition",
            "rpartition",
            "swapcase",
            "isspace",
            "isnumeric",
            "casefold",
            "rsplit",
        ),
        *("rfind", "find", "translate", "isidentifier", "isdecimal", "istitle", "expandtabs"),
    )
)
_LIST_METHODS = frozenset(("append", "sort", "reverse", "extend", "insert"))
_DICT_METHODS = frozenset(("items", "keys", "values", "get", "setdefault", "popitem"))
_SET_METHODS = frozenset(("add", "discard", "union", "intersection", "issubset", "issuperset", "difference"))
_NUMBER_FUNCTIONS = frozenset(
    (
        *(
            "range",
            "abs",
            "bin",
            "hex",
            "oct",
            "chr",
            "divmod",
            "round",
            "sqrt",
            "isqrt",
            "log",
            "log2",
            "log10",
            "sin",
        ),
        *(
            "cos",
            "tan",
            "floor",
            "ceil",
            "factorial",
            "gcd",
            "pow",
            "exp",
            "radians",
            "degrees",
            "comb",
            "atan",
            "hypot",
        ),
    )
)
_WHOLE_FUNCTIONS = frozenset(("range", "bin", "hex", "oct", "chr", "isqrt", "factorial", "gcd", "comb"))
_OVER_ITEMS = frozenset(
    ("sum", "max", "min", "sorted", "len", "enumerate", "reversed", "set", "list", "tuple", "any", "all")
)
_CONTAINERS = ("list", "str", "dict", "set")
_ISINSTANCE = {
    "int": "int",
    "str": "str",
    "float": "float",
    "list": "list",
    "dict": "dict",
    "set": "set",
    "tuple": "list",
}


class Usage:
    """The evidence that a function's body gives. `weights[path][kind]`: how much speaks for a kind at a place."""

    def __init__(self, node: ast.FunctionDef | ast.Lambda, names: list[str]) -> None:
        self.weights: dict[Path, Counter[str]] = defaultdict(Counter)
        self.widths: dict[Path, int] = {}  # how many places an element that is unpacked has
        self._paths: dict[str, Path] = {name: (name,) for name in names}
        self._types: dict[str, str] = {}
        self._nodes = sorted(
            (part for part in ast.walk(node) if hasattr(part, "lineno") and part is not node),
            key=lambda part: (part.lineno, part.col_offset),  # type: ignore[attr-defined]
        )
        for part in ast.walk(node):
            if isinstance(part, ast.comprehension | ast.For):
                self._loop(part.target, part.iter)
        for part in self._nodes:
            if isinstance(part, ast.Assign) and len(part.targets) == 1:
                self._assign(part.targets[0], part.value)
        for part in self._nodes:
            self._look_at(part)

    def hint(self, path: Path) -> tuple[Hint | None, int]:
        """The best supported hint of a place, and how much supports it; None where nothing does."""
        inside = [other for other in self.weights if other[: len(path)] == path and len(other) > len(path)]
        own = Counter(self.weights.get(path, Counter()))
        if any(other[len(path)] in ("[]",) for other in inside):
            element = self.weights.get((*path, "[]"), Counter())
            own["str" if _prefers_text(own, element) else "list"] += 1
        if any(other[len(path)] in ("key", "value") for other in inside):
            own["dict"] += 2
        width = self.widths.get(path)
        if width and not own["str"]:
            items = tuple(self.hint((*path, str(place)))[0] or ANY for place in range(width))
            return Hint("tuple", items), 3
        known = [(count, kind) for kind, count in own.items() if count > 0]
        if not known:
            return None, 0
        count, kind = max(known, key=lambda item: (item[0], _ORDER.index(item[1])))
        if kind in ("list", "set"):
            return Hint(kind, (self.hint((*path, "[]"))[0] or ANY,)), count
        if kind == "dict":
            key = self.hint((*path, "key"))[0] or Hint("str")
            key = key if key.kind in ("int", "str") else Hint("str")
            return Hint("dict", (key, self.hint((*path, "value"))[0] or ANY)), count
        return Hint(kind), count

    def _path(self, node: ast.expr) -> Path | None:
        """The place that an expression reads, None where it reads none."""
        if isinstance(node, ast.Name):
            return self._paths.get(node.id)
        if isinstance(node, ast.Subscript):
            base = self._path(node.value)
            if base is None:
                return None
            if isinstance(node.slice, ast.Slice):
                return base
            return (*base, "value" if self._is_key(base, node.slice) else "[]")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
            if node.func.id in ("list", "tuple", "sorted", "reversed", "set", "iter", "copy", "deepcopy"):
                return self._path(node.args[0])
            if node.func.id in ("max", "min", "next"):
                base = self._path(node.args[0])
                return (*base, "[]") if base else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
            base = self._path(node.func.value)
            if base and node.func.attr in ("pop", "popleft"):
                return (*base, "[]")
            if base and node.func.attr in ("copy", "lower", "upper", "strip"):
                return base
        return None

    def _is_key(self, base: Path, index: ast.expr) -> bool:
        if isinstance(index, ast.Constant) and isinstance(index.value, str):
            return True
        own = self.weights[base]
        return own["dict"] > own["list"] + own["str"]

    def _loop(self, target: ast.expr, source: ast.expr) -> None:
        if isinstance(source, ast.Call) and isinstance(source.func, ast.Name):
            if (
                source.func.id == "enumerate"
                and source.args
                and isinstance(target, ast.Tuple)
                and len(target.elts) == 2
            ):
                self._loop(target.elts[1], source.args[0])
                return
            if source.func.id == "zip" and isinstance(target, ast.Tuple) and len(target.elts) == len(source.args):
                for part, each in zip(target.elts, source.args):
                    self._loop(part, each)
                return
            if source.func.id == "range" and isinstance(target, ast.Name):
                self._types[target.id] = "int"
        if isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and not source.args:
            base = self._path(source.func.value)
            if base and source.func.attr == "items" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
                self.weights[base]["dict"] += 4
                self._name(target.elts[0], (*base, "key"))
                self._name(target.elts[1], (*base, "value"))
                return
            if base and source.func.attr in ("keys", "values"):
                self.weights[base]["dict"] += 4
                self._name(target, (*base, "key" if source.func.attr == "keys" else "value"))
                return
        base = self._path(source)
        if base:
            self.weights[base]["list"] += 1
            self._name(target, (*base, "[]"))

    def _name(self, target: ast.expr, path: Path) -> None:
        if isinstance(target, ast.Name):
            self._paths.setdefault(target.id, path)
            self.weights[path][""] += 0
        elif isinstance(target, ast.Tuple | ast.List) and not any(
            isinstance(part, ast.Starred) for part in target.elts
        ):
            self.widths.setdefault(path, len(target.elts))
            for place, part in enumerate(target.elts):
                self._name(part, (*path, str(place)))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        path = self._path(value)
        if path and isinstance(target, ast.Name):
            self._paths.setdefault(target.id, path)
        elif path and isinstance(target, ast.Tuple):
            self._name(target, path)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for part, each in zip(target.elts, value.elts):
                self._assign(part, each)

    def _add(self, node: ast.expr, kind: str, weight: int) -> None:
        path = self._path(node)
        if path:
            self.weights[path][kind] += weight

    def _kind_of(self, node: ast.expr) -> str:
        """The kind of an expression that is no argument, as far as it is plain."""
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, str):
            return type(node.value).__name__
        if isinstance(node, ast.JoinedStr):
            return "str"
        if isinstance(node, ast.List | ast.ListComp):
            return "list"
        if isinstance(node, ast.Name):
            return self._types.get(node.id, "")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return {"len": "int", "int": "int", "str": "str", "float": "float", "ord": "int", "sum": "int"}.get(
                node.func.id, ""
            )
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Mult | ast.Mod):
            return "int"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._kind_of(node.operand)
        return ""

    def _look_at(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            self._look_at_call(node)
        elif isinstance(node, ast.BinOp):
            self._look_at_sum(node.left, node.op, node.right)
        elif isinstance(node, ast.AugAssign):
            self._look_at_sum(node.target, node.op, node.value)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
            self._add(node.operand, "int", 2)
        elif isinstance(node, ast.Compare):
            self._look_at_comparison(node)
        elif isinstance(node, ast.Subscript):
            self._look_at_subscript(node)

    def _look_at_call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            method, owner = node.func.attr, node.func.value
            if method in _STR_METHODS:
                self._add(owner, "str", 4)
                if method == "join" and node.args:
                    path = self._path(node.args[0])
                    if path:
                        self.weights[(*path, "[]")]["str"] += 3
                        self.weights[path]["list"] += 1
                if method in ("startswith", "endswith", "find", "replace", "split"):
                    for argument in node.args[:2]:
                        self._add(argument, "str", 3)
            elif method in _LIST_METHODS:
                self._add(owner, "list", 4)
            elif method in _DICT_METHODS:
                self._add(owner, "dict", 4)
                if method == "get" and node.args:
                    path = self._path(owner)
                    kind = self._kind_of(node.args[0])
                    if path and kind in ("int", "str"):
                        self.weights[(*path, "key")][kind] += 2
            elif method in _SET_METHODS:
                self._add(owner, "set", 3)
            elif method in ("index", "count"):
                self._add(owner, "list", 1)
                self._add(owner, "str", 1)
            elif method in _NUMBER_FUNCTIONS:
                for argument in node.args:
                    self._add(argument, "int", 3 if method in _WHOLE_FUNCTIONS else 2)
            return
        called = getattr(node.func, "id", "")
        arguments = node.args
        if called in _NUMBER_FUNCTIONS and not (called in ("pow", "round") and len(arguments) == 0):
            for argument in arguments:
                self._add(argument, "int", 4 if called in _WHOLE_FUNCTIONS else 2)
        elif called in ("sum", "mean", "median") and arguments:
            self._add(arguments[0], "list", 2)
            path = self._path(arguments[0])
            if path:
                self.weights[(*path, "[]")]["int"] += 2
        elif called in _OVER_ITEMS and len(arguments) == 1:
            self._add(arguments[0], "list", 1)
            self._add(arguments[0], "str", 1 if called in ("len", "reversed", "enumerate", "set", "list") else 0)
        elif called == "ord" and arguments:
            self._add(arguments[0], "str", 4)
        elif called in ("int", "float", "str") and arguments:
            self._add(arguments[0], {"int": "str", "float": "str", "str": "int"}[called], 1)
        elif called == "isinstance" and len(arguments) == 2:
            kinds: list[ast.expr] = arguments[1].elts if isinstance(arguments[1], ast.Tuple) else [arguments[1]]
            for each in kinds:
                tested = _ISINSTANCE.get(getattr(each, "id", ""))
                if tested:
                    self._add(arguments[0], tested, 3)
        elif called in ("map", "filter") and len(arguments) == 2:
            self._add(arguments[1], "list", 1)
            if called == "map" and isinstance(arguments[0], ast.Name) and arguments[0].id == "int":
                self._add(arguments[1], "str", 2)

    def _look_at_sum(self, left: ast.expr, op: ast.operator, right: ast.expr) -> None:
        for one, other in ((left, right), (right, left)):
            kind = self._kind_of(other)
            if isinstance(op, ast.Add):
                if kind:
                    self._add(one, kind, 3)
            elif isinstance(op, ast.Mult):
                self._add(one, "int", 1 if kind in ("str", "list") else 2)
            elif isinstance(op, ast.Mod) and (kind == "str" or isinstance(left, ast.JoinedStr)):
                continue
            elif isinstance(op, ast.Div):
                self._add(one, "int", 2)
            elif isinstance(op, ast.BitOr | ast.BitAnd | ast.BitXor | ast.Sub) and kind != "int":
                self._add(one, "int", 1)
            else:
                self._add(one, "int", 3)

    def _look_at_comparison(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, op, right in zip(sides, node.ops, sides[1:]):
            if isinstance(op, ast.In | ast.NotIn):
                if isinstance(right, ast.Constant) and isinstance(right.value, str):
                    self._add(left, "str", 3)
                if isinstance(right, ast.List | ast.Tuple | ast.Set) and right.elts:
                    kind = self._kind_of(right.elts[0])
                    if kind:
                        self._add(left, kind, 3)
                path, kind = self._path(right), self._kind_of(left)
                if path:
                    self.weights[path]["list"] += 1
                    if kind == "str":
                        self.weights[path]["str"] += 1
                continue
            for one, other in ((left, right), (right, left)):
                kind = self._kind_of(other)
                if kind and not isinstance(op, ast.Is | ast.IsNot):
                    self._add(one, kind, 3)
                elif isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                    self._add(one, "int", 1)

    def _look_at_subscript(self, node: ast.Subscript) -> None:
        path = self._path(node.value)
        if not path:
            return
        index = node.slice
        if isinstance(index, ast.Slice):
            self.weights[path]["list"] += 1
            self.weights[path]["str"] += 1
            for bound in (index.lower, index.upper):
                if bound is not None:
                    self._add(bound, "int", 3)
            return
        if isinstance(index, ast.Constant) and isinstance(index.value, str):
            self.weights[path]["dict"] += 4
            return
        self.weights[path]["list"] += 1
        if isinstance(node.ctx, ast.Store):
            self.weights[path]["list"] += 1
            self.weights[path]["str"] -= 3
        else:
            self.weights[path]["str"] += 1
        if not self._is_key(path, index):
            self._add(index, "int", 3)


_ORDER = ("", "dict", "set", "bool", "float", "str", "list", "int")


def _prefers_text(own: Counter[str], element: Counter[str]) -> bool:
    """Whether something with elements is rather a text: its elements are compared with texts, or it is itself."""
    return own["str"] > own["list"] or (element["str"] > element["int"] and own["str"] >= own["list"])


def tests_only(node: ast.FunctionDef, name: str) -> bool:
    """Whether the body does nothing with a name but ask whether it is true."""
    uses = [part for part in ast.walk(node) if isinstance(part, ast.Name) and part.id == name]
    tests = {
        id(test)
        for part in own_nodes(node)
        if isinstance(part, ast.If | ast.IfExp | ast.While | ast.BoolOp | ast.UnaryOp)
        for test in (
            part.values
            if isinstance(part, ast.BoolOp)
            else [part.operand]
            if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)
            else [part.test]
            if not isinstance(part, ast.UnaryOp)
            else []
        )
    }
    return bool(uses) and all(id(use) in tests for use in uses)
