"""What chapter 15 computes on a known source without training: the memoriser, and the forms on its exact surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from itdl import rng, scaling
from itdl.checks import Array
from itdl.scaling.power_laws import Law
from itdl.sweep import Result
from itdl.zipf_bits import ZipfBits

__all__ = ["determination", "form_errors", "form_table", "forms", "memoriser", "slope", "steps", "surface"]


def slope(x: ArrayLike, y: ArrayLike) -> Array:
    """Least-squares slope of ln y over ln x, along the last axis of y."""
    u = np.log(np.asarray(x, dtype=float))
    u = u - u.mean()
    return np.asarray(np.log(np.asarray(y, dtype=float)) @ u / (u @ u))


def determination(x: ArrayLike, y: ArrayLike) -> Array:
    """Share of the variance of ln y that a straight line over ln x explains, along the last axis of y."""
    u, v = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    u, v = u - u.mean(), v - v.mean(axis=-1, keepdims=True)
    return np.asarray((v @ u) ** 2 / (u @ u) / (v**2).sum(axis=-1))


def steps(x: ArrayLike, y: ArrayLike) -> Array:
    """Slopes of ln y over ln x between neighbours, along the last axis."""
    return np.asarray(
        np.diff(np.log(np.asarray(y, dtype=float)), axis=-1) / np.diff(np.log(np.asarray(x, dtype=float)))
    )


def surface(alpha: float, chance: float, sizes: ArrayLike, tokens: ArrayLike) -> tuple[Array, Array, Array]:
    """N, D and the exact loss of the memoriser with that room and those symbols, flat; the answer's chance is E."""
    n, d = (np.asarray(grid).ravel() for grid in np.meshgrid(sizes, tokens, indexing="ij"))
    return n.astype(float), d.astype(float), chance + ZipfBits(alpha).excess(n, d)


def forms(alpha: float, chance: float, sizes: ArrayLike, tokens: ArrayLike, *, delta: float = 1.0) -> dict[str, Law]:
    """The best law of each form on the exact surface, by least squares of ln L (delta above every residual)."""
    runs = surface(alpha, chance, sizes, tokens)
    return {form: scaling.fit(*runs, form, delta=delta).law for form in ("additive", "kaplan", "free")}


def form_table(laws: dict[float, dict[str, Law]]) -> dict[str, list[Any]]:
    """The fits of `forms` at each alpha as columns, beside the true exponents."""
    rows = [(alpha, form, law) for alpha, fits in laws.items() for form, law in fits.items()]
    names = {"fitted α": "alpha", "fitted β": "beta", "E": "e", "s": "coupling"}
    truth: dict[str, list[Any]] = {
        "α": [r[0] for r in rows],
        "β": [r[0] / (1 + r[0]) for r in rows],
        "form": [r[1] for r in rows],
    }
    return truth | {shown: [getattr(r[2], name) for r in rows] for shown, name in names.items()}


def form_errors(laws: dict[float, dict[str, Law]], form: str) -> Array:
    """Relative errors of a form's alpha and beta, (2, alphas)."""
    fits = [(alpha, found[form]) for alpha, found in laws.items()]
    return np.array([[law.alpha / a - 1 for a, law in fits], [law.beta * (1 + a) / a - 1 for a, law in fits]])


def memoriser(*, seed: int, index: int, alpha: float, times: list[int], runs: int) -> Result:
    """Simulated streams: the mass of keys not yet seen, now and averaged over time, and bits learned, (runs, times)."""
    source, longest = ZipfBits(alpha), max(times)
    draw = rng.stream(seed, "scaling laws", "memoriser", index)
    now, averaged, learned = np.empty((3, runs, len(times)))
    at = np.array(times)
    for run in range(runs):
        keys, _ = source.sample(draw, longest)
        _, first = np.unique(keys, return_index=True)
        gained = np.zeros(longest + 1)
        gained[first + 1] = np.asarray(keys[first], dtype=float) ** -(1 + alpha) / float(source.p(1)[0] ** -1)
        unseen = 1 - np.cumsum(gained)
        now[run], averaged[run] = unseen[at], (np.cumsum(unseen) / np.arange(1, longest + 2))[at]
        learned[run] = np.searchsorted(np.sort(first), at) * np.log(2)
    return {"now": now * np.log(2), "averaged": averaged * np.log(2), "learned": learned}
