"""Names licenses: any usual spelling as an SPDX expression, and SPDX expressions as the license ids of the Hub.

Where a spelling says too little ("BSD" is one of several licenses), the text stays as it is: no license is guessed. Which
classifiers of Python packages name one license follows PEP 639.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

UNKNOWN = "unknown"

_SPELLINGS = {  # in lower case, without "the", "license", "licence" and punctuation
    "apache 2": "Apache-2.0",
    "apache 2 0": "Apache-2.0",
    "apache software 2 0": "Apache-2.0",
    "apache version 2 0": "Apache-2.0",
    "asl 2 0": "Apache-2.0",
    "2 clause bsd": "BSD-2-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "revised bsd": "BSD-3-Clause",
    "cc0": "CC0-1.0",
    "cc0 1 0 universal cc0 1 0 public domain dedication": "CC0-1.0",
    "gpl v2": "GPL-2.0-only",
    "gpl v3": "GPL-3.0-only",
    "gplv2": "GPL-2.0-only",
    "gplv3": "GPL-3.0-only",
    "gnu general public v2 gplv2": "GPL-2.0-only",
    "gnu general public v2 or later gplv2": "GPL-2.0-or-later",
    "gnu general public v3 gplv3": "GPL-3.0-only",
    "gnu general public v3 or later gplv3": "GPL-3.0-or-later",
    "gnu affero general public v3": "AGPL-3.0-only",
    "gnu affero general public v3 or later agplv3": "AGPL-3.0-or-later",
    "gnu lesser general public v3 lgplv3": "LGPL-3.0-only",
    "gnu lesser general public v3 or later lgplv3": "LGPL-3.0-or-later",
    "isc": "ISC",
    "isc iscl": "ISC",
    "mit": "MIT",
    "mit mit": "MIT",
    "expat": "MIT",
    "mit no attribution mit 0": "MIT-0",
    "mpl 2 0": "MPL-2.0",
    "mozilla public 2 0": "MPL-2.0",
    "mozilla public 2 0 mpl 2 0": "MPL-2.0",
    "odc by": "ODC-By-1.0",
    "psf": "PSF-2.0",
    "psfl": "PSF-2.0",
    "python software foundation": "PSF-2.0",
    "unlicense": "Unlicense",
    "unlicense unlicense": "Unlicense",
    "zlib": "Zlib",
    "zlib libpng": "Zlib",
}
_HUB_LIST = """
afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 cc-by-2.0 cc-
by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-
sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 gpl-2.0 gpl-3.0 isc
lgpl-2.1 lgpl-3.0 lppl-1.3c mit mpl-2.0 ms-pl ncsa ofl-1.1 osl-3.0 postgresql unlicense wtfpl zlib
"""
_HUB_IDS = frozenset(_HUB_LIST.split())
_FAMILIES = {  # the Hub's ids of whole families, by SPDX id or by a spelling that does not say which member it is
    "bsd": "bsd",
    "gnu general public gpl": "gpl",
    "gnu lesser general public lgpl": "lgpl",
    "gpl": "gpl",
    "lgpl": "lgpl",
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
}


def spdx(stated: str) -> str:
    """A license as it was stated, as an SPDX expression where it can be told which one it is, else its first line as it is.

    "unknown" for an empty text.
    """
    text = " ".join(stated.strip().partition("\n")[0].split())
    return _recognized(text) or text or UNKNOWN


def _recognized(text: str) -> str | None:
    if text.lower() == UNKNOWN:
        return UNKNOWN
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return _SPELLINGS.get(_words(text))


def _words(text: str) -> str:
    return " ".join(re.sub(r"\b(the|licen[sc]e)\b|[^a-z0-9]+", " ", text.lower()).split())


def declared(about: Mapping[str, Any]) -> str | None:
    """The license in the metadata of an installed distribution: its SPDX expression, else `License`, else its classifiers;
    of these, the first that names one license, else the first that is there at all.

    Some put the whole text of their license into `License`, which names nothing.
    """
    classifiers = [item.rpartition(" :: ")[2] for item in about.get("classifier", ()) if item.startswith("License :: ")]
    classifiers = [name for name in classifiers if name != "OSI Approved"]  # which says nothing
    texts = [str(about.get(key) or "").strip() for key in ("license_expression", "license")]
    short = [text for text in texts if text and "\n" not in text and len(text) <= 80 and text.lower() != UNKNOWN]
    if classifiers and all(map(_recognized, classifiers)):
        short.append(all_of(classifiers))
    named = next((license for text in short if (license := _recognized(text))), None)
    return named or next(iter(short), None) or (all_of(classifiers) if classifiers else None)


def all_of(stated: Iterable[str]) -> str:
    """Several licenses that all apply, as one expression."""
    parts = [f"({part})" if " OR " in part else part for part in dict.fromkeys(map(spdx, stated))]
    return " AND ".join(parts) or UNKNOWN


def hub_ids(licenses: Iterable[str]) -> list[str]:
    """The Hub's ids of the licenses that some rows have, sorted; `other` for each that the Hub has no id for."""
    found: set[str] = set()
    for expression in licenses:
        if expression == UNKNOWN:
            found.add(UNKNOWN)
            continue
        try:
            plain = str(canonicalize_license_expression(expression)).lower()
        except InvalidLicenseExpression:
            plain = _FAMILIES.get(_words(expression), "other")
        for part in re.split(r" and | or ", plain.replace("(", "").replace(")", "")):
            name = re.sub(r"-(only|or-later)$", "", part.removesuffix("+"))
            found.add(name if name in _HUB_IDS else _FAMILIES.get(name, "other"))
    return sorted(found) or ["other"]


_PERMISSIVE_IDS = """
0BSD AFL-3.0 Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-2-Clause-Views
BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC-BY-3.0 CC-BY-4.0 CC0-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CNRI-Python
ECL-2.0 HPND ISC MIT MIT-0 MIT-CMU MS-PL NCSA ODC-By-1.0 PDDL-1.0 PostgreSQL PSF-2.0 Python-2.0 Unicode-3.0 Unlicense UPL-1.0
WTFPL X11 Zlib ZPL-2.1
"""
PERMISSIVE = frozenset(_PERMISSIVE_IDS.split())
_HEADERS = (  # what a file's first lines say, in the words of the licenses themselves; the stricter ones first
    (r"GNU Affero General Public License", "AGPL"),  # of which version, is not guessed
    (r"GNU (Lesser|Library) General Public License", "LGPL"),
    (r"GNU General Public License", "GPL"),
    (r"Mozilla Public License,? (v\. ?|version )2\.0", "MPL-2.0"),
    (r"Apache License,? Version 2\.0", "Apache-2.0"),
    (r"Neither the names? of .{0,200} may be used to endorse or promote", "BSD-3-Clause"),
    (r"Redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"Permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"),
    (r"(under the|is) MIT license", "MIT"),
)


def of_header(header: str) -> str | None:
    """The license that the first lines of a file name in words, where they name one."""
    text = " ".join(re.sub(r"(?m)^[ \t]*#+", " ", header).split())
    return next((name for words, name in _HEADERS if re.search(words, text, re.IGNORECASE)), None)


def allowed(expression: str, allow: Iterable[str]) -> bool:
    """Whether an allow-list lets code of a license in: all parts of an AND, one part of an OR.

    An entry is an SPDX id, `permissive` (those in `PERMISSIVE`), `unknown` (no license is stated), or `any`.
    """
    entries = {entry.lower() for entry in allow}
    if "any" in entries or expression == UNKNOWN:
        return bool({"any", UNKNOWN} & entries)
    if "permissive" in entries:
        entries |= {name.lower() for name in PERMISSIVE} | {"bsd"}
    if expression.lower() in entries:
        return True
    try:
        plain = str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression:
        return _FAMILIES.get(_words(expression), "") in entries
    parts = re.findall(r"\(|\)|[^\s()]+", plain)
    return _either(parts, entries)


def _either(parts: list[str], entries: set[str]) -> bool:
    """The value of a license expression; takes what it reads off the front."""
    found = _both(parts, entries)
    while parts and parts[0] == "OR":
        parts.pop(0)
        found = _both(parts, entries) or found
    return found


def _both(parts: list[str], entries: set[str]) -> bool:
    found = _single(parts, entries)
    while parts and parts[0] == "AND":
        parts.pop(0)
        found = _single(parts, entries) and found
    return found


def _single(parts: list[str], entries: set[str]) -> bool:
    if parts[0] == "(":
        parts.pop(0)
        found = _either(parts, entries)
        parts.pop(0)
        return found
    name = parts.pop(0).removesuffix("+").lower()
    if parts and parts[0] == "WITH":
        del parts[:2]  # an exception only permits more
    return name in entries or f"{name}-only" in entries or re.sub(r"-(only|or-later)$", "", name) in entries
