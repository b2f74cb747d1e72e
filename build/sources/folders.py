"""Reads the Python files of a folder, without the code in it that other people wrote.

A project's folder holds more than its authors' code: environments, installed packages, vendored libraries, other
repositories. The recipe's license does not cover those, so each such folder is left out as a whole, as one reject with its
reason. A file in a folder with a license text of its own is kept under a reference to that text, and a file that names its
license in an SPDX line is kept under that one.
"""

import re
import tokenize
from collections.abc import Callable, Container, Iterator
from functools import cache
from pathlib import Path

from build.core.config import SourceConfig
from build.core.errors import ConfigError
from build.core.records import RawCode, Reject
from build.sources.raw import raw_code

_INSTALLED = {"site-packages", "dist-packages", "node_modules", "bower_components", "__pypackages__"}
_INSTALLED_ENDINGS = (".egg", ".egg-info", ".dist-info")
_VENDORED = {"vendor", "vendored", "extern", "externals", "thirdparty", "3rdparty"}
_LICENSE_FILE = re.compile(r"(?i)(licen[sc]e|copying)([._-].*)?")
_TOLD = "are left out; name the folder as a source of its own, with its license, to use them"


def read_folder(source: SourceConfig) -> Iterator[RawCode | Reject]:
    """Every Python file below a folder, in the order of the paths."""
    root = Path(source.name)
    if not root.is_dir():
        raise ConfigError(f"source {source.name}: is not a folder; give an existing folder of Python files.")
    return read_files(source, root, root, None)


def read_files(
    source: SourceConfig, start: Path, root: Path, license: str | None, owned: Container[Path] | None = None
) -> Iterator[RawCode | Reject]:
    """The Python files at or below `start`, with paths relative to `root`; only those in `owned`, where it is given."""
    own_license = _own_license(root)
    waiting = [start]
    while waiting:
        found = waiting.pop()
        path = found.relative_to(root).as_posix()
        try:
            if found.is_dir() and (found == start or not found.is_symlink()):
                inside = sorted(found.iterdir(), reverse=True)
                reason = _others_code(found, {entry.name for entry in inside}) if found != root else ""
                if not reason:
                    waiting += inside
                elif number := sum(owned is None or file in owned for file in found.rglob("*.py")):
                    yield _reject(source, path, reason, f"its {number} Python files {_TOLD}")
            elif found.suffix == ".py" and not found.is_dir() and (owned is None or found in owned):
                yield _read(source, found, path, own_license(found.parent) or license)
        except OSError as error:
            yield _reject(source, path, "unreadable", str(error))


def _read(source: SourceConfig, file: Path, path: str, license: str | None) -> RawCode | Reject:
    if file.exists() and not file.is_file():
        return _reject(source, path, "unreadable", "is not a regular file")
    try:
        with tokenize.open(file) as text:  # reads the byte order mark and the coding line, as Python does
            return raw_code(source, path, text.read(), license)
    except Exception as error:  # of the file system, the coding line or the codec that it names
        return _reject(source, path, "unreadable", f"{type(error).__name__}: {error}")


def _reject(source: SourceConfig, path: str, reason: str, detail: str) -> Reject:
    where = f"{source.name}/{path}".encode("utf-8", "replace").decode("utf-8")
    return Reject("collect", where, reason, detail)


def _others_code(folder: Path, names: set[str]) -> str:
    """Why the code in a folder is not by the authors of the folder around it; "" where nothing says so."""
    name = folder.name.lower()
    if name.startswith("."):
        return "hidden_folder"
    if names & {"pyvenv.cfg", "conda-meta"} or any(
        (folder / each / "activate").exists() for each in ("bin", "Scripts")
    ):
        return "virtual_environment"
    if name in _INSTALLED or name.endswith(_INSTALLED_ENDINGS):
        return "installed_packages"
    if ".git" in names:  # a submodule has a file of this name, a clone a folder
        return "other_repository"
    if name.replace("_", "").replace("-", "") in _VENDORED:
        return "vendored_code"
    if name == "build" and "__init__.py" not in names and any(re.match(r"(lib|bdist)(\.|$)", each) for each in names):
        return "build_output"
    return ""


def _own_license(root: Path) -> Callable[[Path], str | None]:
    """Tells a folder's own license: a reference to the license text that lies nearest to it, below `root`, if one does."""
    covered = {_text(file) for folder in (root, root.parent) for file in _license_files(folder)}

    @cache
    def of(folder: Path) -> str | None:
        if folder == root or root not in folder.parents:
            return None
        for file in _license_files(folder):
            if _text(file) not in covered:
                return "LicenseRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", file.relative_to(root).as_posix())
        return of(folder.parent)

    return of


def _license_files(folder: Path) -> list[Path]:
    try:
        return sorted(
            file
            for file in folder.iterdir()
            if _LICENSE_FILE.fullmatch(file.name) and file.suffix not in (".py", ".pyc") and file.is_file()
        )
    except OSError:
        return []


def _text(file: Path) -> str:
    return " ".join(file.read_text("utf-8", "replace").split())
