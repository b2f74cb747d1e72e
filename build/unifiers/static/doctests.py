"""A function's own doctests: the argument sets in them, and whether the unified function gives what they say.

The examples run in the sandbox against `main_solution`, with arguments that went through JSON, so that what is checked is what
will be asked: a slice that lost something, a value that JSON changes, and examples that were never true all show here.
"""

import ast
import doctest
import json
import sys
from dataclasses import dataclass
from typing import Any

from build.core.values import values_match
from build.sandbox import Program, Sandbox
from build.sandbox.codec import NotData, to_plain
from build.unifiers.static.trials import beside

_LINES = 1_000_000  # that all examples may execute, else they decide nothing
_CPU_S = 10.0  # far more than so many lines take
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
_DRIVER = """
def plain(value):
    kind = type(value).__name__
    if value is None or kind in ("bool", "int", "float", "str"):
        return value
    if kind in ("list", "tuple", "deque", "range"):
        return [plain(item) for item in value]
    if kind in ("set", "frozenset"):
        return [plain(item) for item in sorted(value)]
    if kind in ("dict", "OrderedDict", "defaultdict", "Counter"):
        made = {}
        for key, item in value.items():
            if type(key).__name__ not in ("int", "str") or str(key) in made:
                raise TypeError("no JSON key")
            made[str(key)] = plain(item)
        return made
    raise TypeError("not JSON")


def run(slice_names, name, parameters, defaults, sources):
    import io
    import json
    import sys

    reached = []
    entry = slice_names["main_solution"]

    def shim(*positional, **keywords):
        given = dict(zip(parameters, positional))
        if len(positional) > len(parameters) or set(given) & set(keywords):
            raise Skip()
        given.update(keywords)
        if set(given) - set(parameters):
            raise Skip()
        for parameter, value in defaults.items():
            given.setdefault(parameter, value)
        try:
            arguments = json.loads(json.dumps(plain(given)))
        except (TypeError, ValueError):
            raise Skip() from None
        if set(arguments) != set(entry.__code__.co_varnames[: entry.__code__.co_argcount]):
            raise Skip()
        reached.append(1)
        try:
            value = entry(**arguments)
        except BaseException as error:
            reached.append(type(error).__name__)
            raise
        reached.append(0)
        return value

    names = dict(slice_names)
    names[name] = shim
    found = []
    for source in sources:
        del reached[:]
        printed = io.StringIO()
        names["__builtins__"] = dict(vars(__import__("builtins")))
        stdout, sys.stdout = sys.stdout, printed
        try:
            try:
                code = compile(source, "<example>", "eval")
            except SyntaxError:
                exec(compile(source, "<example>", "exec"), names)
                value = None
            else:
                value = eval(code, names)
                if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
                    value = value.item()  # its text was `0.5` and is `np.float64(0.5)` since numpy 2
            outcome = ["value", printed.getvalue() + (repr(value) if value is not None else "")]
        except Skip:
            outcome = ["skipped", ""]
        except BaseException as error:
            outcome = ["raised", type(error).__name__]
        finally:
            sys.stdout = stdout
        if not reached or (outcome[0] == "raised" and reached[-1] == 0):  # it does not call, or fails beside the call
            outcome = ["skipped", ""]
        found.append([outcome[0], outcome[1][:20000]])
    return found


class Skip(BaseException):
    pass
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One doctest example: its source, what it should show, and the exception that it should raise instead ("" for none)."""

    source: str
    want: str
    raises: str


def examples_of(text: str, function: str) -> list[Example]:
    """The examples of a docstring, all of them once one calls `function`."""
    try:
        found = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return []
    if not any(function in example.source for example in found):
        return []
    return [
        Example(example.source, example.want, _type_of(example.exc_msg))
        for example in found
        if not example.options.get(doctest.SKIP) and not _imports_others(example.source)
    ]


def _imports_others(source: str) -> bool:
    """Whether an example imports what is not of the standard library, mostly the package that the function is from.

    The function is there without it, and what else is installed is to make no difference.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([item.name for item in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    return not names <= sys.stdlib_module_names | {"numpy"}


def contradiction(
    sandbox: Sandbox,
    code: str,
    name: str,
    parameters: list[str],
    defaults: dict[str, Any],
    examples: list[Example],
) -> str:
    """The first example that the unified function contradicts, told in a sentence; "" where there is none.

    `parameters` are those of the original function in order, `defaults` JSON values of those that the entry point takes
    and an example may leave out. An example that passes what JSON cannot carry is left out.
    """
    if not examples:
        return ""
    given = {
        "name": name,
        "parameters": parameters,
        "defaults": defaults,
        "sources": [example.source for example in examples],
    }
    (result,) = sandbox.call(
        Program(code + beside(_DRIVER, "doctest_run_"), "doctest_run_"),
        [json.dumps(given)],
        call_cpu_s=_CPU_S,
        lines=_LINES,
    )
    if result.status != "ok" or result.value is None:
        return "" if result.status in ("timeout", "memory") else f"the examples do not run: {result.detail}"
    for example, (status, shown) in zip(examples, json.loads(result.value)):
        if status == "skipped" or not (example.want or example.raises) or example.want.startswith("<"):
            continue
        if example.raises:
            if status != "raised" or shown != example.raises:
                return f"`{example.source.strip()}` should raise {example.raises}, and gave {shown or 'None'}"
        elif status == "raised":
            return f"`{example.source.strip()}` should give {example.want.strip()}, and raised {shown}"
        elif not _same(example.want, shown):
            return f"`{example.source.strip()}` should give {example.want.strip()}, and gave {shown or 'None'}"
    return ""


Arguments = list[tuple[list[Any], dict[str, Any]]]
Calls = dict[str, Arguments]


def doctest_calls(text: str, function: str) -> Arguments:
    """The literal positional and keyword arguments of each doctest call of `function`, in order.

    Names that an earlier line of the example bound to a literal are filled in; calls with anything else are left out.
    """
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return []
    return literal_calls([example.source for example in examples]).get(function, [])


def literal_calls(sources: list[str]) -> Calls:
    """The calls with literal arguments in pieces of source text, by the name of what is called, in order."""
    bound: dict[str, Any] = {}
    calls: Calls = {}
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.Call)]
        for node in sorted(nodes, key=lambda node: (node.lineno, not isinstance(node, ast.Assign), node.col_offset)):
            if isinstance(node, ast.Assign):
                if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    try:
                        bound[node.targets[0].id] = _literal(node.value, bound)
                    except ValueError:
                        bound.pop(node.targets[0].id, None)
                continue
            try:
                positional = [_literal(item, bound) for item in node.args]
                keywords = {item.arg: _literal(item.value, bound) for item in node.keywords if item.arg}
            except ValueError:
                continue
            if all(item.arg for item in node.keywords) and (name := _called(node.func)):
                calls.setdefault(name, []).append((positional, keywords))
    return calls


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _literal(node: ast.expr, bound: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name) and node.id in bound:
        return bound[node.id]
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("set", "frozenset", "tuple", "list", "deque")
        and len(node.args) == 1
        and not node.keywords
    ):
        inner = _literal(node.args[0], bound)
        try:
            return {"set": set, "frozenset": frozenset, "tuple": tuple}.get(node.func.id, list)(inner)
        except TypeError as error:
            raise ValueError("not a literal") from error
    try:
        value = ast.literal_eval(node)
        to_plain(value)
    except NotData:
        if isinstance(value, bytes | complex):
            return value
        raise ValueError("not data") from None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError("not a literal") from error
    return value


def _type_of(message: str | None) -> str:
    return message.split(":")[0].strip().rpartition(".")[2] if message else ""


def _same(want: str, shown: str) -> bool:
    """Whether a value's text is what an example shows: as doctest has it, or as the same value in other words."""
    if doctest.OutputChecker().check_output(want, shown.rstrip("\n") + "\n" if shown else "", _FLAGS):
        return True
    try:
        expected, value = ast.literal_eval(want.strip()), ast.literal_eval(shown)
        if expected == value:
            return True
        return bool(values_match(to_plain(expected), to_plain(value)))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
