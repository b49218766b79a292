"""Experiments of chapter 07 on where the two bottlenecks bifurcate: on the toy, on random joints, near hard labels.

Source: piran2020dual, abstract (i) and section 1; the stability criterion as we derive it.
"""

from __future__ import annotations

import numpy as np

from itdl import bottleneck, rng
from itdl.bottleneck import bifurcations
from itdl.checks import Array
from itdl.studies.dual_bottleneck import NAME, SOLVERS, problem, toy
from itdl.sweep import Result

__all__ = ["critical", "label_noise", "onset", "peaks", "toy_onset", "toy_transitions"]


def critical(*, seed: int, index: int, alpha: float, n: int) -> Result:
    """First critical betas of `n` random joints of random shape (2 to 9 x, 2 to 6 y).   -> ib (n,), dual (n,)."""
    shapes = rng.stream(seed, NAME, "shapes", index, f"{alpha:g}").integers([2, 2], [10, 7], size=(n, 2))
    found = [
        bottleneck.critical_betas(problem(seed, index * n + i, n_x=int(n_x), n_y=int(n_y), alpha=alpha, floor=1e-9))
        for i, (n_x, n_y) in enumerate(shapes)
    ]
    return {"ib": np.array([c.ib for c in found]), "dual": np.array([c.dual for c in found])}


def label_noise(*, eps: float) -> Result:
    """Five x with the labels 0, 0, 0, 1, 1, mixed with a share `eps` of uniform: critical betas and curves at 1.2."""
    hard = np.eye(2)[[0, 0, 0, 1, 1]] / 5
    pxy = bottleneck.smooth(hard, 2 * eps)  # p(wrong label) = eps
    first = bottleneck.critical_betas(pxy)
    ib, dual = (solve(pxy, [1.2]) for solve in SOLVERS.values())
    return {"ib": first.ib, "dual": first.dual, "ib_i_xt": ib.i_xt[0], "dual_i_xt": dual.i_xt[0]}


def onset(*, seed: int, index: int, n_x: int, n_y: int, alpha: float) -> Result:
    """Where the best solution of a random joint ceases to be trivial, as a share of 1/lambda_2, down to 0.5."""
    pxy = problem(seed, index, n_x=n_x, n_y=n_y, alpha=alpha)
    return {kind: _first(pxy, kind, np.linspace(0.5, 1.02, 53)) for kind in SOLVERS}


def toy_onset() -> Result:
    """The same for the toy, finely: per kind, and `crossed`, the onset of the dual as a share of IB's 1/lambda_2."""
    ratios, first = np.linspace(0.97, 1.01, 161), bottleneck.critical_betas(toy())
    found: Result = {kind: _first(toy(), kind, ratios) for kind in SOLVERS}
    return found | {"crossed": found["dual"] * first.dual / first.ib, "beta_ib": first.ib, "beta_dual": first.dual}


def _first(pxy: Array, kind: str, ratios: Array) -> float:
    """The least ratio at which I(X;T) of the best solution found exceeds 1e-5 nats; the largest where none does."""
    beta = getattr(bottleneck.critical_betas(pxy), kind)
    known = SOLVERS[kind](pxy, beta * ratios).i_xt > 1e-5
    return float(ratios[known.argmax()] if known.any() else ratios[-1])


def toy_transitions(*, low: float, high: float, step: float = 5e-4) -> Result:
    """The bifurcations of the toy over log2 beta, to within `step`, and what happens there; per kind, each (4,).

    `log2_beta`: where a cluster appears. `eigenvalue`: the largest beta lambda over the living clusters just below.
    `mass`, `distance`: of the cluster that appears, its p(t) just above, and how far its decoder lies from the nearest.
    `vanished`: 1 where, towards the bifurcation, the mass goes to zero before the distance does.
    """
    result: Result = {}
    coarse = np.linspace(low, high, 201)
    for kind, solve in SOLVERS.items():
        dual, rows = kind == "dual", []
        clusters = np.maximum.accumulate(solve(toy(), 2.0**coarse).clusters)
        for i in map(int, np.flatnonzero(np.diff(clusters))):
            curve = solve(toy(), 2.0 ** np.arange(coarse[max(i - 1, 0)], coarse[min(i + 3, 200)], step))
            lost = [t for t in bifurcations.transitions(toy(), curve, dual=dual) if t.after == clusters[i]][-1]
            below = np.nanmax(bifurcations.stability(toy(), curve, dual=dual)[curve.betas == lost.below])
            place = np.log2(lost.below * lost.above) / 2
            rows.append([place, below, lost.weight, lost.distance, float(lost.kind == "vanished")])
        names = ("log2_beta", "eigenvalue", "mass", "distance", "vanished")
        result |= {f"{kind}_{name}": values for name, values in zip(names, np.array(rows).T, strict=True)}
    return result


def peaks(betas: Array, iterations: Array, places: Array, *, width: float = 0.05) -> Array:
    """The most iterations within `width` in log2 beta of each of `places` (P,), over the median of all.   -> (P,)."""
    near = np.abs(np.log2(betas) - np.asarray(places)[:, None]) < width
    return np.asarray(np.where(near, iterations, 0).max(axis=1) / np.median(iterations))
