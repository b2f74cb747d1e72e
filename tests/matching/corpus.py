"""Functions that nobody here wrote, to plant doubles and leaks of: those of the standard library, with what they use."""

import ast
import builtins
from functools import cache
from pathlib import Path

_MODULES = (
    *(
        "ast",
        "base64",
        "bisect",
        "calendar",
        "cgitb",
        "colorsys",
        "copy",
        "csv",
        "datetime",
        "difflib",
        "dis",
        "fnmatch",
    ),
    *(
        "fractions",
        "ftplib",
        "getopt",
        "gettext",
        "glob",
        "heapq",
        "imaplib",
        "inspect",
        "ipaddress",
        "keyword",
        "locale",
    ),
    *(
        "mimetypes",
        "nturl2path",
        "ntpath",
        "numbers",
        "opcode",
        "operator",
        "pickletools",
        "pkgutil",
        "platform",
        "plistlib",
    ),
    *(
        "posixpath",
        "pprint",
        "quopri",
        "random",
        "reprlib",
        "sched",
        "shlex",
        "shutil",
        "statistics",
        "string",
        "stringprep",
    ),
    *(
        "tarfile",
        "textwrap",
        "timeit",
        "token",
        "tokenize",
        "traceback",
        "turtle",
        "uuid",
        "warnings",
        "zipfile",
        "smtplib",
    ),
)


@cache
def programs(most: int = 10_000) -> list[str]:
    """Self-contained programs whose entry is `main_solution`: each function of the library with the functions it calls."""
    found: dict[str, None] = {}
    for module in _MODULES:
        path = Path(ast.__file__).with_name(f"{module}.py")
        if path.exists():
            for program in _programs_of(ast.parse(path.read_text("utf-8"))):
                found.setdefault(program)
    return list(found)[:most]


def _programs_of(tree: ast.Module) -> list[str]:
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.decorator_list}
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    made = []
    for name, function in functions.items():
        size = sum(1 for _ in ast.walk(function))
        if 60 <= size <= 900:
            needed = _needed(name, functions)
            parts = [
                ast.unparse(node) for node in (*imports, *(functions[each] for each in functions if each in needed))
            ]
            parameters = ", ".join(each.arg for each in function.args.args)
            if function.args.vararg or function.args.kwarg or function.args.kwonlyargs or function.args.posonlyargs:
                continue
            code = "\n\n".join([*parts, f"def main_solution({parameters}):\n    return {name}({parameters})"]) + "\n"
            if not _missing(code):
                made.append(code)
    return made


def _missing(code: str) -> set[str]:
    """Names that a program uses and nothing in it binds."""
    bound, used = set(dir(builtins)), set[str]()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
            bound.add(node.name or "")
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return used - bound


def _needed(name: str, functions: dict[str, ast.FunctionDef]) -> set[str]:
    needed, waiting = set(), [name]
    while waiting:
        each = waiting.pop()
        if each in functions and each not in needed:
            needed.add(each)
            waiting += [node.id for node in ast.walk(functions[each]) if isinstance(node, ast.Name)]
    return needed
