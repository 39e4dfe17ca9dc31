"""The detectors' state in files beside the stream that it was taken from: written whole or not at all, and checked."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from uuid import UUID

from gateway.core.errors import UnavailableError

log = logging.getLogger(__name__)

_DIGEST = 16


def save(file: Path, stream: UUID, seq: int, state: bytes) -> None:
    """Keep `state`, which covers `stream` up to `seq`; replaces the former one atomically.

    Raises UnavailableError when the disk refuses.
    """
    fresh = file.with_suffix(".new")
    data = stream.bytes + seq.to_bytes(8, "little") + state
    try:
        with fresh.open("wb") as output:
            output.write(_digest(data) + data)
            output.flush()
            os.fsync(output.fileno())
        fresh.replace(file)
    except OSError as exc:
        raise UnavailableError(f"snapshot {file} cannot be written: {exc.strerror}") from exc


def load(file: Path, stream: UUID) -> tuple[int, bytes] | None:
    """(sequence number, state), or None when there is no sound one of this stream."""
    try:
        whole = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        log.error("snapshot cannot be read", extra={"file": str(file), "error": exc.strerror})  # noqa: TRY400
        return None
    data = whole[_DIGEST:]
    if len(data) < 24 or _digest(data) != whole[:_DIGEST]:
        log.error("snapshot is damaged and not used", extra={"file": str(file)})
        return None
    if data[:16] != stream.bytes:
        return None
    return int.from_bytes(data[16:24], "little"), data[24:]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()
