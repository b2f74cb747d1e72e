"""Rewrites functions as people do when they copy them: the kinds of doubles and leaks that tests and measurements plant."""

import ast
import builtins
import random
from collections.abc import Callable

_KEPT = {*dir(builtins), "self", "cls"}


def exact(code: str, rng: random.Random) -> str:
    """The same text."""
    return code


def reformatted(code: str, rng: random.Random) -> str:
    """Another layout, with comments and without docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Expr(ast.Constant(f"Rewritten text number {rng.randrange(1000)}."))
    text = ast.unparse(tree)
    if '"""' not in text and "\\n" not in text:  # no text over several lines, whose own blanks count
        lines = text.split("\n")
        halves = [line[: (len(line) - len(line.lstrip())) // 2] + line.lstrip() for line in lines]
        text = "\n".join(
            f"{line}  # note {place}" if line and rng.random() < 0.3 else line for place, line in enumerate(halves)
        )
    return f"{text}\n\n"


def renamed(code: str, rng: random.Random) -> str:
    """Other names for variables, parameters and functions, but for the entry; other words in messages and annotations."""
    tree = ast.parse(code)
    imported = {
        (each.asname or each.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for each in node.names
    }
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    members = {
        name
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for part in owner.body
        for node in ast.walk(part)
        for name in (
            getattr(node, "name", ""),
            getattr(node, "id", "") if not isinstance(part, ast.FunctionDef) else "",
        )
    }
    own -= _KEPT | imported | members | {"main_solution"}
    new = {
        name: f"{rng.choice(('item', 'thing', 'value', 'part'))}_{number}" for number, name in enumerate(sorted(own))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = new.get(node.arg, node.arg), None
        elif isinstance(node, ast.FunctionDef):
            node.name, node.returns = new.get(node.name, node.name), None
        elif isinstance(node, ast.ClassDef):
            node.name = new.get(node.name, node.name)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in _KEPT | imported:
            for each in node.keywords:
                each.arg = each.arg and new.get(each.arg, each.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [new.get(name, name) for name in node.names]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            node.name = new.get(node.name, node.name)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            node.exc.args = [ast.Constant("not allowed")]
    return ast.unparse(tree)


def reordered(code: str, rng: random.Random) -> str:
    """The definitions in another order, as far as the text allows: functions change places among themselves."""
    tree = ast.parse(code)
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    places = [
        number
        for number, node in enumerate(tree.body)
        if isinstance(node, ast.FunctionDef) and not node.decorator_list and names.count(node.name) == 1
    ]
    plain = [tree.body[place] for place in places]
    rng.shuffle(plain)
    for place, node in zip(places, plain):
        tree.body[place] = node
    return ast.unparse(tree)


def translated(code: str, rng: random.Random) -> str:
    """Another header: the docstring in another language, no annotations, the work behind a function that hands on."""
    tree = ast.parse(renamed(code, rng))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "main_solution":
            node.name = "loese_aufgabe"
            names = [each.arg for each in node.args.args]
            if node.args.vararg or node.args.kwarg or node.args.kwonlyargs or node.args.posonlyargs:
                node.name = "main_solution"
                break
            call = f"def main_solution({', '.join(names)}):\n    '''Gibt das Ergebnis der Aufgabe zurück.'''\n"
            call += f"    ergebnis = loese_aufgabe({', '.join(names)})\n    return ergebnis\n"
            text = ast.unparse(tree)
            return f"# Zuerst die Hilfsfunktionen, dann die Lösung.\n{text}\n\n\n{call}"
    return ast.unparse(tree)


def edited(code: str, rng: random.Random) -> str:
    """One statement more and one number changed: a near double."""
    tree = ast.parse(code)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    largest = max(functions, key=lambda node: sum(1 for _ in ast.walk(node)))
    largest.body.insert(1 if ast.get_docstring(largest) is not None else 0, ast.parse("steps_so_far = 0").body[0])
    numbers = [node for node in ast.walk(largest) if isinstance(node, ast.Constant) and type(node.value) is int]
    if numbers:
        rng.choice(numbers).value = rng.randrange(50, 99)
    return ast.unparse(ast.fix_missing_locations(tree))


REWRITINGS: dict[str, Callable[[str, random.Random], str]] = {
    "exact": exact,
    "reformatted": reformatted,
    "renamed": renamed,
    "reordered": reordered,
    "translated": translated,
    "edited": edited,
}
