"""Which names of its module a statement binds, reads and changes, as Python's own symbol table sees them.

Annotations are left out: the unified code postpones their evaluation, so they are never read.
"""

import ast
import symtable
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import setitem
from typing import Any

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
MUTATORS = frozenset(
    (
        *("add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert"),
        *("intersection_update", "move_to_end", "pop", "popitem", "popleft", "remove", "reverse", "rotate"),
        *("setdefault", "sort", "subtract", "symmetric_difference_update", "update", "write", "put", "push"),
    )
)
CHANGES_ITS_ARGUMENT = frozenset(
    (
        *("heapify", "heappop", "heappush", "heappushpop", "heapreplace", "insort", "insort_left", "insort_right"),
        *("next", "setattr", "delattr", "shuffle", "update_wrapper"),
    )
)
_READING_METHODS = frozenset(
    (
        *("capitalize", "casefold", "center", "copy", "count", "encode", "decode", "endswith", "find", "format", "get"),
        *("index", "isalpha", "isdigit", "items", "join", "keys", "lower", "lstrip", "partition", "replace", "rfind"),
        *("rjust", "ljust", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title"),
        *("translate", "upper", "values", "zfill", "match", "search", "fullmatch", "findall", "sub", "most_common"),
        *("union", "intersection", "difference", "issubset", "issuperset", "mro", "isidentifier", "group"),
    )
)
_FRESH_CALLS = frozenset(
    ("list", "dict", "set", "sorted", "bytearray", "defaultdict", "Counter", "deque", "OrderedDict")
)
_FRESH_NODES = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant, ast.JoinedStr)


@dataclass(frozen=True, slots=True)
class Names:
    """Module-level names: `binds` when the statement runs or by `global` in a function of it; `reads` then or later;
    `binds_later`: the part of `binds` that only a call binds; `may_read`: names of a class that may be the module's first.
    """

    binds: frozenset[str]
    reads: frozenset[str]
    binds_later: frozenset[str]
    may_read: frozenset[str] = frozenset()


def module_names(statement: ast.stmt, lines: Sequence[bytes] = ()) -> Names:
    """The module-level names of a top-level statement. Raises RecursionError on statements nested too deeply.

    `lines`: those of its file in UTF-8, where it stands there as it is; its text need not be made anew then.
    """
    if isinstance(statement, ast.ImportFrom) and any(item.name == "*" for item in statement.names):
        return Names(frozenset(), frozenset(), frozenset())
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return Names(frozenset(item.asname or item.name for item in statement.names), frozenset(), frozenset())
    table = _symbols(statement, lines)
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    reads = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    later: set[str] = set()
    may_read: set[str] = set()
    for inner in _tables_below(table):
        is_class = inner.get_type() == "class"
        for symbol in inner.get_symbols():
            name = symbol.get_name()
            # `symtable` takes a function called "top" for the module: what is local to it counts as global too.
            if symbol.is_declared_global() or (symbol.is_global() and not symbol.is_local()):
                if symbol.is_referenced():
                    reads.add(name)
                if symbol.is_assigned() or symbol.is_imported():
                    later.add(name)
            elif is_class and symbol.is_referenced() and symbol.is_assigned():
                may_read.add(name)  # `x = x` in a class body reads the module's name first
    return Names(frozenset(binds | later), frozenset(reads), frozenset(later - binds), frozenset(may_read))


def base_name(node: ast.expr) -> str:
    """The name that a chain of attributes, subscripts and calls begins with; "" where it begins with something else."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def run_at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes that are evaluated when a statement of a module or class runs: not the bodies of its functions."""
    if isinstance(statement, FUNCTIONS):
        roots: list[ast.AST] = [*statement.decorator_list, *statement.args.defaults]
        roots += [default for default in statement.args.kw_defaults if default is not None]
    elif isinstance(statement, ast.ClassDef):
        roots = [*statement.decorator_list, *statement.bases, *statement.keywords]
        for inner in statement.body:
            yield inner
            yield from run_at_import(inner)
    else:
        roots = list(ast.iter_child_nodes(statement))
    while roots:
        node = roots.pop()
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield node
            yield from run_at_import(node)
        elif isinstance(node, ast.Lambda):
            roots += [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]
        else:
            yield node
            roots += list(ast.iter_child_nodes(node))


def changed_names(nodes: Iterator[ast.AST] | list[ast.AST], imported: frozenset[str] = frozenset()) -> set[str]:
    """The names whose object some nodes change in place, as far as the text shows; calls of other functions are not
    followed. `imported`: names of modules, whose functions are no methods.
    """
    changed: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            changed.add(base_name(node))
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in CHANGES_ITS_ARGUMENT:
                changed |= {base_name(argument) for argument in node.args}
            if isinstance(node.func, ast.Attribute) and called not in _READING_METHODS:
                base = base_name(node.func)
                if base not in imported:
                    changed.add(base)
    return changed - {""}


def changes_anything(node: ast.AST, imported: frozenset[str]) -> bool:
    """Whether a function's or class's code changes an object that it did not make itself, as far as the text shows."""
    fresh = {
        target.id
        for part in ast.walk(node)
        if isinstance(part, ast.Assign | ast.AnnAssign) and part.value is not None and _is_fresh(part.value)
        for target in (part.targets if isinstance(part, ast.Assign) else [part.target])
        if isinstance(target, ast.Name)
    }
    stored = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    suspects = changed_names(list(ast.walk(node)), imported)
    return bool(suspects - (fresh & stored))


def _is_fresh(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in _FRESH_CALLS
    return isinstance(value, _FRESH_NODES)


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's own body, not those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (*SCOPES, ast.ClassDef)):
            yield from own_nodes(child)


def _tables_below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _tables_below(child)


def _symbols(statement: ast.stmt, lines: Sequence[bytes]) -> symtable.SymbolTable:
    if lines:
        with suppress(SyntaxError, ValueError):  # what the text means where it stands, it may not mean alone
            return symtable.symtable(_text_without_annotations(statement, lines), "<statement>", "exec")
    return symtable.symtable(_unannotated_text(statement), "<statement>", "exec")


def _text_without_annotations(statement: ast.stmt, lines: Sequence[bytes]) -> str:
    """A statement's own text with a number in the place of each annotation. Raises ValueError where that is not enough."""
    edits: list[
        tuple[int, int, int, int, bytes]
    ] = []  # line and column of the beginning and the end, and what goes there

    def put(node: ast.AST, text: bytes) -> None:
        edits.append((node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text))  # type: ignore[attr-defined]

    for node in ast.walk(statement):
        if getattr(node, "type_params", None):
            raise ValueError("type parameters have names of their own")
        if isinstance(node, ast.AnnAssign) and node.value is None:
            if not isinstance(node.target, ast.Name):
                raise ValueError("the target is read")
            put(node, b"0")
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            put(node.annotation, b"0")
        elif isinstance(node, FUNCTIONS) and node.returns is not None:
            put(node.returns, b"0")
    start = min([statement.lineno, *(item.lineno for item in getattr(statement, "decorator_list", []))])
    kept = list(lines[start - 1 : statement.end_lineno])
    kept[-1] = kept[-1][: statement.end_col_offset]
    for line, column, end_line, end_column, text in sorted(edits, reverse=True):
        kept[line - start : end_line - start + 1] = [
            kept[line - start][:column] + text + kept[end_line - start][end_column:]
        ]
    if start == statement.lineno:
        kept[0] = kept[0][statement.col_offset :]
    return b"\n".join(kept).decode()


def _unannotated_text(statement: ast.stmt) -> str:
    """A statement's text without its annotations. They are taken out of the tree for a moment: copying costs far more."""
    undo: list[tuple[Callable[[Any, Any, Any], None], Any, Any, Any]] = []
    try:
        for node in [ast.Module([statement], []), *ast.walk(statement)]:
            for name in ("annotation", "returns"):
                if isinstance(node, (ast.arg, *FUNCTIONS)) and getattr(node, name, None) is not None:
                    undo.append((setattr, node, name, getattr(node, name)))
                    setattr(node, name, None)
            for field in ("body", "orelse", "finalbody"):
                inside = getattr(node, field, None)
                if not isinstance(inside, list):
                    continue
                for place, part in enumerate(inside):
                    if isinstance(part, ast.AnnAssign):
                        undo.append((setitem, inside, place, part))
                        inside[place] = _plain_assignment(part)
                if isinstance(node, ast.Module):
                    statement = inside[0]
        return ast.unparse(statement)
    finally:
        for put_back, owner, where, value in reversed(undo):
            put_back(owner, where, value)


def _plain_assignment(node: ast.AnnAssign) -> ast.stmt:
    if node.value is None:
        return ast.Expr(ast.Constant(None)) if isinstance(node.target, ast.Name) else ast.Expr(node.target)
    return ast.Assign([node.target], node.value, lineno=node.lineno)
