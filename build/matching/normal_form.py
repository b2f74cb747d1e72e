"""Brings code into a normal form, in which two copies are equal that differ only in what does not matter.

Taken away: names of variables, functions, classes, parameters and attributes that the program defines itself (each becomes
the number of its first appearance); docstrings, comments, annotations and layout; the order of definitions, and definitions
that nothing uses; constants of no consequence (messages of exceptions and asserts, printed text, statements that are only a
constant); how a module is imported; a function that only hands its arguments on to another one. What the code computes with
stays: operators, other constants, and the names of builtins, libraries and their attributes.

A form is the text of a function together with everything of the program that it uses, in the order of first use.
"""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from build.core.records import digest

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*_FUNCTIONS, ast.Lambda, *_COMPREHENSIONS)
_INSIDES = (*_SCOPES, ast.ClassDef)
_SILENT = {"print", "warnings.warn", "pprint.pprint"}  # calls that give nothing back to the program
_CACHES = {"functools.lru_cache", "functools.cache"}
_SHORT_TEXT = 3  # characters: a separator or a format, which a shape keeps
_SKIPPED_FIELDS = {"ctx", "annotation", "returns", "type_comment", "type_params", "kind"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Form:
    """A function in normal form. `tokens` has every own name by its number; `shape` has one mark for all own names, and
    none for longer text: what near duplicates are compared by.
    """

    name: str
    tokens: tuple[str, ...]
    shape: tuple[str, ...]

    @property
    def key(self) -> str:
        """Equal for equal forms only."""
        return digest(*self.tokens)


def program_form(code: str, entry: str = "main_solution") -> Form | None:
    """The form of a program as its entry function sees it; None where the code does not parse or has no such function."""
    try:
        program = _Program(code)
        function = program.functions.get(entry)
        return program.form(program.forwarded(function)) if function else None
    except Exception:  # whatever a program is, it costs its own form only
        return None


def function_forms(code: str) -> list[Form]:
    """The form of each function and method of a program; none where the code does not parse."""
    try:
        program = _Program(code)
        methods = [(node, owner) for owner in program.classes.values() for node in _methods(owner)]
        found = [(node, None) for node in program.functions.values()] + methods
        return [program.form(node, owner) for node, owner in found]
    except Exception:  # as above
        return []


def root_forms(code: str) -> list[Form]:
    """As `function_forms`, but without functions that another one of the program uses."""
    try:
        used = {
            getattr(node, "id", "") or getattr(node, "attr", "")
            for function in ast.walk(ast.parse(code))
            if isinstance(function, _FUNCTIONS)
            for part in function.body
            for node in ast.walk(part)
            if isinstance(node, ast.Name | ast.Attribute)
            and (getattr(node, "id", "") or getattr(node, "attr", "")) != function.name
        }
    except Exception:  # as above
        return []
    return [form for form in function_forms(code) if form.name not in used]


def _methods(owner: ast.ClassDef) -> list[Function]:
    return [node for node in owner.body if isinstance(node, _FUNCTIONS)]


class _Program:
    """A module's top level: what it defines, what it imports, and which statements make each of its names."""

    def __init__(self, code: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.made: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, str] = {}
        loose: list[ast.stmt] = []
        for statement in tree.body:
            if _is_main_guard(statement):
                continue
            for node in _own_nodes(statement):
                self.imports |= _imported(node)
            if isinstance(statement, _FUNCTIONS):
                self.functions[statement.name] = statement
                self.made[statement.name] = [statement]
            elif isinstance(statement, ast.ClassDef):
                self.classes[statement.name] = statement
                self.made[statement.name] = [statement]
            else:
                names = _bound(statement)
                for name in names:
                    self.made.setdefault(name, []).append(statement)
                if not names:
                    loose.append(statement)
        for statement in loose:  # TABLE.append(7): belongs to what makes TABLE
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and node.id in self.made:
                    self.made[node.id].append(statement)
        self.attributes: set[str] = set()  # that the program names itself
        self.keywords: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self.attributes |= {name for part in node.body for name in _bound(part)}
                self.attributes |= {method.name for method in _methods(node)}
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                self.attributes.add(node.attr)
            elif isinstance(node, ast.arg):
                self.keywords.add(node.arg)
            elif isinstance(node, ast.Global):
                for name in node.names:
                    self.made.setdefault(name, [])
        self.attributes = {name for name in self.attributes if not (name.startswith("__") and name.endswith("__"))}
        self.keywords |= self.attributes  # fields of dataclasses

    def form(self, function: Function, owner: ast.ClassDef | None = None) -> Form:
        writer = _Writer(self, owner)
        writer.program(function)
        return Form(function.name, tuple(writer.tokens), tuple(writer.shape))

    def forwarded(self, function: Function) -> Function:
        """The function that does the work: one that only returns another's result for its own arguments stands for it."""
        seen = {function.name}
        while True:
            body = _statements(function.body)
            call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                return function
            target = self.functions.get(call.func.id)
            given = [*call.args, *(each.value for each in call.keywords)]
            names = [each.id for each in given if isinstance(each, ast.Name)]
            if target is None or target.name in seen or len(names) != len(given):
                return function
            if sorted(names) != sorted(_parameters(function.args)) or len(names) != len(_parameters(target.args)):
                return function
            seen.add(target.name)
            function = target


@dataclass(slots=True)
class _Scope:
    """A function's or comprehension's names; a name's token is given when it first appears."""

    names: set[str]
    imports: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


class _Writer:
    """Writes one function, and then whatever of the program it uses, as tokens."""

    def __init__(self, program: _Program, owner: ast.ClassDef | None) -> None:
        self.source = program
        self.tokens: list[str] = []
        self.shape: list[str] = []
        self.scopes: list[_Scope] = []
        self.used: dict[str, int] = {}  # definitions of the module in the order of first use
        self.own: dict[str, str] = {}  # attributes and keywords that the program names itself
        self.locals = 0
        self.siblings = {node.name: node for node in _methods(owner)} if owner else {}
        self.self_name = ""

    def program(self, function: Function) -> None:
        written: set[int] = {id(function)}
        self._use(function.name if not self.siblings else f".{function.name}")
        self._function(function)
        position = 0
        while position < len(self.used):
            name = list(self.used)[position]
            position += 1
            parts = [self.siblings[name[1:]]] if name.startswith(".") else self.source.made.get(name, [])
            for part in parts:
                if id(part) not in written:
                    written.add(id(part))
                    self._function(part) if isinstance(part, _FUNCTIONS) else self._statement(part)

    def _emit(self, token: str, shape: str | None = None) -> None:
        self.tokens.append(token)
        shape = token if shape is None else shape
        if shape:
            self.shape.append(shape)

    def _use(self, name: str) -> str:
        return f"G{self.used.setdefault(name, len(self.used))}"

    def _function(self, node: Function | ast.Lambda) -> None:
        names, imports = _function_names(node)
        scope = _Scope(names, imports)
        is_method = isinstance(node, _FUNCTIONS) and self.siblings.get(node.name) is node
        parameters = _parameters(node.args)
        dropped = ""
        if isinstance(node, _FUNCTIONS):
            for decorator in node.decorator_list:
                if self._dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) not in _CACHES:
                    if (
                        is_method
                        and isinstance(decorator, ast.Name)
                        and decorator.id in ("staticmethod", "classmethod")
                    ):
                        continue
                    self._emit("@")
                    self._node(decorator)
            static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
            if is_method and not static and parameters:
                dropped = parameters[0]
                self.self_name = dropped
        self._emit("def", "def")
        for default in (*node.args.defaults, *(each for each in node.args.kw_defaults if each)):
            self._node(default)
        self.scopes.append(scope)
        for star, parameter in _all_parameters(node.args):
            if parameter != dropped:
                self._emit(star + self._name(parameter), star)
        if isinstance(node, ast.Lambda):
            self._emit(":", "")
            self._node(node.body)
        else:
            self._block(node.body)
        self.scopes.pop()

    def _block(self, body: list[ast.stmt]) -> None:
        self._emit("{", "")
        for statement in _statements(body):
            self._statement(statement)
        self._emit("}", "")

    def _statement(self, node: ast.AST) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and self._dotted(node.value.func) in _SILENT:
            return
        if isinstance(node, _FUNCTIONS):
            self._emit(self._name(node.name), "")
            self._function(node)
        elif isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, ast.Raise):
            self._emit("raise")
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if raised is not None:
                self._node(raised)
        elif isinstance(node, ast.Assert):
            self._emit("assert")
            self._node(node.test)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self._assign([node.target], node.value)
        elif isinstance(node, ast.Assign):
            self._assign(node.targets, node.value)
        elif isinstance(node, ast.AugAssign):
            self._assign([node.target], ast.BinOp(node.target, node.op, node.value))
        else:
            self._node(node)

    def _assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        self._emit("=")
        self._node(value)
        for target in targets:
            self._node(target)

    def _class(self, node: ast.ClassDef) -> None:
        self._emit("class")
        for above in (*node.decorator_list, *node.bases, *(each.value for each in node.keywords)):
            self._node(above)
        self._emit("{", "")
        for part in _statements(node.body):
            if isinstance(part, _FUNCTIONS):
                self._emit(self._attribute(part.name), "")
                self._function(part)
            elif isinstance(part, ast.Assign | ast.AnnAssign):
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                self._emit("=")
                for target in targets:
                    self._emit(self._attribute(target.id)) if isinstance(target, ast.Name) else self._node(target)
                if part.value is not None:
                    self._node(part.value)
            else:
                self._statement(part)
        self._emit("}", "")

    def _node(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            token = self._name(node.id)
            self._emit(token, "v" if token[0] == "L" else "g" if token[0] == "G" else token)
        elif isinstance(node, ast.Constant):
            text = f"{type(node.value).__name__}:{node.value!r}"
            is_text = isinstance(node.value, str | bytes) and len(node.value) > _SHORT_TEXT
            self._emit(text, type(node.value).__name__ if is_text else text)
        elif isinstance(node, ast.Attribute):
            self._attribute_node(node)
        elif isinstance(node, ast.Lambda):
            self._function(node)
        elif isinstance(node, _COMPREHENSIONS):
            self._comprehension(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.keyword):
            self._emit(f"{node.arg}=" if node.arg else "**", "")
            self._node(node.value)
        elif isinstance(node, ast.ExceptHandler):
            self._emit("except")
            if node.type is not None:
                self._node(node.type)
            if node.name:
                self._emit(self._name(node.name), "")
            self._block(node.body)
        else:
            self._generic(node)

    def _generic(self, node: ast.AST) -> None:
        self._emit(type(node).__name__)
        for name, value in ast.iter_fields(node):
            if name in _SKIPPED_FIELDS:
                continue
            if value is None:
                self._emit("_", "")  # a[1:] is not a[:1]
                continue
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._block(value)
            elif isinstance(value, list):
                self._emit("[", "")
                for part in value:
                    self._node(part) if isinstance(part, ast.AST) else self._emit(self._plain(part))
                self._emit("]", "")
            elif isinstance(value, ast.stmt):
                self._statement(value)
            elif isinstance(value, ast.AST):
                self._node(value)
            else:
                self._emit(self._plain(value), "")

    def _call(self, node: ast.Call) -> None:
        """A call; the keywords of functions that the program defines itself are names of its own."""
        function = node.func
        is_own = not self._dotted(function)
        if isinstance(function, ast.Attribute):
            is_own = is_own and function.attr in self.source.attributes
        self._emit("Call")
        self._node(function)
        for argument in node.args:
            self._node(argument)
        self._emit("]", "")
        for each in node.keywords:
            if is_own and each.arg in self.source.keywords:
                self._emit(f"{self._own(f'{each.arg}=')}=", "")
                self._node(each.value)
            else:
                self._node(each)
        self._emit("]", "")

    def _plain(self, value: object) -> str:
        """A part of a node that is no node: a name that a pattern binds, a flag of a conversion."""
        return self._name(value) if isinstance(value, str) else repr(value)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self._emit(type(node).__name__)
        self._node(node.generators[0].iter)  # which still sees the names around the comprehension
        self.scopes.append(_Scope({name for each in node.generators for name in _bound(each.target)}))
        for each in node.generators:
            if each is not node.generators[0]:
                self._node(each.iter)
            self._node(each.target)
            self._emit("[", "")
            for condition in each.ifs:
                self._emit("if")
                self._node(condition)
            self._emit("]", "")
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self._node(part)
        self.scopes.pop()

    def _attribute_node(self, node: ast.Attribute) -> None:
        dotted = self._dotted(node)
        if dotted:
            self._emit(dotted)
        elif isinstance(node.value, ast.Name) and node.value.id == self.self_name and node.attr in self.siblings:
            self._emit(self._use(f".{node.attr}"), "g")
        else:
            self._emit(".", "")
            self._node(node.value)
            token = self._attribute(node.attr)
            self._emit(token, "a" if node.attr in self.source.attributes else token)

    def _attribute(self, name: str) -> str:
        if name in self.source.attributes:
            return self._own(name)
        return f".{name}"

    def _own(self, name: str) -> str:
        return self.own.setdefault(name, f"A{len(self.own)}")

    def _dotted(self, node: ast.AST) -> str:
        """What a name or an attribute means where it leads to something imported or built in: `math.gcd`; else ""."""
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value)
            return f"{base}.{node.attr}" if base and self._is_module(node.value) else ""
        if not isinstance(node, ast.Name) or any(node.id in scope.names for scope in self.scopes):
            return ""
        imported = self._import_of(node.id)
        return imported or ("" if node.id in self.source.made else node.id)

    def _is_module(self, node: ast.AST) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and self._import_of(node.id) is not None

    def _import_of(self, name: str) -> str | None:
        for scope in reversed(self.scopes):
            if name in scope.names or name in scope.imports:
                return scope.imports.get(name)
        return self.source.imports.get(name)

    def _name(self, name: str) -> str:
        """L and a number: a local name; G and a number: a definition of the module; else what is imported or built in."""
        for scope in reversed(self.scopes):
            if name in scope.imports:
                return scope.imports[name]
            if name in scope.names:
                if name not in scope.tokens:
                    scope.tokens[name] = f"L{self.locals}"
                    self.locals += 1
                return scope.tokens[name]
        if name in self.source.made:
            return self._use(name)
        return self.source.imports.get(name, name)


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that matter: `result = x; return result` becomes `return x`."""
    kept: list[ast.stmt] = [statement for statement in body if not _is_idle(statement)]
    if kept and isinstance(kept[-1], ast.Return) and kept[-1].value is None:
        kept.pop()
    before, last = kept[-2:] if len(kept) > 1 else (None, None)
    if isinstance(last, ast.Return) and isinstance(last.value, ast.Name):
        match before:
            case ast.Assign(targets=[ast.Name(id=last.value.id)]):
                kept[-2:] = [ast.Return(before.value)]
            case ast.AugAssign(target=ast.Name(id=last.value.id)):
                kept[-2:] = [ast.Return(ast.BinOp(before.target, before.op, before.value))]
    return kept


def _is_idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
        return True
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in {
        node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)
    }


def _imported(node: ast.AST) -> dict[str, str]:
    """What an import statement binds: a name to the dotted path that it stands for."""
    if isinstance(node, ast.Import):
        return {
            each.asname or each.name.split(".")[0]: each.name if each.asname else each.name.split(".")[0]
            for each in node.names
        }
    if isinstance(node, ast.ImportFrom):
        return {each.asname or each.name: f"{node.module or ''}.{each.name}" for each in node.names}
    return {}


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but for the inside of functions, comprehensions and classes."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        if not isinstance(found, _INSIDES):
            waiting += ast.iter_child_nodes(found)


def _bound(node: ast.AST) -> set[str]:
    """The names that a statement or a target binds in its own scope, but for imports."""
    names: set[str | None] = set()
    for found in _own_nodes(node):
        match found:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names.add(found.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
                names.add(found.name)
            case ast.MatchAs() | ast.MatchStar():
                names.add(found.name)
            case ast.MatchMapping():
                names.add(found.rest)
    return {name for name in names if name}


def _function_names(node: Function | ast.Lambda) -> tuple[set[str], dict[str, str]]:
    """The names that a function binds, and what it imports."""
    names = {parameter for _, parameter in _all_parameters(node.args)}
    imports: dict[str, str] = {}
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    elsewhere: set[str] = set()
    for statement in body:
        names |= _bound(statement)
        for found in _own_nodes(statement):
            imports |= _imported(found)
            if isinstance(found, ast.Global | ast.Nonlocal):
                elsewhere |= set(found.names)
            if isinstance(found, _COMPREHENSIONS):  # `:=` in a comprehension binds in the function around it
                names |= {each.target.id for each in ast.walk(found) if isinstance(each, ast.NamedExpr)}
    return names - elsewhere - imports.keys(), imports


def _all_parameters(arguments: ast.arguments) -> Iterator[tuple[str, str]]:
    """The parameters with the stars before them."""
    for parameter in (*arguments.posonlyargs, *arguments.args):
        yield "", parameter.arg
    if arguments.vararg:
        yield "*", arguments.vararg.arg
    for parameter in arguments.kwonlyargs:
        yield "", parameter.arg
    if arguments.kwarg:
        yield "**", arguments.kwarg.arg


def _parameters(arguments: ast.arguments) -> list[str]:
    return [name for _, name in _all_parameters(arguments)]
