"""What counts as input/output, chance or a foreign library: one list, for code that models wrote and code that was found."""

import sys

IO_CALLS = frozenset(
    ("print", "input", "open", "exec", "eval", "compile", "__import__", "breakpoint", "exit", "quit", "help", "globals")
)  # builtins that reach outside of the function, or run text as code
IO_MODULES = frozenset(
    (
        *("aiohttp", "argparse", "asyncio", "builtins", "ctypes", "cv2", "ftplib", "getpass", "glob", "http", "io"),
        *("logging", "matplotlib", "multiprocessing", "os", "pathlib", "pickle", "PIL", "plotly", "pygame", "requests"),
        *("seaborn", "select", "selenium", "shelve", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl"),
        *("subprocess", "tempfile", "threading", "tkinter", "turtle", "urllib", "webbrowser"),
    )
)
CHANCE_MODULES = frozenset(("random", "secrets", "uuid"))

# Modules of the standard library whose functions depend on their arguments alone.
PURE_MODULES = frozenset(
    (
        *("__future__", "abc", "array", "ast", "base64", "binascii", "bisect", "calendar", "cmath", "codecs"),
        *("collections", "colorsys", "contextlib", "copy", "dataclasses", "datetime", "decimal", "difflib", "enum"),
        *("fractions", "functools", "graphlib", "hashlib", "heapq", "hmac", "html", "inspect", "ipaddress"),
        *("itertools", "json", "keyword", "math", "numbers", "operator", "pprint", "queue", "re", "reprlib"),
        *("statistics", "string", "struct", "textwrap", "types", "typing", "unicodedata", "warnings", "weakref"),
        *("zlib", "numpy", "typing_extensions"),
    )
)
_PURE_OF_IMPURE = {  # what may be taken from modules that otherwise reach outside
    "sys": frozenset(("maxsize", "version_info", "float_info", "int_info", "maxunicode", "byteorder", "intern")),
    "urllib.parse": None,  # None: everything
    "html.entities": None,
    "os.path": frozenset(("basename", "dirname", "join", "split", "splitext", "normpath", "commonprefix")),
    "io": frozenset(("StringIO", "BytesIO")),
}


def import_fault(module: str, names: frozenset[str] = frozenset()) -> str:
    """Why a module may not be imported by a pure function: "impure_import", "foreign_import", or "" where it may.

    `names` are the attributes that are taken from it, as far as they are known; a relative module begins with a dot.
    """
    top = module.split(".")[0]
    if top in PURE_MODULES and not module.startswith("numpy.random"):
        return ""
    if module in _PURE_OF_IMPURE:
        allowed = _PURE_OF_IMPURE[module]
        if allowed is None or (names and names <= allowed):
            return ""
    return "impure_import" if top in sys.stdlib_module_names or module.startswith("numpy.random") else "foreign_import"
