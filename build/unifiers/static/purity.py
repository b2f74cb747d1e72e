"""What counts as input/output, chance or a foreign library: one list, for code that models wrote and code that was found."""

import builtins
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
        *("zlib", "numpy", "typing_extensions", "copyreg", "csv", "encodings", "fnmatch", "plistlib", "quopri"),
        *("shlex", "stringprep", "token", "tokenize", "tomllib", "contextvars", "errno"),
    )
)
_PATH_NAMES = frozenset(
    (
        *("altsep", "basename", "commonpath", "commonprefix", "curdir", "dirname", "extsep", "isabs", "join"),
        *("normcase", "normpath", "pardir", "pathsep", "sep", "split", "splitdrive", "splitext"),
    )
)
_PURE_OF_IMPURE: dict[str, frozenset[str] | None] = {
    # What may be taken from modules that otherwise reach outside; None: everything. The sandbox gives the clock, locks and
    # streams of its own, and a function whose values depend on them is refused when its pairs are run again.
    "builtins": frozenset((*dir(builtins), "__dict__")) - IO_CALLS,
    "email.utils": frozenset(("formataddr", "parseaddr", "parsedate", "parsedate_tz", "quote", "unquote")),
    "gettext": frozenset(("GNUTranslations", "NullTranslations", "gettext", "ngettext", "translation")),
    "gzip": frozenset(("compress", "decompress")),
    "html.entities": None,
    "html.parser": None,
    "http": frozenset(("HTTPStatus",)),
    "io": frozenset(("BufferedReader", "BytesIO", "IOBase", "StringIO", "TextIOBase", "TextIOWrapper")),
    "locale": frozenset(("getpreferredencoding",)),
    "logging": frozenset(
        (
            *("CRITICAL", "DEBUG", "ERROR", "INFO", "Logger", "LoggerAdapter", "NOTSET", "NullHandler", "WARNING"),
            *("critical", "debug", "error", "exception", "getLogger", "info", "warning"),
        )
    ),
    "ntpath": _PATH_NAMES,
    "os": frozenset(
        (
            *("PathLike", "altsep", "curdir", "environ", "extsep", "fspath", "getenv", "linesep", "name", "pardir"),
            *("pathsep", "sep"),
        )
    ),
    "os.path": _PATH_NAMES,
    "pathlib": frozenset(("PurePath", "PurePosixPath", "PureWindowsPath")),
    "platform": frozenset(
        ("architecture", "python_implementation", "python_version", "python_version_tuple", "system")
    ),
    "posixpath": _PATH_NAMES,
    "random": frozenset(("Random",)),
    "secrets": frozenset(("compare_digest",)),
    "socket": frozenset(("AF_INET", "AF_INET6", "error", "inet_aton", "inet_ntoa", "inet_ntop", "inet_pton")),
    "sys": frozenset(
        (
            *(
                "byteorder",
                "exc_info",
                "float_info",
                "getdefaultencoding",
                "getrecursionlimit",
                "hash_info",
                "hexversion",
            ),
            *("int_info", "intern", "maxsize", "maxunicode", "platform", "setrecursionlimit", "stderr", "stdout"),
            *(
                "_getframe",
                "argv",
                "exit",
                "getfilesystemencoding",
                "implementation",
                "modules",
                "pypy_version_info",
                "stdin",
                "version",
                "version_info",
            ),
        )
    ),
    "threading": frozenset(("Lock", "RLock", "get_ident", "local")),
    "time": frozenset(
        ("gmtime", "monotonic", "perf_counter", "process_time", "sleep", "strftime", "strptime", "struct_time", "time")
    ),
    "traceback": frozenset(("format_exc", "format_exception_only")),
    "urllib.parse": None,
    "uuid": frozenset(("NAMESPACE_DNS", "NAMESPACE_OID", "NAMESPACE_URL", "NAMESPACE_X500", "UUID", "uuid3", "uuid5")),
    "xml.etree.ElementTree": frozenset(("Element", "ParseError", "SubElement", "XML", "fromstring", "tostring")),
    "xml.sax.saxutils": frozenset(("escape", "quoteattr", "unescape")),
}


def import_fault(module: str, names: frozenset[str] = frozenset()) -> tuple[str, str] | None:
    """Why a module may not be imported by a pure function: "impure_import" or "foreign_import", and what of it is at fault;
    None where it may.

    `names` are the attributes that are taken from it, as far as they are known, dotted where one is itself taken apart
    (`path.join` of `os`), "" for the module as a value; a relative module begins with a dot.
    """
    top = module.split(".")[0]
    if top in PURE_MODULES and not module.startswith("numpy.random"):
        return None
    if top not in sys.stdlib_module_names and not module.startswith("numpy.random"):
        return "foreign_import", module
    bad = sorted(name for name in names if not _may_be_taken(module, name))
    if names and not bad:
        return None
    return "impure_import", ", ".join(f"{module}.{name}" if name else module for name in bad[:3]) or module


def _may_be_taken(module: str, name: str) -> bool:
    first, _, rest = name.partition(".")
    inside = f"{module}.{first}"
    if inside in _PURE_OF_IMPURE:
        return _PURE_OF_IMPURE[inside] is None or (bool(rest) and _may_be_taken(inside, rest))
    if module not in _PURE_OF_IMPURE:
        return False
    allowed = _PURE_OF_IMPURE[module]
    return allowed is None or first in allowed
