"""The static unifier: typed, documented, pure functions out of a real file, in the unified format, with `ast` alone.

A candidate is a public top-level function. It is taken with everything of its file that it needs (helpers, classes,
decorators, constants, standard-library imports) and wrapped by `main_solution`, which restores tuples and sets from JSON,
calls it, and returns its value, or what it changed when it works in place. What cannot be done is a named refusal:

    no_docstring  no_parameters  star_arguments  unsupported_type  async  does_io  impure_import  foreign_import
    unresolved_name  conditional_definition  returns_nothing  reserved_name  broken_code  too_complex
"""

import ast
import builtins
import copy
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from build.core.records import RawCode, Reject, UnifiedFunction, digest
from build.sandbox.codec import NotData, to_plain
from build.unifiers.docstrings import Documentation, ask, describe_io, doctest_calls, read_docstring
from build.unifiers.generators import write_generator
from build.unifiers.type_hints import ANY, Hint, hint_of, read_hint, restore, words

STAGE = "unify"

_IO_CALLS = {"print", "input", "open", "exec", "eval", "compile", "__import__", "breakpoint", "exit", "quit", "globals"}
_PURE_STDLIB = {
    *(
        "__future__",
        "abc",
        "array",
        "base64",
        "bisect",
        "binascii",
        "calendar",
        "cmath",
        "collections",
        "copy",
        "dataclasses",
    ),
    *(
        "decimal",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "numbers",
    ),
    *(
        "operator",
        "queue",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "typing",
        "types",
        "unicodedata",
        "warnings",
    ),
    "zlib",
}
_MUTATORS = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove"),
    *("reverse", "setdefault", "sort", "update"),
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Refused(ValueError):
    """A candidate that cannot be unified; `reason` is one of the names in this module's docstring."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    hint: Hint


def static_functions(raw: RawCode) -> Iterator[UnifiedFunction | Reject]:
    """Every public top-level function of a file, unified or refused; one reject when the file has none."""
    try:
        module = _Module(raw.content)
    except (RecursionError, MemoryError):
        yield Reject(STAGE, raw.id, "too_complex", f"{raw.path}: nested too deeply to be looked at")
        return
    candidates = [node for node in module.tree.body if isinstance(node, _FUNCTIONS) and not node.name.startswith("_")]
    if not candidates:
        yield Reject(STAGE, raw.id, "no_function", raw.path)
    for node in candidates:
        try:
            yield _unify(raw, module, node)
        except Refused as refusal:
            yield Reject(STAGE, raw.id, refusal.reason, f"{raw.path}:{node.name}: {refusal.detail}")
        except (RecursionError, MemoryError):
            yield Reject(STAGE, raw.id, "too_complex", f"{raw.path}:{node.name}: nested too deeply to be looked at")


def _unify(raw: RawCode, module: "_Module", node: ast.FunctionDef | ast.AsyncFunctionDef) -> UnifiedFunction:
    if isinstance(node, ast.AsyncFunctionDef):
        raise Refused("async")
    if node.name in ("main_solution", "input_generator"):
        raise Refused("reserved_name", node.name)
    docstring = ast.get_docstring(node) or ""
    docs = read_docstring(docstring)
    if docs is None:
        raise Refused("no_docstring")
    calls = doctest_calls(docstring, node.name) or doctest_calls(ast.get_docstring(module.tree) or "", node.name)
    parameters, examples = _parameters(node, calls)
    needed = module.closure(node)
    code = module.source_of(needed) + "\n\n\n" + _main_solution(node, parameters, docs)
    try:
        ast.parse(code)
    except (SyntaxError, ValueError) as error:
        raise Refused("broken_code", f"what was taken out does not parse: {error}") from error
    returned = read_hint(node.returns)
    names = [parameter.name for parameter in parameters]
    typed = [(parameter.name, words(parameter.hint)) for parameter in parameters]
    generator = write_generator([(parameter.name, parameter.hint) for parameter in parameters], examples)
    description = describe_io(typed, words(returned) if returned and returned.kind != "none" else "value", docs)
    return UnifiedFunction(
        id=digest(raw.id, code, generator),
        parent=raw.id,
        source=raw.source,
        path=raw.path,
        license=raw.license,
        name=node.name,
        unifier="static",
        code=code,
        description=description,
        query=ask(names, docs),
        generator=generator,
    )


def _parameters(
    node: ast.FunctionDef, calls: list[tuple[list[Any], dict[str, Any]]]
) -> tuple[list[Parameter], list[dict[str, Any]]]:
    """The parameters that a JSON object can fill, and the example argument sets that fill all of them."""
    arguments = node.args
    if arguments.vararg or arguments.kwarg or arguments.posonlyargs:
        raise Refused("star_arguments")
    positional = arguments.args
    if not positional and not arguments.kwonlyargs:
        raise Refused("no_parameters")
    given = [{**dict(zip((argument.arg for argument in positional), values)), **keywords} for values, keywords in calls]
    defaults: dict[str, ast.expr | None] = dict(
        zip((argument.arg for argument in reversed(positional)), reversed(arguments.defaults))
    )
    defaults |= {argument.arg: default for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults)}
    parameters = []
    for argument in (*positional, *arguments.kwonlyargs):
        default = defaults.get(argument.arg)
        values = [call[argument.arg] for call in given if argument.arg in call]
        hint = read_hint(argument.annotation)
        if hint is None and argument.annotation is None and values:
            hint = hint_of(values)
        if hint == ANY and values:
            hint = hint_of(values)
        if hint is None:
            if default is not None:
                continue  # left at its default
            annotation = ast.unparse(argument.annotation) if argument.annotation else "no type"
            raise Refused("unsupported_type", f"{argument.arg}: {annotation}")
        if default is not None:
            for call in given:
                call.setdefault(argument.arg, _default_value(default))
        parameters.append(Parameter(argument.arg, hint))
    if not parameters:
        raise Refused("no_parameters", "every parameter is left at its default")
    names = [parameter.name for parameter in parameters]
    return parameters, [plain for call in given if (plain := _plain_example(call, names)) is not None]


def _default_value(default: ast.expr) -> Any:
    try:
        return ast.literal_eval(default)
    except (ValueError, TypeError):
        return NotImplemented  # not data: the example is left out


def _plain_example(call: dict[str, Any], names: list[str]) -> dict[str, Any] | None:
    try:
        return {name: to_plain(call[name]) for name in names}
    except (KeyError, NotData):
        return None


def _main_solution(node: ast.FunctionDef, parameters: list[Parameter], docs: Documentation) -> str:
    names = [parameter.name for parameter in parameters]
    text = _inside_quotes(docs.summary)
    lines = [f"def main_solution({', '.join(names)}):", f'    """{text}"""']
    for parameter in parameters:
        restored = restore(parameter.hint, parameter.name)
        if restored != parameter.name:
            lines.append(f"    {parameter.name} = {restored}")
    keywords = {argument.arg for argument in node.args.kwonlyargs}
    passed = ", ".join(f"{name}={name}" if name in keywords or _skipped(node, names) else name for name in names)
    call = f"{node.name}({passed})"
    own = list(_own_nodes(node))
    if any(isinstance(part, ast.Yield | ast.YieldFrom) for part in own):
        lines.append(f"    return list({call})")
    elif any(isinstance(part, ast.Return) and part.value is not None for part in own):
        lines.append(f"    return {call}")
    else:
        changed = [name for name in names if name in _mutated(node)]
        if not changed:
            raise Refused("returns_nothing", "and changes none of its arguments")
        result = changed[0] if len(changed) == 1 else "{" + ", ".join(f'"{name}": {name}' for name in changed) + "}"
        lines += [f"    {call}", f"    return {result}"]
    return "\n".join(lines) + "\n"


def _skipped(node: ast.FunctionDef, names: list[str]) -> bool:
    return [argument.arg for argument in node.args.args][: len(names)] != names


def _mutated(node: ast.FunctionDef) -> set[str]:
    """Names whose value the body changes in place, as far as the text shows, or hands to another function."""
    changed = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store | ast.Del):
            changed.add(_base(part))
        elif isinstance(part, ast.Call):
            if isinstance(part.func, ast.Attribute) and part.func.attr in _MUTATORS:
                changed.add(_base(part.func))
            elif isinstance(part.func, ast.Name) and not hasattr(builtins, part.func.id):
                changed |= {argument.id for argument in part.args if isinstance(argument, ast.Name)}
    return changed


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's own body, not those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (*_SCOPES, ast.ClassDef)):
            yield from _own_nodes(child)


class _Module:
    """A parsed file: which top-level statements define which names, and what a function needs of them."""

    def __init__(self, content: str) -> None:
        self.tree = ast.parse(content)
        self.lines = re.split(r"\r\n|\r|\n", content)  # as `ast` counts them; str.splitlines also splits at form feeds
        self.definitions: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in _bound(statement):
                self.definitions.setdefault(name, []).append(statement)

    def closure(self, function: ast.FunctionDef) -> list[ast.stmt]:
        """The top-level statements that a function needs, itself included, in file order. Raises `Refused`."""
        needed: set[int] = set()
        waiting: list[ast.stmt] = [function]
        while waiting:
            statement = waiting.pop()
            if id(statement) in needed:
                continue
            needed.add(id(statement))
            _refuse_impure(statement)
            for name in _free_names(statement):
                if name in self.definitions:
                    waiting += self.definitions[name]
                elif not hasattr(builtins, name) and name not in ("__name__", "__file__"):
                    raise Refused("unresolved_name", name)
        return [statement for statement in self.tree.body if id(statement) in needed]

    def source_of(self, statements: list[ast.stmt]) -> str:
        """Their source text, imports first, with docstrings reduced to what they say (no examples)."""
        imports = [
            ast.unparse(statement) for statement in statements if isinstance(statement, ast.Import | ast.ImportFrom)
        ]
        imports = [line for line in imports if "__future__" not in line]
        parts = ["from __future__ import annotations", *dict.fromkeys(imports)]
        blocks = [
            self._text(statement) for statement in statements if not isinstance(statement, ast.Import | ast.ImportFrom)
        ]
        return "\n".join(parts) + "\n\n\n" + "\n\n\n".join(blocks)

    def _text(self, statement: ast.stmt) -> str:
        first = min([statement.lineno, *(item.lineno for item in getattr(statement, "decorator_list", []))])
        replaced: dict[int, tuple[int, str]] = {}
        for node in ast.walk(statement):
            if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) is not None:
                literal = node.body[0]
                shares = literal.lineno == node.lineno or any(
                    after.lineno == literal.end_lineno for after in node.body[1:2]
                )
                if shares:  # with other code, on one line
                    return _rewritten(statement)
                indent = " " * literal.col_offset
                text = _said(node).replace("\n", "\n" + indent).replace("\n" + indent + "\n", "\n\n")
                shown = f'{indent}"""{text}"""' if text else (f"{indent}pass" if len(node.body) == 1 else "")
                replaced[literal.lineno] = (literal.end_lineno or literal.lineno, shown)
        kept = []
        number = first
        while number <= (statement.end_lineno or first):
            if number in replaced:
                end, shown = replaced[number]
                kept += [shown] if shown else []
                number = end + 1
            else:
                kept.append(self.lines[number - 1])
                number += 1
        return "\n".join(kept)


def _said(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """What a docstring says without its examples, ready to stand between triple quotes."""
    docs = read_docstring(ast.get_docstring(node) or "")
    return _inside_quotes(docs.body) if docs else ""


def _inside_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"""', "'''")
    return escaped + " " if escaped.endswith('"') else escaped


def _rewritten(statement: ast.stmt) -> str:
    """A statement's text made anew from its tree, with its docstrings reduced; its comments are lost."""
    tree = copy.deepcopy(statement)
    for node in ast.walk(tree):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) is not None:
            text = _said(node)
            node.body[:1] = [ast.Expr(ast.Constant(text))] if text else ([] if node.body[1:] else [ast.Pass()])
    return ast.unparse(ast.fix_missing_locations(tree))


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a top-level statement binds or changes."""
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(item.asname or item.name).split(".")[0] for item in statement.names}
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(_base(node))
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(item.asname or item.name).split(".")[0] for item in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
            names.add(_base(node.func))
    return names - {""}


def _refuse_impure(statement: ast.stmt) -> None:
    if isinstance(statement, ast.Try | ast.If | ast.With):
        raise Refused("conditional_definition", f"line {statement.lineno}")
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _IO_CALLS:
            raise Refused("does_io", f"{node.func.id}() in line {node.lineno}")
        if isinstance(node, ast.Import):
            for item in node.names:
                _refuse_module(item.name)
        elif isinstance(node, ast.ImportFrom):
            _refuse_module("." * node.level + (node.module or ""))


def _refuse_module(name: str) -> None:
    top = name.split(".")[0]
    if top in _PURE_STDLIB or top == "numpy":
        return
    raise Refused("impure_import" if top in sys.stdlib_module_names else "foreign_import", name)


def _free_names(statement: ast.stmt) -> set[str]:
    """Names that a statement reads and does not bind itself; annotations do not count, they are never evaluated."""
    loaded: set[str] = set()
    bound: set[str] = set()
    declared: set[str] = set()
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
            continue
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.ExceptHandler)) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(item.asname or item.name).split(".")[0] for item in node.names}
        elif isinstance(node, ast.Global):
            declared |= set(node.names)
        skipped = {"returns", "annotation"}
        for field, value in ast.iter_fields(node):
            if field not in skipped:
                stack += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)]
    if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        return (loaded - bound) | declared
    return loaded  # a top-level assignment reads what other statements bind, itself included
