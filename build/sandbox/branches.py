"""Tells which branches of a program its inputs take, and which calls end early: all inputs in one job, without a tracer.

Marks are woven into the decisions of the program's functions: `if`, `while`, conditional expressions and the filters of
comprehensions, each with two ways. A way that ends in `raise` is not counted, since no pair takes it. A call ends early
where the function that is watched gives a constant, an argument or an empty container out of a guard with most of the function
after it, or anything out of a handler of exceptions.
"""

import ast
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from build.sandbox.api import Program, Sandbox

_CPU_S = (
    4.0  # of all calls together at least; their marks are bounded first, so that only what no mark shows comes near
)
_SLOWER = 4.0  # than a call without marks, which was within its limit
_MARKS, _ALL_MARKS = 20_000, 150_000  # of one call, and of all
_AFTER_A_GUARD = 4  # nodes of statements that make what follows a guard the main part of its function
_DRIVER = f"""
import contextlib
import io
import json


class Stop(BaseException):
    pass


def watch(code, inputs):
    program = compile(code, "<program>", "exec", dont_inherit=True)
    found, marks = [], 0
    for text in inputs:
        taken, entered, early, count = set(), set(), [False], [0]

        def step():
            count[0] += 1
            if count[0] > {_MARKS}:
                raise Stop()

        def branch(number, test):
            step()
            way = bool(test)
            taken.add((number, way))
            return way

        def enter(number):
            step()
            entered.add(number)

        def leave(is_early, value=None):
            early[0] = is_early
            return value

        names = {{"__name__": __name__, "branch_": branch, "enter_": enter, "leave_": leave}}
        if marks <= {_ALL_MARKS}:
            with contextlib.suppress(BaseException), contextlib.redirect_stdout(io.StringIO()):
                exec(program, names)
                names["main_solution"](**json.loads(text))
        marks += count[0]
        found.append([sorted(taken), sorted(entered), early[0], count[0]])
    return found
"""


@dataclass(frozen=True, slots=True)
class BranchRun:
    """One call: the ways of decisions that it took, the functions that it entered, whether it ended early, and how many marks
    it passed, which says how long it was.
    """

    ways: frozenset[tuple[int, bool]]
    entered: frozenset[int]
    early: bool
    marks: int


class Branches:
    """The decisions of a program's functions. `name`: the function or method whose early ends are watched, the entry point
    where the program has none of that name.
    """

    def __init__(self, code: str, name: str) -> None:
        """Raises SyntaxError, ValueError or RecursionError where the code cannot be read."""
        tree = ast.parse(code)
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        watched = name.rpartition(".")[2]
        weaver = _Weaver(watched if watched in functions else "main_solution")
        tree = weaver.visit(tree)
        self._code = ast.unparse(ast.fix_missing_locations(tree))
        # The code is data to the driver; this says to the sandbox what it will import.
        self._driver = _DRIVER + ("\ndef needs():\n    import numpy\n" if "numpy" in self._code else "")
        self._ways = weaver.ways

    def watch(self, sandbox: Sandbox, inputs: Sequence[str]) -> list[BranchRun]:
        """What each input (a JSON object of keyword arguments) does; nothing where the program cannot be watched."""
        given = json.dumps({"code": self._code, "inputs": list(inputs)})
        cpu_s = max(_CPU_S, _SLOWER * len(inputs) * sandbox.limits.call_cpu_s)
        (result,) = sandbox.call(Program(self._driver, "watch"), [given], call_cpu_s=cpu_s)
        if result.status != "ok" or result.value is None:
            return []
        return [
            BranchRun(frozenset((number, way) for number, way in ways), frozenset(entered), early, marks)
            for ways, entered, early, marks in json.loads(result.value)
        ]

    def coverage(self, runs: Iterable[BranchRun]) -> tuple[int, int]:
        """How many ways of the decisions some runs took together, and how many there are in the functions that they entered."""
        entered: set[int] = set()
        taken: set[tuple[int, bool]] = set()
        for run in runs:
            entered |= run.entered
            taken |= run.ways
        possible = {way for way, function in self._ways.items() if function in entered}
        return len(taken & possible), len(possible)


class _Weaver(ast.NodeTransformer):
    """Puts the marks into a tree. `ways`: the function that each way of a decision belongs to."""

    def __init__(self, watched: str) -> None:
        self.ways: dict[tuple[int, bool], int] = {}
        self.watched = watched
        self.functions = 0
        self.decisions = 0
        self.inside: list[int] = []
        self.early: set[int] | None = None  # of the function that is watched, while it is being visited

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        early = _early_returns(node) if node.name == self.watched else None
        outer, self.early = self.early, early
        self.inside.append(self.functions)
        self.functions += 1
        node.body = [self.visit(statement) for statement in node.body]
        docstring = node.body[:1] if ast.get_docstring(node) is not None else []
        end = [ast.Expr(_call("leave_", ast.Constant(False)))] if early is not None else []
        node.body = [
            *docstring,
            ast.Expr(_call("enter_", ast.Constant(self.inside[-1]))),
            *node.body[len(docstring) :],
            *end,
        ]
        self.inside.pop()
        self.early = outer
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        is_early = self.early is not None and id(node) in self.early
        self.generic_visit(node)
        if self.early is not None:
            node.value = _call("leave_", ast.Constant(is_early), *([node.value] if node.value else []))
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Constant):
            return self.generic_visit(node)
        raising = (_raises(node.body), _raises(node.orelse))
        self.generic_visit(node)
        node.test = self._marked(node.test, *raising)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.test, ast.Constant):
            node.test = self._marked(node.test)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        node.test = self._marked(node.test)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs = [self._marked(test) for test in node.ifs]
        return node

    def _marked(self, test: ast.expr, true_raises: bool = False, false_raises: bool = False) -> ast.expr:
        if not self.inside:
            return test
        number = self.decisions
        self.decisions += 1
        for way, raises in ((True, true_raises), (False, false_raises)):
            if not raises:
                self.ways[number, way] = self.inside[-1]
        return _call("branch_", ast.Constant(number), test)


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _raises(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise)


def _early_returns(node: ast.FunctionDef) -> set[int]:
    """The ids of the returns by which a function ends early."""
    names = {argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    found = {
        id(part)
        for handler in ast.walk(node)
        if isinstance(handler, ast.ExceptHandler)
        for part in ast.walk(handler)
        if isinstance(part, ast.Return)
    }
    for place, statement in enumerate(node.body):
        after = sum(isinstance(part, ast.stmt) for later in node.body[place + 1 :] for part in ast.walk(later))
        if isinstance(statement, ast.If):
            for branch, other in ((statement.body, statement.orelse), (statement.orelse, statement.body)):
                beside = sum(isinstance(part, ast.stmt) for later in other for part in ast.walk(later))
                last = branch[-1] if branch else None
                if (
                    isinstance(last, ast.Return)
                    and max(after, beside) >= _AFTER_A_GUARD
                    and _says_little(last.value, names)
                ):
                    found.add(id(last))
    return found


def _says_little(value: ast.expr | None, names: set[str]) -> bool:
    """Whether a returned value is a constant, an argument or empty."""
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", "") in ("list", "dict", "set", "tuple", "str") and not value.args
    if isinstance(value, ast.Name):
        return value.id in names
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return all(_says_little(item, names) for item in value.elts)
    return value is None or isinstance(value, ast.Constant) or (isinstance(value, ast.Dict) and not value.keys)
