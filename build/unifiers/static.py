"""The static unifier: functions out of a real file, in the unified format, by analysis and without a model.

A candidate is a public top-level function. It is taken with everything of its file that it needs (`build.unifiers.slices`) and
wrapped by `main_solution`, which restores from JSON what JSON cannot carry, calls it, and returns its value, or what it changed
when it works in place. What cannot be done is refused with one of these reasons:

    no_function  no_docstring  unreadable_docstring  no_parameters  unsupported_type  async  does_io  impure_import
    foreign_import  unresolved_name  returns_nothing  reserved_name  broken_code  too_complex  contradicts_doctest
    unifier_error
"""

import ast
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from build.core.records import RawCode, Reject, UnifiedFunction, digest
from build.sandbox import Sandbox
from build.sandbox.codec import NotData, to_plain
from build.unifiers.docstrings import ask, describe_io, read_docstring
from build.unifiers.doctests import contradiction, doctest_calls, examples_of
from build.unifiers.entry import Parameter, write_entry
from build.unifiers.generators import write_generator
from build.unifiers.named_types import class_names, resolver
from build.unifiers.refusal import Refused
from build.unifiers.scopes import FUNCTIONS
from build.unifiers.slices import Module
from build.unifiers.type_hints import hint_of, read_hint, refine, words

STAGE = "unify"


def static_functions(raw: RawCode, sandbox: Sandbox) -> Iterator[UnifiedFunction | Reject]:
    """Every public top-level function of a file, unified or refused; one reject when the file has none.

    Whatever goes wrong with a candidate costs this candidate only.
    """
    try:
        module = Module(raw.content)
        candidates = [
            node for node in module.statements if isinstance(node, FUNCTIONS) and not node.name.startswith("_")
        ]
    except Exception as error:
        yield _reject(raw, raw.path, error)
        return
    if not candidates:
        yield Reject(STAGE, raw.id, "no_function", raw.path)
    for node in candidates:
        try:
            yield _unify(raw, module, node, sandbox)
        except Exception as error:
            yield _reject(raw, f"{raw.path}:{node.name}", error)


def _reject(raw: RawCode, place: str, error: Exception) -> Reject:
    if isinstance(error, Refused):
        return Reject(STAGE, raw.id, error.reason, f"{place}: {error.detail}")
    if isinstance(error, RecursionError | MemoryError):
        return Reject(STAGE, raw.id, "too_complex", f"{place}: nested too deeply to be looked at")
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(last.filename).name}:{last.lineno}"
    return Reject(STAGE, raw.id, "unifier_error", f"{place}: {type(error).__name__}: {error} ({where})")


def _unify(
    raw: RawCode, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef, sandbox: Sandbox
) -> UnifiedFunction:
    if isinstance(node, ast.AsyncFunctionDef):
        raise Refused("async")
    docstring = ast.get_docstring(node) or ""
    docs = read_docstring(docstring)
    if docs is None:
        raise Refused("no_docstring")
    about = docstring if doctest_calls(docstring, node.name) else ast.get_docstring(module.tree) or ""
    parameters, examples, defaults = _parameters(module, node, doctest_calls(about, node.name))
    classes = {name for parameter in parameters for name in class_names(parameter.hint)}
    start = [number for name in sorted(classes) for number in module.definitions.get(name, [])]
    needed = module.closure([module.number_of(node), *start])
    taken = {name for number in needed for name in module.names(number).binds}
    for name in ("main_solution", "input_generator"):
        if name in taken:
            raise Refused("reserved_name", name)
    code = module.source_of(needed) + "\n\n\n" + write_entry(node.name, parameters, node, docs.summary, taken)
    try:
        compile(code, "<unified>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise Refused("broken_code", f"what was taken out does not compile: {error}") from error
    names = [parameter.name for parameter in parameters]
    in_order = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    wrong = contradiction(sandbox, code, node.name, in_order, defaults, examples_of(about, node.name))
    if wrong:
        raise Refused("contradicts_doctest", wrong)
    returned = read_hint(node.returns, resolver(module))
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
    module: Module, node: ast.FunctionDef, calls: list[tuple[list[Any], dict[str, Any]]]
) -> tuple[list[Parameter], list[dict[str, Any]], dict[str, Any]]:
    """The parameters that a JSON object can fill, the example argument sets that fill all of them, and their defaults."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if not positional and not arguments.kwonlyargs:
        starred = arguments.vararg or arguments.kwarg
        raise Refused("no_parameters", f"beside `*{starred.arg}`" if starred else "")
    given = [{**dict(zip((argument.arg for argument in positional), values)), **keywords} for values, keywords in calls]
    default_nodes: dict[str, ast.expr | None] = dict(
        zip((argument.arg for argument in reversed(positional)), reversed(arguments.defaults))
    )
    default_nodes |= {argument.arg: default for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults)}
    by_place_only = {argument.arg for argument in arguments.posonlyargs}
    by_keyword = {argument.arg for argument in arguments.kwonlyargs}
    resolve = resolver(module)
    parameters: list[Parameter] = []
    defaults: dict[str, Any] = {}
    skipped = False
    for argument in (*positional, *arguments.kwonlyargs):
        name, default = argument.arg, default_nodes.get(argument.arg)
        values = [call[name] for call in given if name in call]
        hint = read_hint(argument.annotation, resolve)
        if hint is None and argument.annotation is None and values:
            hint = hint_of(values)
        if hint is not None and values:
            hint = refine(hint, values)
        if hint is None or (skipped and name in by_place_only):
            if default is not None:
                skipped = True
                continue  # left at its default
            annotation = ast.unparse(argument.annotation) if argument.annotation else "no type"
            raise Refused("unsupported_type", f"{name}: {annotation}")
        if default is not None:
            with suppress(ValueError, TypeError, SyntaxError, NotData):  # then an example must give it
                defaults[name] = to_plain(ast.literal_eval(default))
        parameters.append(Parameter(name, hint, "keyword" if skipped or name in by_keyword else "place"))
    if not parameters:
        raise Refused("no_parameters", "every parameter is left at its default")
    names = [parameter.name for parameter in parameters]
    complete = [plain for call in given if (plain := _plain_example(defaults | call, names)) is not None]
    return parameters, complete, defaults


def _plain_example(call: dict[str, Any], names: list[str]) -> dict[str, Any] | None:
    try:
        return {name: to_plain(call[name]) for name in names}
    except (KeyError, NotData):
        return None
