"""Sends and receives frames on pipes: one byte of kind, four bytes of length (big endian), the payload."""

import json
import os
import struct
from collections.abc import Mapping
from typing import Any

_HEAD = struct.Struct(">cI")


def send(fd: int, kind: bytes, payload: bytes) -> None:
    """Write one frame. Raises OSError (BrokenPipeError) when the reader is gone."""
    write_all(fd, _HEAD.pack(kind, len(payload)) + payload)


def receive(fd: int) -> tuple[bytes, bytes] | None:
    """The next frame as (kind, payload), or None at the end of the stream."""
    head = _read_exactly(fd, _HEAD.size)
    if head is None:
        return None
    kind, length = _HEAD.unpack(head)
    payload = _read_exactly(fd, length)
    return None if payload is None else (kind, payload)


def pack(fields: Mapping[str, Any]) -> bytes:
    """A payload of JSON."""
    return json.dumps(fields, ensure_ascii=True).encode("ascii")


def unpack(payload: bytes) -> Any:
    return json.loads(payload)


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _read_exactly(fd: int, length: int) -> bytes | None:
    parts = []
    while length:
        part = os.read(fd, min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
