"""Many points of one computation: resumable, in parallel, with the same bits however many workers there are.

A unit is an importable function of plain keyword parameters that returns numbers and arrays. Each point runs
with one thread: in this process, in local processes, or on a Dask cluster when `ITDL_SCHEDULER` holds its
address; joblib is the only engine. With a store, finished units are found again by what they were made from:
the function, the modules it reaches, the locked versions and the parameters.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from itdl import project, provenance
from itdl.checks import Array, BadInput
from itdl.store import Store, key

__all__ = ["Result", "grid", "parallel", "run"]

Result = dict[str, float | Array]
Unit = Callable[..., Mapping[str, float | Array]]


def run(
    unit: Unit,
    points: Sequence[Mapping[str, Any]],
    *,
    store: Store | None = None,
    jobs: int | None = None,
    progress: bool | None = None,
) -> list[Result]:
    """The results of `unit(**point)` in the order of `points`, bit for bit the same fresh or from the store.

    `store` defaults to the folder `ITDL_STORE` names (none when unset), `jobs` to `ITDL_JOBS` (1 when unset).
    Progress is shown on a terminal only. A unit that raises stops the sweep with `RuntimeError` naming its
    parameters; what was finished is kept.
    """
    name = _name(unit)
    folder = os.environ.get("ITDL_STORE")
    store = Store(Path(folder)) if store is None and folder else store
    keys = _keys(name, points) if store else [""] * len(points)
    kept = [store.get(k) if store else None for k in keys]
    missing = [i for i, payload in enumerate(kept) if payload is None]
    bar = _Progress(len(points), len(points) - len(missing), progress)
    took = [store.seconds(k) if store and payload is not None else 0.0 for k, payload in zip(keys, kept, strict=True)]
    for i, payload, seconds in parallel(_compute, [(i, unit, dict(points[i])) for i in missing], jobs=_jobs(jobs)):
        if store:
            store.put(keys[i], payload, seconds)
        kept[i], took[i] = payload, seconds
        bar.step()
    _note(len(points), len(missing), sum(took))
    return [_decode(payload) for payload in kept if payload is not None]


def grid(unit: Unit, axes: Mapping[str, Sequence[Any]], **fixed: Any) -> dict[str, Array]:
    """`unit` at every combination of `axes`, each result stacked: shape (len of each axis ..., shape of one result).

    `grid(study.curves, {"sigma_w": [1.5, 0.5], "index": range(5)}, n=170)["loss"]` has shape (2, 5, times).
    """
    points = [dict(zip(axes, values, strict=True), **fixed) for values in product(*axes.values())]
    results = run(unit, points)
    shape = tuple(len(values) for values in axes.values())
    return {
        name: np.stack([np.asarray(r[name]) for r in results]).reshape(*shape, *np.shape(results[0][name]))
        for name in results[0]
    }


def parallel(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], *, jobs: int, local: str = "loky"
) -> Iterator[Any]:
    """The values of `function(*a)` for each `a` in `arguments`, as they finish; here when `jobs` is 1.

    `local` is joblib's backend on this machine, used unless `ITDL_SCHEDULER` names a Dask scheduler.
    """
    address = os.environ.get("ITDL_SCHEDULER")
    if jobs == 1 and not address:
        yield from (function(*a) for a in arguments)
        return
    with _backend(address, jobs, local):
        tasks = [joblib.delayed(function)(*a) for a in arguments]
        yield from joblib.Parallel(return_as="generator_unordered")(tasks)


@contextmanager
def _backend(address: str | None, jobs: int, local: str) -> Iterator[None]:
    if not address:
        threads = {"inner_max_num_threads": 1} if local == "loky" else {}
        with warnings.catch_warnings(), joblib.parallel_config(backend=local, n_jobs=jobs, **threads):
            # A worker that has grown (an import, say) is replaced between two units. None is lost: nothing to warn of.
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
            yield
        return
    if importlib.util.find_spec("distributed") is None:
        raise BadInput(f"ITDL_SCHEDULER is {address} but `distributed` is not installed; pip install distributed")
    from distributed import Client

    with Client(address), joblib.parallel_config(backend="dask", n_jobs=-1):
        yield


def _compute(i: int, unit: Unit, point: dict[str, Any]) -> tuple[int, bytes, float]:
    start = time.thread_time()
    try:
        with threadpool_limits(limits=1):
            return i, _encode(unit(**point)), time.thread_time() - start
    except Exception as error:
        raise RuntimeError(f"{_name(unit)} failed at {point}: {type(error).__name__}: {error}") from error


def _note(units: int, computed: int, seconds: float) -> None:
    """A line for whoever asked, by `ITDL_COSTS`, what the units cost, be it now or when they were first computed."""
    if path := os.environ.get("ITDL_COSTS"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{units} {computed} {seconds}\n")


def _encode(result: Mapping[str, float | Array]) -> bytes:
    """As npz without pickle: the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in result.items()})
    return buffer.getvalue()


def _decode(payload: bytes) -> Result:
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return {name: value if value.ndim else value.item() for name, value in arrays.items()}


def _keys(name: str, points: Sequence[Mapping[str, Any]]) -> list[str]:
    module = name.partition(":")[0]
    made_from = {
        "unit": name,
        "modules": provenance.reach([module]),
        "constraints": provenance.locked(project.find()),
    }
    return [key({**made_from, "parameters": dict(point)}) for point in points]


def _name(unit: Unit) -> str:
    name = f"{unit.__module__}:{unit.__qualname__}"
    if unit.__module__ == "__main__" or "<" in unit.__qualname__:
        raise BadInput(f"unit {name} cannot be imported by a worker; move it to a module, as a plain function")
    return name


def _jobs(jobs: int | None) -> int:
    given = os.environ.get("ITDL_JOBS", "1") if jobs is None else str(jobs)
    if not given.isdecimal() or int(given) == 0:
        raise BadInput(f"jobs is {given!r}; it must be a whole number above zero (argument `jobs` or ITDL_JOBS)")
    return int(given)


class _Progress:
    """`unit 3 of 12, 40 s left`, rewritten in place on a terminal; silent elsewhere."""

    def __init__(self, total: int, done: int, wanted: bool | None) -> None:
        quiet = "CI" in os.environ or not sys.stderr.isatty()
        self.total, self.done, self.fresh = total, done, 0
        self.shown = not quiet if wanted is None else wanted
        self.start = time.monotonic()

    def step(self) -> None:
        self.done, self.fresh = self.done + 1, self.fresh + 1
        if self.shown:
            left = (time.monotonic() - self.start) / self.fresh * (self.total - self.done)
            end = "\n" if self.done == self.total else "\r"
            print(f"unit {self.done} of {self.total}, {left:.0f} s left", file=sys.stderr, end=end, flush=True)
