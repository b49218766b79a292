"""Where bottleneck solutions appear, split and vanish as beta changes.

Two conditions are local. A cluster t can split where beta lambda(t) > 1, lambda(t) the largest non-trivial eigenvalue
of the iteration linearised at t. A cluster without mass and with decoder r lowers the functional exactly where

    sum_x p(x) exp(-beta d(x, r)) / Z(x) > 1,    Z(x) = sum_t p(t) exp(-beta d(x, t)),

the Karush-Kuhn-Tucker condition of the rate. Nothing at all is worth keeping below beta = 1/eta, with eta the
contraction coefficient of the channel, eta = sup_q D[q(y) || p(y)] / D[q(x) || p(x)] >= lambda_2.

As we derive them, from the self-consistent equations of tishby1999information and piran2020dual; eta and its link to
the bottleneck: ngampruetikorn2021perturbation (abstract).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp, rel_entr

from itdl.bottleneck.clustering import Clustering
from itdl.bottleneck.solvers import Curve, channel, critical_betas
from itdl.checks import Array, BadInput, positive, simplex
from itdl.rng import stream

__all__ = [
    "Contraction",
    "Transition",
    "contraction",
    "random_joint",
    "stability",
    "transitions",
    "worthwhile",
]

ALIVE = 1e-6  # clusters of less mass are numerical remains: their eigenvalues mean nothing


def random_joint(rng: np.random.Generator, n_x: int, n_y: int, alpha: float, floor: float = 0.0) -> Array:
    """p(x) from Dirichlet(3), p(y|x) from Dirichlet(alpha), mixed as (p + floor)/(1 + floor |Y|).   -> (X, Y)."""
    positive("alpha", alpha)
    positive("floor", floor, zero=True)
    px, pyx = rng.dirichlet(np.full(n_x, 3.0)), rng.dirichlet(np.full(n_y, alpha), size=n_x)
    return np.asarray(px[:, None] * (pyx + floor) / (1 + floor * n_y))


@dataclass(frozen=True)
class Contraction:
    """`value` eta, in [lambda_2, 1]; the q(x) (X,) that attains it, p(x) itself where the supremum is at q -> p.

    Certificates: `residual`, D[next q || q] of the last step; `agreeing`, the share of starts that came within a
    factor 1e-4 of it.
    """

    value: float
    q: Array
    residual: float
    agreeing: float


def contraction(
    pxy: ArrayLike, *, starts: int = 64, seed: int = 0, tol: float = 1e-13, max_iter: int = 5000
) -> Contraction:
    """eta = sup_q D[q(y) || p(y)] / D[q(x) || p(x)] by ascent from every vertex and `starts` random q.   pxy (X, Y).

    q <- p(x) exp(1/eta sum_y p(y|x) log q(y)/p(y)), normalised, with eta the present ratio: the numerator is convex in
    q, so that its tangent is a lower bound and no step lowers the ratio. Near p the ratio tends to lambda_2 at most,
    which is known exactly and need not be searched.
    """
    px, pyx = channel(pxy)
    near = 1 / critical_betas(pxy).ib
    if near == 0:
        return Contraction(0.0, px, 0.0, 1.0)  # independent: nothing is left of any divergence
    rng = stream(seed, "contraction")
    vertices = 0.99 * np.eye(len(px)) + 0.01 * px
    sharp = rng.dirichlet(np.full(len(px), 0.3), size=starts // 2)
    log_q = np.log(
        np.vstack([vertices, 0.99 * sharp + 0.01 * px, rng.dirichlet(np.ones(len(px)), starts - len(sharp))])
    )
    best, residual = np.full(len(log_q), near), np.full(len(log_q), np.inf)
    on = np.arange(len(log_q))
    for _ in range(max_iter):
        q = np.exp(log_q[on])
        distance = rel_entr(q, px).sum(axis=1)
        # Nearer to p the ratio is 0/0 in floating point, and known: lambda_2 at most.
        close = distance < 1e-8
        best[on[close]], residual[on[close]] = near, 0
        on, q, distance = on[~close], q[~close], distance[~close]
        log_ratio = np.log(np.maximum(q @ pyx, 1e-300)) - np.log(np.maximum(px @ pyx, 1e-300))
        best[on] = ((q @ pyx) * log_ratio).sum(axis=1) / distance
        step = np.log(px) + log_ratio @ pyx.T / best[on, None]
        log_q[on] = step - logsumexp(step, axis=1, keepdims=True)
        residual[on] = rel_entr(np.exp(log_q[on]), q).sum(axis=1)
        on = on[residual[on] > tol]
        if not len(on):
            break
    winner = int(np.argmax(best))
    value = max(near, float(best[winner]))
    agreeing = float((best > value * (1 - 1e-4)).mean())
    if best[winner] <= near:
        return Contraction(value, px, 0.0, agreeing)
    return Contraction(value, np.asarray(np.exp(log_q[winner])), float(residual[winner]), agreeing)


def stability(pxy: ArrayLike, curve: Curve, *, dual: bool = False) -> Array:
    """beta lambda(t) of every cluster: one that splits passes 1.   -> (B, T), NaN where p(t) <= 1e-6.

    IB: the second of the squared singular values of sqrt(p(x|t)) p(y|x) / sqrt(p(y|t)). Dual: the first of those of
    sqrt(p(x|t)) L(x, y) sqrt(p(y|t)), L = log p(y|x) centred over y under p(y|t), then over x under p(x|t).
    """
    px, pyx = _fitting(pxy, curve)
    found = np.full(curve.weights.shape, np.nan)
    for b, beta in enumerate(curve.betas):
        alive = curve.weights[b] > ALIVE
        posterior = (curve.encoder[b, :, alive] * px) / curve.weights[b, alive, None]
        decoder = curve.decoder[b, alive, None, :]
        if dual:
            features = np.log(pyx) - (decoder * np.log(pyx)).sum(axis=2, keepdims=True)
            features = (features - (posterior[:, :, None] * features).sum(axis=1, keepdims=True)) * np.sqrt(decoder)
        else:
            features = pyx / np.sqrt(np.where(decoder > 0, decoder, 1))
        values = np.linalg.svd(np.sqrt(posterior)[:, :, None] * features, compute_uv=False) ** 2
        found[b, alive] = beta * values[:, 0 if dual else 1]
    return found


def worthwhile(pxy: ArrayLike, curve: Curve, decoders: ArrayLike, *, dual: bool = False) -> Array:
    """The factors sum_x p(x) exp(-beta d(x, r))/Z(x) by which clusters without mass would grow.   r (R, Y) -> (B, R).

    Above 1, the cluster lowers the functional; at a cluster in use it is 1; at most 1 everywhere is necessary for a
    global minimum.
    """
    px, pyx = _fitting(pxy, curve)
    r = simplex("decoders", decoders)
    if r.ndim != 2 or r.shape[1] != pyx.shape[1]:
        raise BadInput(f"decoders have shape {r.shape}; they must be a matrix of {pyx.shape[1]} columns, one per label")
    problem = Clustering(px, pyx, dual=dual)
    factors = np.empty((len(curve.betas), len(r)))
    for b, beta in enumerate(curve.betas):
        used = curve.weights[b] > 0
        exponent = np.log(curve.weights[b, used]) - beta * problem.distortions(curve.decoder[b, used])
        growth = -beta * problem.distortions(r) - logsumexp(exponent, axis=1, keepdims=True)
        factors[b] = np.exp(logsumexp(growth, axis=0, b=px[:, None]))
    return factors


def _fitting(pxy: ArrayLike, curve: Curve) -> tuple[Array, Array]:
    """p(x) and p(y|x), if the curve can be a solution of theirs."""
    px, pyx = channel(pxy)
    n_x, n_y = curve.encoder.shape[1], curve.decoder.shape[2]
    if pyx.shape != (n_x, n_y):
        raise BadInput(
            f"curve has {n_x} inputs and {n_y} labels, but pxy has {pyx.shape[0]} and {pyx.shape[1]}; pass the joint "
            "that it was solved for"
        )
    return px, pyx


@dataclass(frozen=True)
class Transition:
    """One change of the number of clusters between neighbouring betas, `below` < `above`.

    At `above`: `weight` of the cluster that is gone below, `distance` of its decoder from the nearest other (largest
    difference of probabilities), `eigenvalue` beta lambda of it. `kind` is "merged" where the distance, "vanished"
    where the weight goes to zero first, as both fall towards the transition.
    """

    below: float
    above: float
    before: int
    after: int
    weight: float
    distance: float
    eigenvalue: float
    kind: str


def transitions(pxy: ArrayLike, curve: Curve, *, dual: bool = False) -> list[Transition]:
    """Losses of clusters along a curve whose betas are sorted, from the largest beta downwards."""
    order = np.argsort(curve.betas)[::-1]
    values, found = stability(pxy, curve, dual=dual), []
    for high, low in pairwise(order):
        if curve.clusters[low] < curve.clusters[high]:
            t, weight, distance = _lost(curve, high, low)
            kind = "vanished" if weight < distance else "merged"
            higher = order[max(int(np.flatnonzero(order == high)[0]) - 1, 0)]
            if higher != high and curve.clusters[higher] == curve.clusters[high]:
                _, weight_before, distance_before = _lost(curve, higher, low)
                kind = "vanished" if weight / weight_before < (distance / distance_before) ** 2 else "merged"
            found.append(
                Transition(
                    float(curve.betas[low]),
                    float(curve.betas[high]),
                    int(curve.clusters[high]),
                    int(curve.clusters[low]),
                    weight,
                    distance,
                    float(values[high, t]),
                    kind,
                )
            )
    return found


def _lost(curve: Curve, high: int, low: int) -> tuple[int, float, float]:
    """The lightest cluster at `high` without counterpart at `low`, its weight and distance from the nearest other."""
    above, below = (np.flatnonzero(curve.weights[b] > ALIVE) for b in (high, low))
    far = np.abs(curve.decoder[high][above][:, None] - curve.decoder[low][below][None]).max(axis=2)
    kept = linear_sum_assignment(far)[0]
    left = [t for t in range(len(above)) if t not in kept] or [int(np.argmin(curve.weights[high][above]))]
    t = min(left, key=lambda t: float(curve.weights[high][above[t]]))
    others = np.delete(np.abs(curve.decoder[high][above] - curve.decoder[high][above[t]]).max(axis=1), t)
    return int(above[t]), float(curve.weights[high][above[t]]), float(others.min())
