"""Simple statements as claims: assignments, calls for their effect, and what else changed with them."""

import ast
from collections.abc import Callable, Iterator, Sequence

from build.sandbox.show import Shown
from build.teachers.trace.claims import (
    Changed,
    Claim,
    Computed,
    Together,
)
from build.teachers.trace.conditions import Explainer
from build.teachers.trace.run import Call, Eval, Item, Part
from build.teachers.trace.terms import LONG, OPERATORS, Term, data, evaluated, number


class Statements:
    """Tells the simple statements of one call. `values`: the variables as they are, `told`: as they were last told."""

    values: dict[str, Shown]
    told: dict[str, Shown]
    explainer: Explainer
    gaps: list[str]
    states: bool  # whether the state of a container is told after each change
    left: Callable[[], dict[str, Shown]]  # what the call that ended last told of its variables

    def step(self, node: ast.stmt, item: Item) -> list[Claim]:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return self.assign(node, node.targets[0], node.value, item)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return self.assign(node, node.target, node.value, item)
        if isinstance(node, ast.AugAssign):
            return self.augmented(node, item)
        if isinstance(node, ast.Expr):
            return self.expression(node, item)
        if isinstance(node, ast.Assign):
            claims: list[Claim] = []
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id in self.values:
                    self.told[target.id] = self.values[target.id]
            for target in node.targets:
                told = self.assign(node, target, node.value, item)
                claims += told if target is node.targets[0] else told[-1:]
            return claims
        claims = []
        for part in item.parts:
            if isinstance(part, Eval):
                claims += self.explainer.told_alone(part)
        return [*claims, *self.changes(item, set())]

    def computed(
        self, node: ast.stmt, item: Item, target: str, stages: Sequence[str], worded: bool = False
    ) -> Computed:
        return Computed(
            node=number(node),
            line=node.lineno,
            events=(item.event,),
            target=target,
            stages=tuple(stages),
            worded=worded,
        )

    def assign(self, node: ast.stmt, target: ast.expr, value: ast.expr, item: Item) -> list[Claim]:
        if isinstance(target, ast.Name):
            return self.assign_name(node, target, value, item)
        if isinstance(target, ast.Tuple | ast.List):
            return self.unpack(node, target, value, item)
        before, stages, worded = self.explainer.stages(value, item.parts)
        place = self.stored(target, item, before)
        claims = [*before, self.computed(node, item, place, stages, worded)]
        return [*claims, *self.mutated(node, target, item)]

    def assign_name(self, node: ast.stmt, target: ast.Name, value: ast.expr, item: Item) -> list[Claim]:
        if isinstance(value, ast.Lambda):
            return []
        before, stages, worded = self.explainer.stages(value, item.parts)
        final = item.changed.get(target.id)
        if (
            len(stages) == 1
            and isinstance(value, ast.Name)
            and stages[0] != value.id
            and not stages[0].startswith(value.id)
        ):
            stages = [value.id, *stages]
        if isinstance(value, ast.Name) and stages[0].startswith(f"{value.id} (") and final is not None:
            stages = [value.id, self.explainer.shown(final)]
        if stages[-1].startswith("<"):  # an iterator or a file has no value to tell
            return [*before, *self.changes(item, {target.id})]
        shown = self.values.get(target.id)
        if final is not None and isinstance(final, str) and stages[-1] != final and not isinstance(value, ast.Name):
            stages = [*stages[:-1], final] if len(stages) > 1 else [final]
        if shown is not None:
            self.told[target.id] = shown
        return [*before, self.computed(node, item, target.id, stages, worded), *self.changes(item, {target.id})]

    def unpack(self, node: ast.stmt, target: ast.Tuple | ast.List, value: ast.expr, item: Item) -> list[Claim]:
        starred = any(isinstance(part, ast.Starred) for part in target.elts)
        whole = evaluated(value, item.parts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) and not starred:
            parts = whole.parts if whole is not None else ()
            before: list[Claim] = []
            if len(target.elts) == 2 and [ast.unparse(one) for one in target.elts] == [
                ast.unparse(one) for one in reversed(value.elts)
            ]:
                return self.swapped(node, target, value, parts, item)
            pairs: list[Computed] = []
            names: set[str] = set()
            for one, given in zip(target.elts, value.elts):
                claims, stages, worded = self.explainer.stages(given, parts)
                before += claims
                done = evaluated(given, parts)
                if (
                    len(stages) > 1
                    and done is not None
                    and any(isinstance(each, ast.Subscript | ast.Attribute) for each in ast.walk(given))
                ):
                    before.append(self.explainer.fact(given, done, stages, worded))
                    stages, worded = stages[-1:], False
                if isinstance(one, ast.Name):
                    names.add(one.id)
                    pairs.append(self.computed(node, item, one.id, stages, worded))
                else:
                    place = self.stored(one, item, before)
                    pairs.append(self.computed(node, item, place, stages, worded))
            for name in names:
                if name in self.values:
                    self.told[name] = self.values[name]
            at_once = Together(node=number(node), line=node.lineno, events=(item.event,), parts=tuple(pairs))
            quiet = {_root(one) for one in target.elts}
            return [*before, at_once, *self.changes(item, names, quiet=quiet)]
        before, stages, worded = self.explainer.stages(value, item.parts)
        claims = list(before)
        if len(stages) > 1 and whole is not None:
            claims.append(self.explainer.fact(value, whole, stages, worded))
        names = {part.id for part in ast.walk(target) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        for name in sorted(names, key=lambda name: _place_of(target, name)):
            shown = self.values.get(name)
            if shown is not None:
                self.told[name] = shown
                claims.append(self.computed(node, item, name, [self.explainer.shown(shown)]))
        return [*claims, *self.changes(item, names)]

    def swapped(
        self,
        node: ast.stmt,
        target: ast.Tuple | ast.List,
        value: ast.Tuple | ast.List,
        parts: Sequence[Part],
        item: Item,
    ) -> list[Claim]:
        """Two places that change their contents."""
        before: list[Claim] = []
        sides = []
        names = set()
        for one in value.elts:
            term = self.explainer.term(one, parts, before)
            place = ast.unparse(one) if isinstance(one, ast.Name) else term.symbol
            sides.append(f"{place} ({term.value})")
        for one in target.elts:
            if isinstance(one, ast.Name) and one.id in self.values:
                names.add(one.id)
                self.told[one.id] = self.values[one.id]
        rest = self.changes(item, names, quiet={_root(one) for one in target.elts})
        state = ""
        root = _root(target.elts[0])
        if rest and isinstance(rest[0], Changed) and rest[0].target == root:
            state = rest[0].state
            rest = rest[1:]
        first = Changed(
            node=number(node),
            line=node.lineno,
            events=(item.event,),
            target=root,
            how=f"swap({sides[0]}, {sides[1]})",
            state=state,
        )
        return [*before, first, *rest]

    def stored(self, target: ast.expr, item: Item, before: list[Claim]) -> str:
        """The place that is stored into, as it is written with the index's value: "arr[3]", "self.size"."""
        if isinstance(target, ast.Subscript):
            return f"{self.holder(target.value, item)}[{self.explainer.index(target.slice, item.parts, before)}]"
        if isinstance(target, ast.Attribute):
            return f"{self.holder(target.value, item)}.{target.attr}"
        return target.id if isinstance(target, ast.Name) else ast.unparse(target)

    def holder(self, node: ast.expr, item: Item) -> str:
        if isinstance(node, ast.Name):
            return node.id
        return self.explainer.holder(node, item.parts, [])

    def augmented(self, node: ast.AugAssign, item: Item) -> list[Claim]:
        before: list[Claim] = []
        symbol, precedence = _operator(node.op)
        operand = self.explainer.term(node.value, item.parts, before)
        if isinstance(node.target, ast.Name):
            place = node.target.id
            old, new = self.before_item(place, item), self.values.get(place)
        else:
            place = self.stored(node.target, item, before)
            old, new = item.before.get(number(node.target)), item.after.get(number(node.target))
        if new is None or old is None:
            self.gaps.append("a place whose content is not seen")
            return [*before, *self.changes(item, set())]
        final = self.explainer.shown(new)
        start = self.explainer.shown(old)
        if isinstance(old, str) and len(old) > LONG and isinstance(node.target, ast.Name):
            start = place if self.told.get(place) == old else start
        term = Term(symbol, final, [Term(start, start, done=True), operand], precedence)
        if isinstance(node.target, ast.Name):
            self.told[place] = new
            return [*before, self.computed(node, item, place, term.stages()), *self.changes(item, {place})]
        return [*before, self.computed(node, item, place, term.stages()), *self.mutated(node, node.target, item)]

    def before_item(self, name: str, item: Item) -> Shown | None:
        """What a variable was before an item, which is told already where it was not changed by it."""
        return self.told.get(name, self.values.get(name))

    def mutated(self, node: ast.stmt, target: ast.expr, item: Item) -> list[Claim]:
        """The state of what was stored into."""
        return self.changes(item, set(), quiet={_root(target)})

    def changes(self, item: Item, told: set[str], quiet: set[str] | None = None) -> list[Claim]:
        """The state of every variable that an item changed and that is not told yet; `quiet`: its change was told."""
        claims: list[Claim] = []
        for name, value in item.changed.items():
            if name in told or not data(value):
                continue
            if value == self.told.get(name):
                continue
            if self.left().get(name) == value and any(isinstance(part, Call) for part in _deep(item.parts)):
                self.told[name] = value  # the call told it, of a variable of the same name
                continue
            secret = name in (quiet or ())
            if secret and (not self.states or not _short(value)):
                continue
            if not isinstance(value, str) and value[1] == "?":
                if secret or name not in self.told:
                    self.explainer.shown(value)
                continue
            if secret and isinstance(value, str) and "(" in value and value[0].isalpha():
                continue  # an object: the attribute is told
            self.told[name] = value
            claims.append(
                Changed(
                    node=number(item.node),
                    line=getattr(item.node, "lineno", 0),
                    events=(item.event,),
                    target=name,
                    how="",
                    state=self.explainer.shown(value),
                )
            )
        return claims

    def expression(self, node: ast.Expr, item: Item) -> list[Claim]:
        value = node.value
        done = evaluated(value, item.parts)
        if not isinstance(value, ast.Call) or done is None:
            claims: list[Claim] = []
            for part in item.parts:
                if isinstance(part, Eval):
                    claims += self.explainer.told_alone(part)
            return [*claims, *self.changes(item, set())]
        claims, said, _ = self.explainer.call(value, done)
        target = evaluated(value.func, done.parts)
        name = str(target.value) if target is not None else ""
        if not said:
            return [*claims, *self.changes(item, set())]
        changed = [name for name, shown in item.changed.items() if data(shown)]
        if isinstance(value.func, ast.Attribute) and name.startswith("method ") and changed:
            how = self.effect(name, value, done, claims)
            base = self.explainer.holder(value.func.value, target.parts if target is not None else (), [])
            root = value.func.value
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            only = isinstance(root, ast.Name) and root.id in changed
            rest = self.changes(item, set(), quiet={root.id} if isinstance(root, ast.Name) else set())
            state = ""
            if only and rest and isinstance(root, ast.Name) and base == root.id:
                state = next((one.state for one in rest if isinstance(one, Changed) and one.target == root.id), "")
                rest = [one for one in rest if not (isinstance(one, Changed) and one.target == root.id)]
            return [
                *claims,
                Changed(node=number(node), line=node.lineno, events=(item.event,), target=base, how=how, state=state),
                *rest,
            ]
        return [*claims, *self.changes(item, set())]

    def effect(self, name: str, node: ast.Call, done: Eval, claims: list[Claim]) -> str:
        given = [self.explainer.argument(argument, done.parts, [], {}) for argument in node.args]
        what = name.rpartition(".")[2]
        keywords = [f"{word.arg}={self.explainer.argument(word.value, done.parts, [], {})}" for word in node.keywords]
        return f"{what}({', '.join([*given, *keywords])})"


def _deep(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        if isinstance(part, Eval):
            yield from _deep(part.parts)


def _root(node: ast.expr) -> str:
    """The variable that a place belongs to."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _place_of(target: ast.AST, name: str) -> int:
    names = [part.id for part in ast.walk(target) if isinstance(part, ast.Name)]
    return names.index(name) if name in names else 0


def _short(value: Shown) -> bool:
    return isinstance(value, str) and len(value) <= 40


def _operator(op: ast.operator) -> tuple[str, int]:
    return OPERATORS[type(op)]
