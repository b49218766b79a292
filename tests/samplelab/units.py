import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from itdl import rng
from samplelab.helper import half


def spectrum(seed: int, n: int) -> dict[str, Any]:
    """Numbers whose last bits would depend on the number of threads."""
    a = rng.stream(seed, "spectrum", n).standard_normal((n, n))
    eigenvalues = np.linalg.eigvalsh(a @ a.T)
    return {"eigenvalues": eigenvalues, "half": half(float(eigenvalues.sum()))}


def counted(folder: str, i: int) -> dict[str, float]:
    """Leaves a trace of each computation; `i` below zero fails."""
    if i < 0:
        raise ArithmeticError("below zero")
    with (Path(folder) / "trace").open("a") as trace:
        trace.write(f"{i}\n")
    return {"square": float(i * i)}


def threads(i: int) -> dict[str, float]:
    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return {"most": float(max(pools)), "pid": float(os.getpid())}


def text(i: int) -> dict[str, Any]:
    return {"word": np.array(["a", None], dtype=object)}


HOARD: list[np.ndarray] = []


def grown(i: int) -> dict[str, float]:
    """All but the first leave their process half a gigabyte larger."""
    if i:
        HOARD.append(np.ones(60_000_000))
        time.sleep(1.2)  # workers look at their memory once a second
    return {"pid": float(os.getpid()), "i": float(i)}


def plain(i: int) -> Any:
    return 3.0
