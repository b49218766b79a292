"""Results kept by content: interrupted anywhere, nothing is half-written and nothing finished is lost.

A key is the digest of everything a result depends on, so a result is found again exactly when it is still
valid. A file is written beside its place, flushed to the disk and renamed; its first line is the SHA-256 of
the rest, so a damaged file is noticed when it is read, set aside and never used. The second line is the seconds
that the payload after it took. Writers of the same key write the same payload, so they may race.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from itdl.checks import BadInput
from itdl.provenance import digest

__all__ = ["Store", "key", "part_prefix", "remove_leftovers", "write"]

log = logging.getLogger(__name__)


def key(parts: Mapping[str, Any]) -> str:
    """SHA-256 of `parts` as JSON with sorted keys; what JSON cannot hold, NaN included, raises `BadInput`."""
    try:
        text = json.dumps(parts, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise BadInput(f"{parts} cannot name a result ({error}); use finite numbers, text, lists and dicts") from None
    return digest(text.encode())


def part_prefix() -> str:
    """The start of this process's unfinished names, which tells leftovers from a live writer's parts."""
    return f".part-{socket.gethostname()}-{os.getpid()}-"


def remove_leftovers(folder: Path) -> None:
    """Delete unfinished files and folders whose writer, a process of this machine, is no longer alive."""
    start = f".part-{socket.gethostname()}-"
    for path in folder.glob(f"{start}*"):
        pid = path.name.removeprefix(start).partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path` whole or not at all: the old file stays until the new one is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=part_prefix(), dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # mkstemp makes it private
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Store:
    """A folder of results, each under its key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        remove_leftovers(root)

    def put(self, name: str, payload: bytes, seconds: float = 0.0) -> None:
        """Keep `payload`, which took so many seconds, under the key `name`."""
        rest = f"{seconds:.3f}\n".encode() + payload
        write(self.root / name, f"{digest(rest)}\n".encode() + rest)

    def seconds(self, name: str) -> float:
        """What the result under the key `name`, which `get` has found whole, took when it was computed."""
        with (self.root / name).open("rb") as file:
            file.readline()
            return float(file.readline())

    def get(self, name: str) -> bytes | None:
        """The payload under the key `name`; None when there is none or it was damaged on the disk."""
        path = self.root / name
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        head, _, rest = stored.partition(b"\n")
        if head == digest(rest).encode():
            return rest.partition(b"\n")[2]
        aside = path.with_name(f"{name}.{digest(stored)[:8]}.bad")
        log.warning("stored result %s is damaged; moved to %s and not used", path, aside.name)
        with suppress(FileNotFoundError):  # another reader was quicker
            os.replace(path, aside)
        return None
