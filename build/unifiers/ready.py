"""Reads a ready function, a row of the official raw schema, with its recorded pairs.

The pairs are not believed before they reproduce in the sandbox.
"""

import ast
import json
from collections.abc import Iterator
from typing import Any

from build.core.records import RawCode, RecordedPair, Reject, UnifiedFunction, digest
from build.sandbox.codec import NotData, encode
from build.unifiers.static.unifier import STAGE


def read_ready(raw: RawCode) -> UnifiedFunction | Reject:
    """A row of the official raw schema as a function; `ios` may be empty and may be JSON text."""
    row: dict[str, Any] = json.loads(raw.content)
    missing = [
        key for key in ("problem_description", "io_requirements", "refcode") if not isinstance(row.get(key), str)
    ]
    if missing:
        return Reject(STAGE, raw.id, "bad_row", f"{raw.path}: no text in {', '.join(missing)}")
    code, entry = row["refcode"], row.get("funcname") or "main_solution"
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Reject(STAGE, raw.id, "unparsable", f"{raw.path}: {type(error).__name__}: {error}")
    if not any(isinstance(node, ast.FunctionDef) and node.name == entry for node in tree.body):
        return Reject(STAGE, raw.id, "no_entry_point", f"{raw.path}: no top-level function {entry}")
    if entry != "main_solution":
        code = f"{code}\n\n\nmain_solution = {entry}\n"
    generator = row.get("input_generator") or None
    texts = [code, row["io_requirements"], row["problem_description"], generator or ""]
    try:
        recorded = tuple(_recorded(row.get("ios")))
        "".join(texts).encode("utf-8")
    except (ValueError, TypeError) as error:  # UnicodeEncodeError is a ValueError
        return Reject(STAGE, raw.id, "bad_row", f"{raw.path}: {error}")
    return UnifiedFunction(
        id=digest(raw.id, code, generator or ""),
        parent=raw.id,
        source=raw.source,
        path=raw.path,
        license=raw.license,
        name=entry,
        unifier="official",
        code=code,
        description=row["io_requirements"],
        query=row["problem_description"],
        generator=generator,
        recorded=recorded,
    )


def _recorded(ios: Any) -> Iterator[RecordedPair]:
    """The recorded pairs; one that is no data keeps its text and the problem, so that it can be counted.

    Raises ValueError where `ios` is no list at all.
    """
    pairs = json.loads(ios) if isinstance(ios, str) else ios
    if not isinstance(pairs, list | None):
        raise ValueError(f"`ios` is no list but {type(pairs).__name__}")
    for pair in pairs or []:
        try:
            if not isinstance(pair["input"], dict):
                raise NotData("not_json", "the input is no object of arguments")
            yield RecordedPair(encode(pair["input"]), encode(pair["output"]))
        except (KeyError, TypeError) as error:
            yield RecordedPair(json.dumps(pair), "", f"bad_row: {error}")
        except NotData as error:
            yield RecordedPair(json.dumps(pair["input"]), json.dumps(pair["output"]), str(error))
