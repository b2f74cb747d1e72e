"""The other modules of a file's package or folder: found by import, read, and sliced together with the file.

Helpers, constants and classes of neighbouring modules come along in front of the code that imports them, so that the slice
stands alone. Only files that the run collected from the same source are followed, each with its own license.
"""

import ast
import builtins
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from build.core.records import RawCode
from build.unifiers.static.class_parts import mentions
from build.unifiers.static.doctests import Arguments, Calls, literal_calls
from build.unifiers.static.refusal import Refused
from build.unifiers.static.scopes import FUNCTIONS, run_at_import
from build.unifiers.static.slices import Module, join_parts

_MODULES = 12  # that one slice is made of
_CHARACTERS = 12_000  # of one slice
_ROUNDS = 8  # of looking for the methods that a slice mentions
_BUILTINS = frozenset(dir(builtins))
_TESTS = 8  # that are read for the calls of one function
_TEST_CALLS = 12  # of one function that are kept


@dataclass(frozen=True, slots=True)
class Slice:
    """What a candidate needs: the source text, the names that it binds, and the files that it was taken from."""

    code: str
    taken: frozenset[str]
    files: tuple[RawCode, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """What an imported name stands for: a name of a module, or (`name` "") the module itself."""

    path: str
    name: str


class Neighbourhood:
    """The files of one source, by path. Modules are read when they are first needed.

    `packages`: the source holds many packages, as a folder of wheels does. Tests then count for their own package alone, since
    the same name means something else in another.
    """

    def __init__(self, files: Iterable[RawCode], packages: bool = False) -> None:
        self._files: dict[str, RawCode] = {}
        self._packages = packages
        self._tests: dict[str, list[RawCode]] = {}
        for raw in files:
            if is_test(raw.path):
                self._tests.setdefault(self._package(raw.path), []).append(raw)
            else:
                self._files[raw.path] = raw
        self._folders = {str(folder) for path in self._files for folder in PurePosixPath(path).parents}
        first = next(iter(self._files.values()), None)
        self._root = PurePosixPath(first.source).name.replace("-", "_") if first else ""
        self._modules: dict[str, Module | None] = {}
        self._outlines: dict[str, _Outline] = {}
        self._called: dict[str, dict[str, list[RawCode]]] = {}  # the tests of a package, by what they call
        self._calls: dict[str, Calls] = {}  # those of a test
        self._targets_of: dict[ast.stmt, dict[str, _Target]] = {}
        self._mentioned: dict[ast.stmt, frozenset[str] | None] = {}

    def module(self, raw: RawCode) -> Module:
        """The module of a file. Raises what reading Python raises."""
        module = self._module(raw.path) if self._files.get(raw.path) == raw else None
        return module or self._read(raw.path, raw.content)

    def test_calls(self, path: str, name: str) -> Arguments:
        """The first calls of a function with literal arguments in the tests of its package: in those that have the file's
        name first, then in those that lie nearest. Only tests that call something of this name are parsed, and not all of them.
        """
        package = self._package(path)
        if package not in self._called:
            called = self._called[package] = {}
            for raw in self._tests.get(package, ()):
                for word in dict.fromkeys(re.findall(r"([^\W\d]\w*)\s*\(", raw.content)):
                    called.setdefault(word, []).append(raw)
        found: Arguments = []
        for raw in sorted(self._called[package].get(name, ()), key=lambda raw: _distance(path, raw.path))[:_TESTS]:
            if len(found) >= _TEST_CALLS:
                break
            if raw.path not in self._calls:
                self._calls[raw.path] = literal_calls([raw.content])
            found += self._calls[raw.path].get(name, [])
        return found[:_TEST_CALLS]

    def _package(self, path: str) -> str:
        return PurePosixPath(path).parts[0] if self._packages else ""

    def slice(
        self,
        raw: RawCode,
        module: Module,
        start: Iterable[int],
        allowed: frozenset[str],
        method: str = "",
        asked: Collection[str] = (),
    ) -> Slice:
        """A candidate's slice over as many modules as it takes. Raises `Refused`.

        Of classes it has those methods that something in it mentions; `method` is one that the entry point calls, and `asked`
        are the names that this one needs.
        """
        start = [*start, *(number for name in sorted(asked) for number in module.definitions.get(name, []))]
        mentioned: frozenset[str] | None = frozenset([method])
        for _ in range(_ROUNDS):
            found, parts = self._slice(raw, module, start, allowed, mentioned, asked)
            names = [self._mentions_of(part) for part in parts]
            if mentioned is None:
                break
            more = None if None in names else mentioned.union(*(each for each in names if each is not None))
            if more == mentioned:
                break
            mentioned = more
        else:
            found, _ = self._slice(raw, module, start, allowed, None, asked)
        return found

    def _mentions_of(self, statement: ast.stmt) -> frozenset[str] | None:
        if statement not in self._mentioned:
            self._mentioned[statement] = mentions(statement)
        return self._mentioned[statement]

    def _slice(
        self,
        raw: RawCode,
        module: Module,
        start: list[int],
        allowed: frozenset[str],
        mentioned: frozenset[str] | None,
        asked: Collection[str],
    ) -> tuple[Slice, list[ast.stmt]]:
        """The slice with the methods that are mentioned, all where that is None, and its statements."""
        starts: dict[str, set[int]] = {raw.path: set(start)}
        chosen: dict[str, list[int]] = {}
        links: dict[str, dict[ast.stmt, dict[str, _Target]]] = {}
        needs: dict[str, list[str]] = {}
        demanded: dict[str, set[str]] = {raw.path: set(asked)}  # the names of a module that others ask for
        looked_for: dict[str, set[str]] = {}
        waiting = [raw.path]
        modules = {raw.path: module.keeping(mentioned)}
        while waiting:
            path = waiting.pop()
            here = modules[path]
            found = here.closure(starts[path], allowed, demanded.get(path, set()))
            if chosen.get(path) == found and looked_for.get(path) == demanded.get(path):
                continue
            chosen[path] = found
            looked_for[path] = set(demanded.get(path, ()))
            links[path] = self._links(path, here, found, demanded.get(path, set()))
            demands = [
                demand
                for names in links[path].values()
                for target in names.values()
                for demand in self._demands(here, found, links[path], target)
            ]
            needs[path] = list(dict.fromkeys(demand.path for demand in demands))
            for demand in demands:
                if demand.path not in modules:
                    other = self._module(demand.path)
                    if other is None:
                        raise Refused("foreign_import", f"{demand.path} is no module that can be read")
                    modules[demand.path] = other.keeping(mentioned)
                    if len(modules) > _MODULES:
                        raise Refused("slice_too_large", f"needs more than {_MODULES} modules")
                numbers = set(modules[demand.path].definitions.get(demand.name, ()))
                asked = demanded.setdefault(demand.path, set())
                if demand.name not in asked or not numbers <= starts.setdefault(demand.path, set()):
                    asked.add(demand.name)
                    starts.setdefault(demand.path, set()).update(numbers)
                    waiting.append(demand.path)
        parts = [modules[path].statements[number] for path, numbers in chosen.items() for number in numbers]
        return self._join(raw, modules, chosen, links, demanded, _in_order(raw.path, needs)), parts

    def _join(
        self,
        raw: RawCode,
        modules: dict[str, Module],
        chosen: dict[str, list[int]],
        links: dict[str, dict[ast.stmt, dict[str, _Target]]],
        demanded: dict[str, set[str]],
        order: list[str],
    ) -> Slice:
        imports: list[str] = []
        blocks: list[str] = []
        spaces: dict[str, set[str]] = {}  # modules that are imported as a whole, and what is used of them
        late: list[str] = []  # names for neighbours that nothing needs before everything is defined
        standing: dict[str, str] = {}  # how a module as a whole was last bound before the end
        owner: dict[str, str] = {}
        for path in order:
            here = modules[path]
            at_import = {
                node.id
                for number in chosen[path]
                for node in run_at_import(here.statements[number])
                if isinstance(node, ast.Name)
            }
            replaced: dict[ast.stmt, str] = {}
            written: set[str] = set()  # `import a.b` and `import a.c` bind the same
            for statement, names in links[path].items():
                top = any(here.statements[number] is statement for number in chosen[path])
                lines = self._instead(here, chosen[path], names, links[path])
                for name, line in lines:
                    if top and names[name].name == "":
                        spaces.setdefault(name, set()).update(
                            self._attributes(here, chosen[path], links[path], names[name])
                        )
                    elif top and name not in at_import and line not in late:
                        late.append(line)
                standing |= {name: line for name, line in lines if top and name in at_import}
                now = [line for name, line in lines if not top or (name in at_import and line not in written)]
                written.update(now if top else ())
                replaced[statement] = "; ".join(now)
            wanted = here.used(chosen[path]).union(demanded.get(path, ()))
            for number in chosen[path]:
                statement = here.statements[number]
                if statement in replaced:
                    continue
                imported = _imported(statement)
                same = {  # what an import inside the statement takes over by its own name
                    name
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Import | ast.ImportFrom) and node in links[path]
                    for name, target in links[path][node].items()
                    if name == target.name
                }
                for name in (here.names(number).binds & wanted if imported else here.names(number).binds) - same:
                    text = imported.get(name, path)
                    if owner.setdefault(name, text) != text:
                        raise Refused("name_collision", f"{name} is something else in {path}")
            for names in links[path].values():
                for name, target in names.items():
                    place = path if target.name else f"the module {target.path}"
                    if name != target.name and owner.setdefault(name, place) != place:
                        raise Refused("name_collision", f"{name} is something else in {path}")
            mine, texts = here.parts_of(chosen[path], replaced, demanded.get(path, set()))
            imports += mine
            if len(order) > 1 and texts:
                texts[0] = f"# {path}\n{texts[0]}"
            blocks += texts
        for path in order:
            for name in sorted(modules[path].used(chosen[path]) & _BUILTINS & owner.keys()):
                if name not in modules[path].definitions and name not in modules[path].stars:
                    raise Refused("name_collision", f"{name} is the builtin in {path} and something else beside it")
        for name, used in spaces.items():
            line = f"{name} = {_namespace(used)}"
            late += [line] if standing.get(name) != line else []
        blocks += ["\n".join(late)] if late else []
        if any("SimpleNamespace(" in block for block in blocks):
            imports.append("from types import SimpleNamespace")
        code = join_parts(imports, blocks)
        if len(code) > _CHARACTERS:
            raise Refused("slice_too_large", f"{len(code)} characters of code")
        files = tuple(self._files[path] if path != raw.path else raw for path in order)
        return Slice(code, frozenset(owner), files)

    def _instead(
        self, here: Module, chosen: list[int], names: Mapping[str, _Target], links: dict[ast.stmt, dict[str, _Target]]
    ) -> list[tuple[str, str]]:
        """The assignments that stand in the place of an import, by the name that they bind; none where names are the same."""
        lines = []
        for name, target in names.items():
            if not target.name:
                attributes = self._attributes(here, chosen, links, target)
                lines.append((name, f"{name} = {_namespace(attributes)}"))
            elif name != target.name:
                lines.append((name, f"{name} = {target.name}"))
        return lines

    def _demands(
        self, here: Module, chosen: list[int], links: dict[ast.stmt, dict[str, _Target]], target: _Target
    ) -> list[_Target]:
        """The names of neighbours that an imported name asks for: itself, or those that are used of a module."""
        return [target] if target.name else list(self._attributes(here, chosen, links, target).values())

    def _links(
        self, path: str, here: Module, chosen: list[int], demanded: set[str]
    ) -> dict[ast.stmt, dict[str, _Target]]:
        """The imports of chosen statements that take from neighbours, and what of them is needed."""
        used = set(demanded)
        for number in chosen:
            names = here.names(number)
            used |= names.reads | names.binds_later | names.may_read
        found: dict[ast.stmt, dict[str, _Target]] = {}
        for number in chosen:
            statement = here.statements[number]
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    targets = self._targets(path, node)
                    if targets:
                        top = node is statement
                        found[node] = {name: each for name, each in targets.items() if not top or name in used}
        return found

    def _attributes(
        self, here: Module, chosen: list[int], links: dict[ast.stmt, dict[str, _Target]], target: _Target
    ) -> dict[str, _Target]:
        """What is used of a module that was imported as a whole, by dotted names (`a.b` where `a` is a module in it), and what
        that stands for. Raises `Refused` for other uses of the module.
        """
        aliases = {name for names in links.values() for name, each in names.items() if each == target}
        taken: set[str] = set()
        for number in chosen:
            taken = taken.union(*(names for name, names in here.taken_in(number).items() if name in aliases))
        return dict(self._inside(target.path, dotted) for dotted in sorted(taken))

    def _inside(self, path: str, dotted: str) -> tuple[str, _Target]:
        """The part of a dotted name that leads from a module to a name of it, or of a module in it; and what that is."""
        parts = dotted.split(".") if dotted else []
        here = path
        for place, part in enumerate(parts):
            found = self._resolved(here, part)
            if found is not None and found.name:
                return ".".join(parts[: place + 1]), found
            if found is not None:
                here = found.path
                continue
            below = str(PurePosixPath(here).parent / part)
            if not here.endswith("__init__.py") or not (f"{below}.py" in self._files or below in self._folders):
                raise Refused("unresolved_name", f"{part} of {here}")
            here = f"{below}.py" if f"{below}.py" in self._files else f"{below}/__init__.py"
        raise Refused("foreign_import", f"the module {here} is used as a value")

    def _targets(self, path: str, node: ast.stmt) -> dict[str, _Target]:
        """What the names of an import stand for, where all of them are of neighbours; else nothing."""
        if node not in self._targets_of:
            self._targets_of[node] = {}  # meanwhile: an import in a package may ask for what it binds itself
            self._targets_of[node] = self._find_targets(path, node)
        return self._targets_of[node]

    def _find_targets(self, path: str, node: ast.stmt) -> dict[str, _Target]:
        found: dict[str, _Target] = {}
        if isinstance(node, ast.ImportFrom):
            base = self._find(path, node.module or "", node.level)
            for item in node.names:
                bound = item.asname or item.name
                inside = f"{node.module}.{item.name}" if node.module else item.name
                if item.name == "*":
                    return self._public(base) if base is not None else {}
                named = self._resolved(base, item.name) if base is not None else None
                if (
                    named is not None and named.path != path
                ):  # `from . import x` in a package binds what it would look up
                    found[bound] = named
                elif (module := self._find(path, inside, node.level)) is not None:
                    found[bound] = _Target(module, "")
                else:
                    return {}
        elif isinstance(node, ast.Import):
            for item in node.names:
                target = self._find(path, item.name, 0)
                if target is None:
                    return {}
                if item.asname is None and "." in item.name:
                    found[item.name.partition(".")[0]] = _Target(_top_of(target, item.name), "")
                else:
                    found[item.asname or item.name] = _Target(target, "")
        return found

    def _resolved(self, path: str, name: str) -> _Target | None:
        """Where a name of a module is defined: there, or in a neighbour whose names it takes over with a star. A module that it
        imports is that module itself.
        """
        seen: set[str] = set()
        waiting = [path]
        while waiting:
            here = waiting.pop(0)
            if here in seen:
                continue
            seen.add(here)
            outline = self._outline(here)
            if name in outline.names:
                node = outline.imports.get(name)
                bound = self._targets(here, node).get(name) if node is not None else None
                return bound if bound is not None and not bound.name else _Target(here, name)
            waiting += [other for star in outline.stars if (other := self._find(here, star.module or "", star.level))]
        return None

    def _public(self, path: str) -> dict[str, _Target]:
        """What `import *` takes from a module."""
        outline = self._outline(path)
        names = outline.listed
        if not names:
            found = set(outline.names)
            seen = {path}
            waiting = [path]
            while waiting:
                here = waiting.pop()
                for star in self._outline(here).stars:
                    other = self._find(here, star.module or "", star.level)
                    if other is not None and other not in seen:
                        seen.add(other)
                        found |= self._outline(other).names
                        waiting.append(other)
            names = tuple(sorted(name for name in found if not name.startswith("_")))
        targets = {name: self._resolved(path, name) for name in names}
        return {name: target for name, target in targets.items() if target is not None}

    def _outline(self, path: str) -> "_Outline":
        if path not in self._outlines:
            try:
                self._outlines[path] = _outline_of(ast.parse(self._files[path].content if path in self._files else ""))
            except (
                SyntaxError,
                ValueError,
                RecursionError,
                MemoryError,
            ):  # a neighbour that cannot be read has nothing
                self._outlines[path] = _Outline(frozenset(), (), (), {})
        return self._outlines[path]

    def _find(self, path: str, dotted: str, level: int) -> str | None:
        """The path of the module that an import in a file names, if it is among the files."""
        parts = [part for part in dotted.split(".") if part]
        folder = PurePosixPath(path).parent
        if level:
            for _ in range(level - 1):
                folder = folder.parent
            return self._file(folder, parts)
        if not parts or parts[0] in sys.stdlib_module_names or parts[0] == "numpy":
            return None
        for parent in (folder, *folder.parents):
            found = self._file(parent, parts)
            if found is not None and found != path:
                return found
        return self._file(PurePosixPath("."), parts[1:]) if parts[0] == self._root else None

    def _file(self, folder: PurePosixPath, parts: list[str]) -> str | None:
        place = folder.joinpath(*parts)
        for candidate in (f"{place}.py", f"{place}/__init__.py") if parts else (f"{place}/__init__.py",):
            name = candidate.removeprefix("./")
            if name in self._files:
                return name
        return None

    def _module(self, path: str) -> Module | None:
        """The module of a path; None where it cannot be read."""
        if path not in self._modules:
            self._modules[path] = None
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                self._modules[path] = self._read(path, self._files[path].content)
        return self._modules[path]

    def _read(self, path: str, content: str) -> Module:
        def origin(statement: ast.stmt, name: str) -> tuple[Module, str] | None:
            target = self._targets(path, statement).get(name)
            module = self._module(target.path) if target is not None and target.path in self._files else None
            return (module, target.name) if target is not None and module is not None else None

        return Module(content, lambda statement: self._targets(path, statement), origin)


def _distance(path: str, test: str) -> tuple[bool, int]:
    """How far a test is from a file: whether it is named after another, and how few folders they share."""
    one, other = PurePosixPath(path), PurePosixPath(test)
    shared = sum(mine == theirs for mine, theirs in zip(one.parent.parts, other.parent.parts))
    return one.stem not in other.stem, -shared


def _top_of(path: str, dotted: str) -> str:
    """The package that `import a.b` binds, where `a.b` is the module of a path. It may be no file of the source."""
    module = PurePosixPath(path)
    folder = module.parent if module.name == "__init__.py" else module.with_suffix("")
    return str(folder.parents[dotted.count(".") - 1] / "__init__.py")


def _namespace(names: Iterable[str]) -> str:
    """Source text of an object with names of the slice as its attributes, or those of objects inside it for dotted names."""
    below: dict[str, list[str]] = {}
    for name in sorted(names):
        first, _, rest = name.partition(".")
        below.setdefault(first, []).extend([rest] if rest else [])
    parts = [f"{name}={_namespace(inner) if inner else name}" for name, inner in below.items()]
    return f"SimpleNamespace({', '.join(parts)})"


def _imported(statement: ast.stmt) -> dict[str, str]:
    """What an import binds each of its names to, in words that are the same for the same thing."""
    if isinstance(statement, ast.Import):
        return {
            item.asname or item.name.partition(".")[0]: f"import {item.asname and item.name}"
            for item in statement.names
        }
    if isinstance(statement, ast.ImportFrom):
        module = "." * statement.level + (statement.module or "")
        return {item.asname or item.name: f"from {module} import {item.name}" for item in statement.names}
    return {}


@dataclass(frozen=True, slots=True)
class _Outline:
    """What a module offers: the names that it binds, those that its `__all__` lists, its star imports, and the other imports by
    the names that they bind.
    """

    names: frozenset[str]
    listed: tuple[str, ...]
    stars: tuple[ast.ImportFrom, ...]
    imports: Mapping[str, ast.stmt]


def _outline_of(tree: ast.Module) -> _Outline:
    names: set[str] = set()
    listed: tuple[str, ...] = ()
    stars = []
    imports: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for node in [statement, *run_at_import(statement)] if not isinstance(statement, ast.ClassDef) else [statement]:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                stars.append(node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                bound = {item.asname or item.name.split(".")[0] for item in node.names}
                names |= bound
                imports |= dict.fromkeys(bound, node)
        value = statement.value if isinstance(statement, ast.Assign) else None
        if isinstance(value, ast.List | ast.Tuple) and ast.unparse(statement).startswith("__all__"):
            items = [item.value for item in value.elts if isinstance(item, ast.Constant)]
            listed = tuple(item for item in items if isinstance(item, str))
    return _Outline(frozenset(names), listed, tuple(stars), imports)


def is_test(path: str) -> bool:
    """Whether a file is a test by its name or folder."""
    parts = PurePosixPath(path).parts
    name = parts[-1]
    folders = {part.lower() for part in parts[:-1]}
    return bool(
        folders & {"test", "tests", "testing"}
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name == "conftest.py"
    )


def _in_order(path: str, needs: dict[str, list[str]]) -> list[str]:
    """The modules of a slice, each after those that it imports from, as far as they are in no circle."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(here: str) -> None:
        if here in seen:
            return
        seen.add(here)
        for other in needs.get(here, []):
            visit(other)
        order.append(here)

    visit(path)
    return order
