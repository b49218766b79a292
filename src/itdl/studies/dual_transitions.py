"""Experiments of chapter 07 on where the two bottlenecks bifurcate: on the toy, on random joints, near hard labels.

Source: piran2020dual, abstract (i) and section 1; the stability criterion as we derive it.
"""

from __future__ import annotations

import numpy as np

from itdl import bottleneck, rng
from itdl.bottleneck import Curve
from itdl.checks import Array
from itdl.studies.dual_bottleneck import NAME, SOLVERS, posterior, problem, toy
from itdl.sweep import Result

__all__ = ["critical", "label_noise", "onset", "toy_onset", "toy_transitions"]


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
    `mass`: the smallest p(t) just above; `distance`: how far the decoder of that cluster lies from its nearest.
    """
    result: Result = {}
    for kind, solve in SOLVERS.items():
        coarse = np.linspace(low, high, 201)
        clusters = np.maximum.accumulate(solve(toy(), 2.0**coarse).clusters)
        rows = []
        for i in map(int, np.flatnonzero(np.diff(clusters))):
            fine = np.arange(coarse[max(i - 1, 0)], coarse[min(i + 3, 200)], step)
            curve = solve(toy(), 2.0**fine)
            last = int(np.flatnonzero(curve.clusters <= clusters[i])[-1])
            rows.append([fine[last : last + 2].mean(), _leading(curve, last, kind), *_smallest(curve, last + 1)])
        names = ("log2_beta", "eigenvalue", "mass", "distance")
        result |= {f"{kind}_{name}": values for name, values in zip(names, np.array(rows).T, strict=True)}
    return result


def _leading(curve: Curve, i: int, kind: str) -> float:
    """Largest beta lambda over the clusters with p(t) > 1e-6 at the i-th point of a curve of the toy.

    lambda is the largest eigenvalue of the linearised map at the cluster: of p(x|t)-weighted p(y|x)/p(y|t) without the
    trivial one for IB, of the centred log p(y|x) under p(x|t) and p(y|t) for the dual.
    """
    px = toy().sum(axis=1)
    pyx = toy() / px[:, None]
    found: list[float] = []
    weights, back = posterior(px, curve.encoder[i])
    for p_x, q in zip(back[weights > 1e-6], curve.decoder[i][weights > 1e-6], strict=True):
        logs = np.log(pyx) - (np.log(pyx) @ q)[:, None]
        map_ = pyx / q - 1 if kind == "ib" else logs - p_x @ logs
        found.append(float(np.linalg.norm(np.sqrt(p_x)[:, None] * map_ * np.sqrt(q), 2)) ** 2)
    return float(curve.betas[i] * max(found))


def _smallest(curve: Curve, i: int) -> tuple[float, float]:
    """Mass of the lightest cluster with p(t) > 1e-6, and the distance of its decoder from the nearest other one."""
    living = np.flatnonzero(curve.weights[i] > 1e-6)
    t = living[curve.weights[i][living].argmin()]
    gaps = np.abs(curve.decoder[i][living] - curve.decoder[i][t]).max(axis=1)
    return float(curve.weights[i][t]), float(np.sort(gaps)[1])
