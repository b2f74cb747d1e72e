"""What becomes of a function's results: how the text says that it gives them, and what turns them into JSON values."""

import ast
import json

from build.unifiers.static.entry import changed_arguments
from build.unifiers.static.refusal import Refused
from build.unifiers.static.scopes import own_nodes
from build.unifiers.static.signatures import Signature
from build.unifiers.static.slices import Module
from build.unifiers.static.trials import Trial

_ITERATORS = frozenset(
    (
        *(
            "generator",
            "map",
            "filter",
            "zip",
            "enumerate",
            "reversed",
            "dict_keys",
            "dict_values",
            "dict_items",
            "islice",
        ),
        *(
            "chain",
            "list_iterator",
            "list_reverseiterator",
            "tuple_iterator",
            "set_iterator",
            "str_iterator",
            "odict_keys",
        ),
        *(
            "odict_values",
            "odict_items",
            "permutations",
            "combinations",
            "product",
            "accumulate",
            "starmap",
            "takewhile",
        ),
        *("dropwhile", "groupby", "zip_longest", "filterfalse", "dict_keyiterator", "compress", "repeat", "pairwise"),
        *("combinations_with_replacement", "str_ascii_iterator", "range_iterator", "mappingproxy"),
    )
)
_RESULTS = {"Decimal": "text", "Fraction": "text", "timedelta": "text", "bytes": "bytes", "bytearray": "bytes"}
_RESULTS |= {"ndarray": "array", "complex": "complex", "date": "date", "datetime": "date", "time": "date"}
_PLAIN = frozenset(
    (
        *("NoneType", "bool", "int", "float", "str", "list", "tuple", "dict", "set", "frozenset", "deque", "range"),
        *("OrderedDict", "defaultdict", "Counter", "int64", "float64", "bool_", "int32", "float32", "uint8", "bool"),
    )
)


def result_of(node: ast.FunctionDef, signature: Signature) -> tuple[str, tuple[str, ...]]:
    """How the result is given as far as the text shows, and the arguments that the function changes in place."""
    own = list(own_nodes(node))
    names = signature.own_names()
    found = changed_arguments(node)
    changed = tuple(name for name in names if name in found and signature.mutable(name))
    if any(isinstance(part, ast.Yield | ast.YieldFrom) for part in own):
        return "list", changed
    if any(isinstance(part, ast.Return) and part.value is not None and not _is_none(part.value) for part in own):
        return "value", changed
    if changed:
        return "changed", changed
    if any(isinstance(part, ast.Name) and part.id == "print" for part in ast.walk(node)):
        return "printed", ()
    return "value", ()


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def conversion(trial: Trial, module: Module) -> tuple[str, Trial]:
    """What turns the results into JSON values (one of `CONVERSIONS`), and the trial with the runs for which it does.

    Where at least half of the results are such values already, the other runs go. Raises `Refused` where nothing turns them.
    """
    kinds = set(trial.kinds)
    plain = [kind in _PLAIN and not odd for kind, odd in zip(trial.kinds, trial.odd)]
    if all(plain):
        return "value", trial
    if kinds <= _ITERATORS | {"list", "tuple"} and kinds & _ITERATORS:
        return "list", trial
    others = kinds - _PLAIN
    found = {_converted(kind, module) for kind in others}
    if found == {"text"} and kinds - others <= {"int", "float"}:
        return "text", trial
    if 2 * sum(plain) >= len(plain):
        return "value", trial.only(plain)
    if len(found) == 1 and kinds == others and (only := found.pop()):
        return only, trial
    odd = set().union(*trial.odd)
    if kinds <= {"list", "tuple"} and odd <= _ITERATORS and _flat(trial):
        return "lists", trial
    if kinds <= {"list", "tuple"} and {_converted(kind, module) for kind in odd} == {"text"} and _flat(trial):
        return "texts", trial
    what = f"it returns {', '.join(sorted(others))}" if others else f"{', '.join(sorted(odd))} in its results"
    raise Refused("unsupported_result", what)


def holds_iterators(trial: Trial) -> bool:
    """Whether the results are lists of iterators."""
    odd = set().union(*trial.odd)
    return bool(odd) and odd <= _ITERATORS and _are_lists(trial) and _flat(trial)


def _are_lists(trial: Trial) -> bool:
    return all(output.startswith("[") for output in trial.outputs)


def _flat(trial: Trial) -> bool:
    """Whether no list that came out has another inside, or nothing in the place of an object."""
    return not any(
        item is None or isinstance(item, list | dict) for output in trial.outputs for item in json.loads(output)
    )


def _converted(kind: str, module: Module) -> str:
    """What turns values of a type into JSON, "" where nothing does."""
    if kind in _RESULTS:
        return _RESULTS[kind]
    _, node = module.home(kind) or (None, None)
    if not isinstance(node, ast.ClassDef):
        return ""
    if any("dataclass" in ast.unparse(item) for item in node.decorator_list):
        return "record"
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    if bases & {"Enum", "IntEnum", "StrEnum"}:
        return "name"
    if "NamedTuple" in bases:
        return "value"
    return "text" if any(getattr(part, "name", "") in ("__repr__", "__str__") for part in node.body) else ""
