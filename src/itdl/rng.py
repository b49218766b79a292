"""Named random streams: every draw comes from one root seed and the name of what is drawn.

A stream is fixed by (seed, names) alone, so reordering, adding or parallelising units of work changes no other
unit's numbers. Nothing here touches a global generator.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from itdl.checks import BadInput

if TYPE_CHECKING:
    import torch

__all__ = ["stream", "torch_stream"]


def _sequence(seed: int, names: tuple[str | int, ...]) -> np.random.SeedSequence:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise BadInput(f"seed is {seed!r}; it must be a whole number, zero or above")
    # numpy's whole numbers name what Python's do: a loop over np.arange draws what a loop over range draws.
    kinds = ("int" if isinstance(n, np.integer) else type(n).__name__ for n in names)
    label = "\x1f".join(f"{kind}:{n}" for kind, n in zip(kinds, names, strict=True)).encode()
    words = np.frombuffer(hashlib.sha256(label).digest(), dtype="<u4")
    return np.random.SeedSequence(entropy=int(seed), spawn_key=tuple(int(w) for w in words))


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The numpy generator of (seed, names): `stream(7, "infinite ensembles", "teacher", 3)`."""
    return np.random.default_rng(_sequence(seed, names))


def torch_stream(seed: int, *names: str | int) -> torch.Generator:
    """The torch (CPU) generator of (seed, names)."""
    import torch

    return torch.Generator().manual_seed(int(_sequence(seed, names).generate_state(1, np.uint64)[0] >> 1))
