"""Writes ATTRIBUTION.md beside the data: whose code it was made from, under which license, with the notices of copyright.

Permissive licenses ask for it: the notice travels with copies of the code.
"""

import re
from collections import defaultdict

from build.core.records import RawCode, SampledFunction
from build.core.store import Store

_NOTICE = re.compile(r"(?im)^[ \t#*]*(copyright\b[^\n]{0,200}|\(c\) ?\d{4}[^\n]{0,200}|©[^\n]{0,200})")
_NOTICE_LINES = 60


def attribution(store: Store) -> str:
    """A section for each source and license with the files that have a function in the data, and their notices."""
    sections: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
    for shard in range(store.shards() or 0):
        used = {sampled.function.parent for sampled in store.kept(SampledFunction, shard)}
        for raw in store.kept(RawCode, shard):
            if raw.id in used:
                sections[raw.source, raw.license][raw.path] = _notices(raw)
    parts = ["# Attribution", "The functions in this dataset come from these files. Each keeps its license."]
    for (source, license), files in sorted(sections.items()):
        parts.append(f"## {source}: {license}")
        parts.append(
            "\n".join(f"- {path}" + "".join(f"\n  - {each}" for each in files[path]) for path in sorted(files))
        )
    return "\n\n".join(parts) + "\n"


def _notices(raw: RawCode) -> list[str]:
    if raw.kind != "python":
        return []
    head = "\n".join(raw.content.split("\n", _NOTICE_LINES)[:_NOTICE_LINES])
    return list(dict.fromkeys(" ".join(match.group(1).split()) for match in _NOTICE.finditer(head)))
