"""The part of a file that a function needs: what it reads, what that reads, and whatever changes one of these at import.

A slice behaves like the whole file as far as the function can tell. So besides the statements that bind a needed name it has
those whose running touches one: calls at module level that fill a table, decorators that register, subclasses whose base keeps
a list of them, augmented assignments, loops, functions called at import that assign by `global`. Where the text leaves open
what a statement changes, it counts as changing all that it can reach.
"""

import ast
import builtins
import copy
import functools
import importlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping

from build.unifiers.static.class_parts import droppable_methods
from build.unifiers.static.docstrings import read_docstring
from build.unifiers.static.purity import IO_CALLS, PURE_MODULES, import_fault
from build.unifiers.static.refusal import Refused
from build.unifiers.static.scopes import (
    FUNCTIONS,
    Names,
    base_name,
    changed_names,
    changes_anything,
    module_names,
    run_at_import,
)

_IMPORTS = (ast.Import, ast.ImportFrom)
_GIVEN = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__", "__class__"}
_OF_PYTHON_2 = frozenset(("basestring", "long", "unichr", "unicode", "xrange"))
_ASKED_FOR = re.compile(r"except NameError|\bversion_info\b|\bPY[23]\b")  # which Python it is
_IMPORTED_ON = 6  # modules that a name may be handed on through
_IMMUTABLE = (str, bytes, int, float, complex, bool, type(None))


class Module:
    """A parsed file: which top-level statements bind, read and change which names. Raises SyntaxError or ValueError where
    the text is no Python, RecursionError where it is nested too deeply.
    """

    def __init__(
        self,
        content: str,
        linked: Callable[[ast.stmt], Collection[str]] | None = None,
        origin: Callable[[ast.stmt, str], "tuple[Module, str] | None"] | None = None,
    ) -> None:
        """`linked` gives the names that an import takes from modules at hand, `origin` where one of these is defined
        (`build.unifiers.static.neighbours`).
        """
        self.content = content
        self.linked = linked or (lambda statement: ())
        self._origin = origin or (lambda statement, name: None)
        self.tree = ast.parse(content)
        self.lines = re.split(r"\r\n|\r|\n", content)  # as `ast` counts them; str.splitlines also splits at form feeds
        self._encoded = [line.encode("utf-8", "surrogatepass") for line in self.lines]
        self.statements = [statement for statement in self.tree.body if not _never_runs(statement)]
        self._faults: dict[int, Refused] = {}  # of statements that cannot be looked into
        self._names = [self._names_of(number) for number in range(len(self.statements))]
        self._touches: dict[int, frozenset[str]] = {}
        self._effects_of: dict[str, frozenset[str]] = {}
        self.definitions: dict[str, list[int]] = {}
        self.stars: dict[str, int] = {}
        self.open_stars = ""
        for number, statement in enumerate(self.statements):
            names = self.names(number)
            for name in names.binds - names.binds_later:
                self.definitions.setdefault(name, []).append(number)
            self._read_star(number, statement)
        self.imported = frozenset(
            name
            for number, statement in enumerate(self.statements)
            if isinstance(statement, _IMPORTS)
            for name in self.names(number).binds
        ) | frozenset(self.stars)
        self._taken_of: dict[int, dict[str, set[str]]] = {}
        self._imports_in: dict[ast.stmt, list[ast.Import | ast.ImportFrom]] = {}
        self._dropped: dict[ast.stmt, list[ast.stmt]] = {}  # methods that are left out of a class
        self._lessened: dict[tuple[int, frozenset[str]], tuple[ast.stmt, Names]] = {}

    @functools.cached_property
    def _linked_names(self) -> frozenset[str]:
        return frozenset(
            name for statement in self.statements if isinstance(statement, _IMPORTS) for name in self.linked(statement)
        )

    def names(self, number: int) -> Names:
        """What a statement binds and reads."""
        return self._names[number]

    def _names_of(self, number: int) -> Names:
        statement = self.statements[number]
        try:
            return module_names(statement, self._encoded)
        except (RecursionError, MemoryError):
            fault = Refused("too_complex", f"line {statement.lineno} is nested too deeply to be looked at")
        except (SyntaxError, ValueError) as error:  # what the parser lets pass and the compiler does not
            fault = Refused("broken_code", f"line {statement.lineno} does not compile: {error}")
        self._faults[number] = fault
        name = getattr(statement, "name", "")
        return Names(frozenset([name] if name else []), frozenset(), frozenset())

    @functools.cached_property
    def _methods(self) -> dict[int, list[ast.FunctionDef | ast.AsyncFunctionDef]]:
        """The methods that may be left out of classes, by the number of the class."""
        return {
            number: methods
            for number, statement in enumerate(self.statements)
            if isinstance(statement, ast.ClassDef) and (methods := droppable_methods(self, statement))
        }

    def keeping(self, mentioned: frozenset[str] | None) -> "Module":
        """The module with those methods of its classes that are mentioned; with all of them where that is None."""
        if mentioned is None or all(part.name in mentioned for parts in self._methods.values() for part in parts):
            return self
        view = copy.copy(self)
        view.statements, view._names = list(self.statements), list(self._names)
        view._taken_of, view._dropped = {}, {}
        for number, methods in self._methods.items():
            dropped: list[ast.stmt] = [part for part in methods if part.name not in mentioned]
            node = self.statements[number]
            if not dropped or not isinstance(node, ast.ClassDef):
                continue
            key = number, frozenset(part.name for part in methods if part.name not in mentioned)
            if key not in self._lessened:
                less = copy.copy(node)
                less.body = [part for part in node.body if part not in dropped] or [ast.Pass()]
                self._lessened[key] = less, module_names(less)
            view.statements[number], view._names[number] = self._lessened[key]
            view._dropped[view.statements[number]] = dropped
        return view

    def home(self, name: str) -> "tuple[Module, ast.stmt] | None":
        """The module and the one statement that define a name, followed through imports from modules at hand."""
        here, seen = self, 0
        while len(numbers := here.definitions.get(name, [])) == 1 and seen < _IMPORTED_ON:
            statement = here.statements[numbers[0]]
            if not isinstance(statement, _IMPORTS):
                return here, statement
            found = here._origin(statement, name)
            if found is None:
                return None
            (here, name), seen = found, seen + 1
        return None

    def module_of(self, name: str) -> "Module | None":
        """The module at hand that a name stands for."""
        numbers = self.definitions.get(name, [])
        found = self._origin(self.statements[numbers[-1]], name) if numbers else None
        return found[0] if found and not found[1] else None

    def is_class(self, name: str) -> bool:
        """Whether a name stands for a class of this file or a neighbour, or for what another package may have as one."""
        found = self.home(name)
        return isinstance(found[1], ast.ClassDef) if found else name in self.imported

    def number_of(self, statement: ast.stmt) -> int:
        return next(number for number, other in enumerate(self.statements) if other is statement)

    def closure(
        self, start: Iterable[int], allowed: frozenset[str] = frozenset(), asked: Collection[str] = ()
    ) -> list[int]:
        """The numbers of the statements that some need, themselves included, in file order. `allowed`: builtins that would
        otherwise count as input/output; `asked`: names that other modules import from here.

        Raises `Refused` for the first of them, in file order, that a pure function must not have; and then for the first
        name, in alphabetical order, that nothing defines.
        """
        needed: set[int] = set()
        wanted: set[str] = set()
        waiting = list(start)
        while waiting:
            while waiting:
                number = waiting.pop()
                if number in needed:
                    continue
                needed.add(number)
                names = self.names(number)
                own = frozenset() if isinstance(self.statements[number], _IMPORTS) else names.binds
                for name in names.reads | names.binds_later | own | (names.may_read & self.definitions.keys()):
                    if name not in wanted:
                        wanted.add(name)
                        waiting += self.definitions.get(name, [])
                        waiting += [self.stars[name]] if name in self.stars and name not in self.definitions else []
            waiting = [
                number
                for number in range(len(self.statements))
                if number not in needed and not wanted.isdisjoint(self.touches(number))
            ]
        chosen = sorted(needed)
        self._check(chosen, wanted, allowed, asked)
        return chosen

    def used(self, numbers: Iterable[int]) -> frozenset[str]:
        """The names that some statements read, or may."""
        names = [self.names(number) for number in numbers]
        return frozenset().union(*(each.reads | each.binds_later | each.may_read for each in names))

    def _check(self, chosen: list[int], wanted: set[str], allowed: frozenset[str], asked: Collection[str]) -> None:
        used = self.used(chosen).union(asked)
        for number in chosen:
            if number in self._faults:
                raise self._faults[number]
            self._refuse_impure(number, chosen, used)
        bound = {name for number in chosen for name in self.names(number).binds}
        old = _OF_PYTHON_2 if _ASKED_FOR.search(self.content) else frozenset()
        for name in sorted(wanted - bound - _GIVEN - old - frozenset(self.stars)):
            if self.open_stars:
                raise Refused("foreign_import", f"{name} may come from `{self.open_stars}`")
            raise Refused("unresolved_name", name)
        for name in sorted((wanted - bound - allowed) & (IO_CALLS | {"__builtins__"})):
            raise Refused("does_io", f"{name} in line {self._line_of(name, chosen)}")

    def touches(self, number: int) -> frozenset[str]:
        """The module-level names whose objects a statement may change when it runs, beside those that it binds."""
        if number not in self._touches:
            self._touches[number] = self._find_touches(number)
        return self._touches[number]

    def _find_touches(self, number: int) -> frozenset[str]:
        statement = self.statements[number]
        if isinstance(statement, _IMPORTS):
            return frozenset()
        executed = list(run_at_import(statement))
        touched = changed_names(executed, self.imported)
        called = {base_name(node.func) for node in executed if isinstance(node, ast.Call)}
        for node in [statement, *executed]:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                called |= {base_name(decorator) for decorator in node.decorator_list}
                touched |= {base_name(decorator) for decorator in node.decorator_list} & self._linked_names
                attributes = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
                touched |= {base_name(item) for item in attributes if isinstance(item, ast.Attribute)} - self.imported
            if isinstance(node, ast.ClassDef):
                bases = {base_name(base) for base in (*node.bases, *(word.value for word in node.keywords))}
                called |= bases
                touched |= self._kept_by_bases(bases)
        arguments = {
            base_name(argument)
            for node in executed
            if isinstance(node, ast.Call) and self._may_change_arguments(node.func)
            for argument in (*node.args, *(word.value for word in node.keywords))
        }
        touched |= arguments & self._mutable
        for name in called:
            touched |= self._effects(name)
        if touched and isinstance(statement, ast.For | ast.While | ast.With | ast.If | ast.Try | ast.Match):
            touched |= self.names(number).reads & self._mutable  # loop variables and the like are names of elements
        return frozenset(self._with_aliases(touched) - {""})

    @functools.cached_property
    def _mutable(self) -> frozenset[str]:
        """The names that may stand for an object that can change: not functions, imports and plain constants."""
        return frozenset(
            name
            for name, numbers in self.definitions.items()
            if not all(_binds_immutable(self.statements[number]) for number in numbers)
        )

    def _may_change_arguments(self, function: ast.expr) -> bool:
        name = base_name(function)
        if isinstance(function, ast.Attribute):
            return name not in self.imported
        return name in self.definitions and name not in self.imported

    def _kept_by_bases(self, bases: set[str]) -> set[str]:
        """The bases of a class that take notice of it: `__init_subclass__`, a metaclass of the file, `__subclasses__`."""
        local = {name for name in bases if name in self.definitions} - self.imported
        if not local:
            return set()
        if "__subclasses__" in self.content:
            return local | self._ancestors(local)
        family = local | self._ancestors(local)
        hooks = [number for name in family for number in self.definitions.get(name, [])]
        if any(
            isinstance(part, ast.FunctionDef)
            and part.name in ("__init_subclass__", "__new__", "__init__", "__prepare__")
            for number in hooks
            if isinstance(node := self.statements[number], ast.ClassDef)
            and (_is_metaclass(node) or part_named(node, "__init_subclass__"))
            for part in node.body
        ):
            return family
        return set()

    def _ancestors(self, names: set[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            for number in self.definitions.get(waiting.pop(), []):
                node = self.statements[number]
                if isinstance(node, ast.ClassDef):
                    bases = {base_name(base) for base in (*node.bases, *(word.value for word in node.keywords))}
                    new = {name for name in bases if name in self.definitions} - found - self.imported
                    found |= new
                    waiting += new
        return found

    def _effects(self, name: str) -> frozenset[str]:
        """The module-level names that calling a function (or making an object of a class) of the file may change."""
        if name not in self.definitions or name in self.imported:
            return frozenset()
        if name not in self._effects_of:
            self._effects_of[name] = self._find_effects(name)
        return self._effects_of[name]

    def _find_effects(self, name: str) -> frozenset[str]:
        touched: set[str] = set()
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in seen or current in self.imported:
                continue
            seen.add(current)
            for number in self.definitions.get(current, []):
                node, names = self.statements[number], self.names(number)
                if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Assign)):
                    continue
                if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Lambda | ast.Call | ast.Name):
                    continue
                touched |= names.binds_later
                if changes_anything(node, self.imported) and not isinstance(node, ast.Assign):
                    direct = changed_names(list(ast.walk(node)), self.imported)
                    touched |= direct & (frozenset(self.definitions) - self.imported)
                    touched |= names.reads & self._mutable
                waiting += [other for other in names.reads if other in self.definitions]
        return frozenset(touched)

    def _with_aliases(self, touched: set[str]) -> set[str]:
        """With the names whose object another name was made from: after `T = TABLE`, what changes T changes TABLE."""
        waiting = list(touched)
        found = set(touched)
        while waiting:
            for number in self.definitions.get(waiting.pop(), []):
                node = self.statements[number]
                if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(
                    node.value, ast.Name | ast.Attribute | ast.Subscript | ast.Call
                ):
                    source = base_name(node.value)
                    if source in self._mutable and source not in found and source not in self.imported:
                        found.add(source)
                        waiting.append(source)
        return found

    def _read_star(self, number: int, statement: ast.stmt) -> None:
        """The names of `from math import *`; a module that is no pure one of the standard library is not looked into."""
        if not isinstance(statement, ast.ImportFrom) or statement.names[0].name != "*":
            return
        module = "." * statement.level + (statement.module or "")
        at_hand = self.linked(statement)
        if at_hand:
            self.stars.update(dict.fromkeys(at_hand, number))
        elif module.split(".")[0] in PURE_MODULES - {"numpy", "typing_extensions"}:
            found = importlib.import_module(module)
            public = getattr(found, "__all__", None) or [name for name in vars(found) if not name.startswith("_")]
            self.stars.update(dict.fromkeys(public, number))
        else:
            self.open_stars = ast.unparse(statement)

    def _refuse_impure(self, number: int, chosen: list[int], used: frozenset[str]) -> None:
        statement = self.statements[number]
        if statement not in self._imports_in:
            self._imports_in[statement] = [node for node in ast.walk(statement) if isinstance(node, _IMPORTS)]
        for node in self._imports_in[statement]:
            if self.linked(node):
                continue
            items = [item for item in node.names if node is not statement or _bound_by(item) in used]
            if isinstance(node, ast.Import):
                for item in items:
                    within = [number] if node is not statement else chosen
                    self._refuse_module(item.name, self._attributes_of(item, within), node.lineno)
            elif items:
                module = "." * node.level + (node.module or "")
                self._refuse_module(module, frozenset(item.name for item in items), node.lineno)

    def _attributes_of(self, item: ast.alias, numbers: list[int]) -> frozenset[str]:
        """What statements take of a module that `import` binds, as dotted names; "" for the module as a value."""
        name = _bound_by(item)
        inside = "" if item.asname else item.name.partition(".")[2]  # `import os.path` binds `os`
        found = set()
        for number in numbers:
            found |= self.taken_in(number).get(name, set())
        if inside:
            found = {each.removeprefix(f"{inside}.") for each in found if each.startswith(f"{inside}.")}
        return frozenset(found)

    def taken_in(self, number: int) -> dict[str, set[str]]:
        """What a statement takes of each name, as dotted names; "" where it uses the name as a value."""
        if number not in self._taken_of:
            self._taken_of[number] = _taken_in(self.statements[number])
        return self._taken_of[number]

    def _refuse_module(self, module: str, names: frozenset[str], line: int) -> None:
        if fault := import_fault(module, names):
            raise Refused(fault[0], f"{fault[1]} in line {line}")

    def _line_of(self, name: str, chosen: list[int]) -> int:
        lines = [
            node.lineno
            for number in chosen
            for node in ast.walk(self.statements[number])
            if isinstance(node, ast.Name) and node.id == name
        ]
        return min(lines, default=0)

    def parts_of(
        self, numbers: Collection[int], replaced: Mapping[ast.stmt, str] | None = None, asked: Collection[str] = ()
    ) -> tuple[list[str], list[str]]:
        """The imports that may stand at the top, and the texts of the other statements in file order.

        `replaced`: what stands for some imports, at the top level or inside functions; `asked`: names that other modules
        import from here. Of an import, only the names that are used are left.
        """
        used = self.used(numbers).union(asked)
        replaced = replaced or {}
        statements = [self.statements[number] for number in numbers]
        first = next((n for n, item in enumerate(statements) if not isinstance(item, _IMPORTS)), len(statements))
        rebound = {name for number in numbers for name in self.names(number).binds}
        imports, blocks = [], []
        for place, statement in enumerate(statements):
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                continue
            if statement in replaced:
                blocks += [replaced[statement]] if replaced[statement] else []
            elif isinstance(statement, _IMPORTS) and (place < first or self._bound_once(statement, rebound)):
                imports.append(_import_of(statement, used))
            else:
                blocks.append(self._text(statement, replaced))
        return imports, blocks

    def _bound_once(self, statement: ast.stmt, names: set[str]) -> bool:
        """Whether an import may move to the top: nothing else binds what it binds."""
        bound = self.names(self.number_of(statement)).binds
        return all(len(self.definitions.get(name, [])) == 1 for name in bound & names)

    def _text(self, statement: ast.stmt, other: Mapping[ast.stmt, str]) -> str:
        first = first_line(statement)
        if self._shares_a_line(statement, first):
            return _rewritten(statement)
        replaced: dict[int, tuple[int, str]] = {}
        for method in self._dropped.get(statement, []):
            start = first_line(method)
            while re.fullmatch(r"\s*(#.*)?", self.lines[start - 2]):  # what is said of the method goes with it
                start -= 1
            replaced[start] = (method.end_lineno or start, "")
        if (
            isinstance(statement, ast.ClassDef)
            and isinstance(statement.body[0], ast.Pass)
            and statement in self._dropped
        ):
            return _rewritten(statement)
        for node in ast.walk(statement):
            if isinstance(node, _IMPORTS) and node in other:
                indent = self.lines[node.lineno - 1][: node.col_offset]
                if indent.strip() or node.end_col_offset != len(
                    self.lines[(node.end_lineno or 1) - 1].rstrip().encode()
                ):
                    raise Refused("foreign_import", f"an import that shares line {node.lineno} with other code")
                replaced[node.lineno] = (node.end_lineno or node.lineno, f"{indent}{other[node] or 'pass'}")
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) is not None:
                literal = node.body[0]
                shares = literal.lineno == node.lineno or any(
                    after.lineno == literal.end_lineno for after in node.body[1:2]
                )
                indent = self.lines[literal.lineno - 1][: literal.col_offset]
                if shares or indent.strip():  # with other code, on one line
                    return _rewritten(statement)
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

    def _shares_a_line(self, statement: ast.stmt, first: int) -> bool:
        return any(
            other is not statement
            and (other.end_lineno == first or other.lineno == statement.end_lineno)
            and other.lineno <= (statement.end_lineno or first)
            and (other.end_lineno or other.lineno) >= first
            for other in self.tree.body
        )


def join_parts(imports: Iterable[str], blocks: Iterable[str]) -> str:
    """The source text of a module with these imports and blocks."""
    head = "\n".join(["from __future__ import annotations", *dict.fromkeys(imports)])
    return head + "".join(f"\n\n\n{block}" for block in blocks)


def part_named(node: ast.ClassDef, name: str) -> bool:
    """Whether a class defines a method of that name itself."""
    return any(isinstance(part, FUNCTIONS) and part.name == name for part in node.body)


def first_line(statement: ast.stmt) -> int:
    """The line that a statement begins on, with its decorators."""
    return min([statement.lineno, *(item.lineno for item in getattr(statement, "decorator_list", []))])


def _bound_by(item: ast.alias) -> str:
    """The name that a part of an import binds."""
    return item.asname or item.name.partition(".")[0]


def _import_of(statement: ast.stmt, used: frozenset[str]) -> str:
    """The text of an import with those of its names that are used; of all where none seems to be."""
    assert isinstance(statement, _IMPORTS)
    names = [item for item in statement.names if _bound_by(item) in used or item.name == "*"] or statement.names
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(names))
    return ast.unparse(ast.ImportFrom(statement.module, names, statement.level))


def _taken_in(statement: ast.stmt) -> dict[str, set[str]]:  # annotations are never evaluated
    found: dict[str, set[str]] = {}
    annotations = (getattr(node, field, None) for node in ast.walk(statement) for field in ("annotation", "returns"))
    inner = {id(part) for annotation in annotations if annotation is not None for part in ast.walk(annotation)}
    for node in ast.walk(statement):
        if id(node) in inner:
            continue
        if isinstance(node, ast.Call) and base_name(node.func) in ("hasattr", "getattr") and len(node.args) > 1:
            owner, name = node.args[:2]
            if isinstance(owner, ast.Name) and isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.setdefault(owner.id, set()).add(name.value)
                inner.add(id(owner))
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
            inner.add(id(node))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.id, set()).add(".".join(parts))
    return found


def _is_metaclass(node: ast.ClassDef) -> bool:
    return any(base_name(base) == "type" or ast.unparse(base).endswith(("Meta", "EnumType")) for base in node.bases)


def _never_runs(statement: ast.stmt) -> bool:
    """Whether importing the file skips a statement: a main guard, a block for type checkers, a bare text."""
    if isinstance(statement, ast.If) and not statement.orelse:
        test = ast.unparse(statement.test)
        return ("__name__" in test and "__main__" in test and "!=" not in test) or test.endswith("TYPE_CHECKING")
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _binds_immutable(statement: ast.stmt) -> bool:
    if isinstance(statement, (*FUNCTIONS, *_IMPORTS)):
        return True
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) and value is not None:
        return _immutable(value)
    return False


def _immutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, _IMMUTABLE) or value.value is Ellipsis
    if isinstance(value, ast.Tuple):
        return all(_immutable(item) for item in value.elts)
    if isinstance(value, ast.BinOp):
        return _immutable(value.left) and _immutable(value.right)
    if isinstance(value, ast.UnaryOp):
        return _immutable(value.operand)
    return isinstance(value, ast.JoinedStr | ast.Lambda | ast.Compare)


def _said(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """What a docstring says without its examples, ready to stand between triple quotes."""
    docs = read_docstring(ast.get_docstring(node) or "")
    return inside_quotes(docs.body) if docs else ""


def inside_quotes(text: str) -> str:
    """A text as it stands between triple quotes."""
    escaped = text.replace("\\", "\\\\").replace('"""', "'''").replace("\r", " ").replace("\0", " ")
    return escaped + " " if escaped.endswith('"') else escaped


def _rewritten(statement: ast.stmt) -> str:
    """A statement's text made anew from its tree, with its docstrings reduced; its comments are lost."""
    tree = copy.deepcopy(statement)
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) is not None:
            text = _said(node)
            node.body[:1] = [ast.Expr(ast.Constant(text))] if text else ([] if node.body[1:] else [ast.Pass()])
    return ast.unparse(ast.fix_missing_locations(tree))
