"""Reads the Python files of downloaded packages: a folder of wheels, each with the license that its metadata declares.

Nothing is installed, unpacked or imported. Files keep their paths in the wheel, so that imports between them can be followed.
"""

import email
import tokenize
import zipfile
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path, PurePosixPath

from build.core.config import SourceConfig
from build.core.errors import ConfigError
from build.core.licenses import declared
from build.core.records import RawCode, Reject
from build.sources.raw import raw_code

_VENDORED = ("_vendor", "_vendored", "vendor", "vendored", "extern", "externals", "third_party", "thirdparty")


def read_wheels(source: SourceConfig) -> Iterator[RawCode | Reject]:
    """Every Python file of every wheel in a folder, in the order of the wheels' names and the paths in them.

    Raises `ConfigError` where there is no such folder, or no wheel in it.
    """
    folder = Path(source.name)
    wheels = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    if not wheels:
        raise ConfigError(f"source {source.name}: is no folder with wheels (*.whl); `pip download` them first.")
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel) as files:
                yield from _read_wheel(source, files)
        except (zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
            yield Reject("collect", f"{source.name}/{wheel.name}", "unreadable", f"{type(error).__name__}: {error}")


def _read_wheel(source: SourceConfig, files: zipfile.ZipFile) -> Iterator[RawCode | Reject]:
    names = sorted(files.namelist())
    license = _license(files, names)
    for name in names:
        path = PurePosixPath(name)
        if path.suffix != ".py" or ".data/" in name or any(part in _VENDORED for part in path.parts):
            continue
        try:
            data = files.read(name)
            encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
            content = TextIOWrapper(BytesIO(data), encoding).read()
        except Exception as error:  # of the archive, the coding line or the codec that it names
            yield Reject("collect", f"{source.name}/{name}", "unreadable", f"{type(error).__name__}: {error}")
            continue
        yield raw_code(source, name, content, license)


def _license(files: zipfile.ZipFile, names: list[str]) -> str | None:
    """The license that a wheel's metadata declares."""
    about = next((name for name in names if name.endswith(".dist-info/METADATA")), None)
    if about is None:
        return None
    fields = email.message_from_bytes(files.read(about))
    return declared(
        {
            "license": fields.get("License"),
            "license_expression": fields.get("License-Expression"),
            "classifier": fields.get_all("Classifier") or [],
        }
    )
