"""Prepares a program for tracing: calls of a recorder are woven into the syntax tree of its functions.

Every node of interest has a number, its place in a pre-order walk of the tree, and the numbers of a node's descendants
follow its own without a gap. Whoever reads a trace numbers the same source in the same way (`numbered`) and knows which node
an event is about. Weaving changes no value and no order of evaluation: each hook gets what was evaluated and hands it on.

Only bodies of functions and lambdas are watched; module level, class bodies and coroutines run as they are.
"""

import ast
import copy
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

PREFIX = "_codeio_"  # of the hooks' names in the program's module
HOOKS = (
    *("value", "truth", "iterable", "round", "exhausted", "step", "jump", "handler", "enter", "leave", "failed"),
    *("returned", "yielding", "resumed", "holder", "index"),
)

_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Delete, ast.Assert)
_FUNCTIONS = (ast.FunctionDef, ast.Lambda)


def numbered(source: str) -> ast.Module:
    """The source's tree; each node has `number` and `last`, the highest number among its descendants and itself."""
    tree = ast.parse(source)
    count = 0

    def walk(node: ast.AST) -> None:
        nonlocal count
        node.number = count  # type: ignore[attr-defined]
        count += 1
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop):
                walk(child)
        node.last = count - 1  # type: ignore[attr-defined]

    walk(tree)
    return tree


@lru_cache(maxsize=4)
def nodes_of(source: str) -> Mapping[int, Any]:
    """The nodes of the source's numbered tree by number, for reading: later calls share them. Raises as `ast.parse`."""
    return {vars(node)["number"]: node for node in ast.walk(numbered(source)) if "number" in vars(node)}


def instrument(source: str) -> ast.Module:
    """The numbered tree with hooks in the bodies of its functions. Raises what `ast.parse` raises, and RecursionError."""
    tree = numbered(source)
    woven = _Outside().visit(tree)
    ast.fix_missing_locations(woven)
    assert isinstance(woven, ast.Module)
    return woven


def _hook(name: str, at: ast.AST, *values: ast.expr, number: int | None = None) -> ast.Call:
    which = at.number if number is None else number  # type: ignore[attr-defined]
    call = ast.Call(ast.Name(PREFIX + name, ast.Load()), [ast.Constant(which), *values], [])
    return ast.copy_location(call, at)


def _statement(name: str, at: ast.stmt | ast.ExceptHandler | ast.match_case, near: ast.AST) -> ast.stmt:
    call = ast.copy_location(_hook(name, near, number=at.number), near)  # type: ignore[union-attr]
    return ast.copy_location(ast.Expr(call), near)


class _Outside(ast.NodeTransformer):
    """Module level and class bodies: looks for functions."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        start = 1 if ast.get_docstring(node, clean=False) is not None else 0
        inside = _Inside()
        body = inside.block(node.body[start:]) or [ast.copy_location(ast.Pass(), node)]
        enter = _statement("enter", node, node)
        failed = ast.ExceptHandler(None, None, [_statement("failed", node, node), ast.Raise()])
        whole = ast.Try([enter, *body], [failed], [], [_statement("leave", node, node)])
        for part in (failed, whole, failed.body[1]):
            ast.copy_location(part, node)
        node.body = [*node.body[:start], whole]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.body = lambda_body(node, _Inside())
        return node


def lambda_body(node: ast.Lambda, inside: "_Inside") -> ast.expr:
    """`enter and returned(body)`: the hook `enter` gives True, and `returned` leaves the frame."""
    body = _hook("returned", node, inside.value(node.body))
    return ast.copy_location(ast.BoolOp(ast.And(), [_hook("enter", node), body]), node.body)


class _Inside(ast.NodeTransformer):
    """The body of a function."""

    def block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        woven: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, ast.Break | ast.Continue | ast.Pass | ast.Raise):
                if isinstance(statement, ast.Raise):
                    statement = self.raising(statement)
                woven += [_statement("jump", statement, statement), statement]
                continue
            done = self.visit(statement)
            woven.append(done)
            if isinstance(statement, _SIMPLE):
                woven.append(_statement("step", statement, statement))
        return woven

    def raising(self, node: ast.Raise) -> ast.Raise:
        if node.exc is not None:
            node.exc = self.value(node.exc)
        return node

    # Statements

    def visit_Return(self, node: ast.Return) -> ast.AST:
        value = self.value(node.value) if node.value is not None else ast.copy_location(ast.Constant(None), node)
        node.value = _hook("returned", node, value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        node.value = self.value(node.value)
        node.targets = [self.target(target) for target in node.targets]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.value(node.value)
            if isinstance(node.target, ast.Attribute | ast.Subscript):
                self.target(node.target)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        node.value = self.value(node.value)
        self.target(node.target)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        node.value = self.value(node.value)
        return node

    def visit_Delete(self, node: ast.Delete) -> ast.AST:
        for target in node.targets:
            self.target(target)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.test = self.truth(node.test)
        if node.msg is not None:
            node.msg = self.value(node.msg)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        node.test = self.truth(node.test)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        node.test = self.truth(node.test)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        node.iter = _hook("iterable", node.iter, self.value(node.iter))
        self.target(node.target)
        node.body = [_statement("round", node, node.body[0]), *self.block(node.body)]
        node.orelse = [_statement("exhausted", node, node), *self.block(node.orelse)]
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        for item in node.items:
            item.context_expr = self.value(item.context_expr)
            if item.optional_vars is not None:
                self.target(item.optional_vars)
        node.body = [_statement("step", node, node.body[0]), *self.block(node.body)]
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST:
        for handler in node.handlers:
            handler.body = [_statement("handler", handler, handler), *self.block(handler.body)]
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse)
        node.finalbody = self.block(node.finalbody)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        node.subject = self.value(node.subject)
        for case in node.cases:
            if case.guard is not None:
                case.guard = self.truth(case.guard)
            case.body = [_statement("step", case, case.body[0]), *self.block(case.body)]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return _Outside().visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [_Outside().visit(part) for part in node.body]
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        return node if isinstance(node, ast.stmt) else super().generic_visit(node)

    # Expressions: `value` and `truth` weave, `visit` only the children

    def value(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Constant | ast.GeneratorExp | ast.Lambda | ast.Slice):
            return self.parts(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            return node
        if isinstance(node, ast.Starred):
            node.value = self.value(node.value)
            return node
        if isinstance(node, ast.Yield):
            inner = ast.Constant(None) if node.value is None else self.value(node.value)
            node.value = _hook("yielding", node, inner)
            return _hook("resumed", node, node)
        return _hook("value", node, self.parts(node))

    def truth(self, node: ast.expr) -> ast.expr:
        return _hook("truth", node, self.parts(node))

    def target(self, node: ast.expr) -> ast.expr:
        """What is stored into: the container and the index are loaded, the place itself is not."""
        if isinstance(node, ast.Subscript):
            node.value = _hook("holder", node, self.value(node.value))
            if not isinstance(node.slice, ast.Slice):
                node.slice = _hook("index", node, self.value(node.slice))
            else:
                node.slice = self.parts(node.slice)
        elif isinstance(node, ast.Attribute):
            node.value = _hook("holder", node, self.value(node.value))
        elif isinstance(node, ast.Tuple | ast.List):
            node.elts = [self.target(part) for part in node.elts]
        elif isinstance(node, ast.Starred):
            node.value = self.target(node.value)
        return node

    def parts(self, node: ast.expr) -> ast.expr:
        """The node with its operands woven, itself not."""
        if isinstance(node, ast.Lambda):
            node.body = lambda_body(node, self)
            return node
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            return self.comprehension(node)
        if isinstance(node, ast.IfExp):
            node.test, node.body, node.orelse = self.truth(node.test), self.value(node.body), self.value(node.orelse)
            return node
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.operand = self.truth(node.operand)
            return node
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    part.value = self.value(part.value)
            return node
        if isinstance(node, ast.NamedExpr):
            node.value = self.value(node.value)
            return node
        for name, field in ast.iter_fields(node):
            if isinstance(field, ast.expr):
                setattr(node, name, self.value(field))
            elif isinstance(field, list):
                setattr(node, name, [self.operand(part) for part in field])
        return node

    def operand(self, part: Any) -> Any:
        if isinstance(part, ast.keyword):
            part.value = self.value(part.value)
            return part
        return self.value(part) if isinstance(part, ast.expr) else part

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> ast.expr:
        for loop in node.generators:
            if loop.is_async:
                return node
            loop.iter = _hook("iterable", loop.iter, self.value(loop.iter))
            names = [copy.copy(part) for part in ast.walk(loop.target) if isinstance(part, ast.Name)]
            # An item's first event names what the loop's variables are; it gives True.
            shown = [ast.Name(name.id, ast.Load()) for name in names]
            loop.ifs = [
                _hook("round", loop.target, *shown, number=loop.number),  # type: ignore[attr-defined]
                *(self.truth(test) for test in loop.ifs),
            ]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self.value(node.key), self.value(node.value)
        else:
            node.elt = self.value(node.elt)
        return node
