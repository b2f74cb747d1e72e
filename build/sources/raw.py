"""Makes the record of a file or a row that a source found."""

import re
from typing import Literal

from build.core.config import SourceConfig
from build.core.licenses import of_header, spdx
from build.core.records import RawCode, digest

_HEADER_LINES = 30
_IDENTIFIER = re.compile(r"^[ \t]*#.*?SPDX-License-Identifier:[ \t]*([^\n]+)", re.MULTILINE)


def raw_code(
    source: SourceConfig,
    path: str,
    content: str,
    license: str | None = None,
    kind: Literal["python", "unified"] = "python",
) -> RawCode:
    """A record of a source. Its license is the one that the file itself names, in an SPDX line or in words, else `license`,
    which says where the file or row comes from, else the recipe's.
    """
    path = path.encode("utf-8", "replace").decode("utf-8")
    content = content.removeprefix("\ufeff")
    header = "\n".join(content.split("\n", _HEADER_LINES)[:_HEADER_LINES]) if kind == "python" else ""
    own = _IDENTIFIER.search(header)
    stated = own[1] if own else of_header(header) or license or source.license
    return RawCode(digest(source.name, path, content), source.name, path, spdx(stated), content, kind)
