"""The information bottleneck of a known joint p(x, y), and its dual, at many betas at once, in nats.

Both seek a representation T of X, with Y - X - T, that is short and yet predicts Y. At every beta they minimise
I(X;T) + beta E d(x, t) over encoders p(t|x), with

    IB:    d = D[p(y|x) || p(y|t)],  decoder p(y|t) the arithmetic mean of p(y|x) under p(x|t);
    dual:  d = D[p(y|t) || p(y|x)],  decoder p(y|t) proportional to their geometric mean.

For IB, E d = I(X;Y) - I(T;Y). The self-consistent equations, with p(t|x) proportional to p(t) exp(-beta d), are
iterated; each sweep lowers the functional. A solution is a stationary point, and the best one found: no algorithm
known to us certifies the global minimum.

Source: tishby1999information (eqs. 15, 28-31); strouse2017deterministic; piran2020dual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp, rel_entr, softmax, xlogy

from itdl.checks import Array, BadInput, finite, positive, simplex
from itdl.rng import stream

__all__ = ["CriticalBetas", "Curve", "critical_betas", "smooth", "solve_dual_ib", "solve_ib"]

FLOOR = 1e-300
MERGED, ALIVE = 1e-3, 1e-6


@dataclass(frozen=True)
class Curve:
    """Solutions at each beta, in the order given; B betas, X inputs, T clusters, Y labels. All in nats."""

    betas: Array
    i_xt: Array
    i_ty: Array
    i_predicted: Array
    distortion: Array
    encoder: Array
    decoder: Array
    weights: Array
    clusters: np.ndarray
    converged: np.ndarray
    residual: Array
    n_iter: np.ndarray
    increase: Array
    deterministic: bool = False

    @property
    def objective(self) -> Array:
        """I(X;T) + beta E d, or H(T) + beta E d for the deterministic bottleneck.   (B,)."""
        return np.asarray(self.i_xt + self.betas * self.distortion)


@dataclass(frozen=True)
class CriticalBetas:
    """Where the trivial solution loses its stability, 1/lambda_2, and the eigenvalues it follows from, descending."""

    ib: float
    dual: float
    eigenvalues_ib: Array
    eigenvalues_dual: Array


def solve_ib(
    pxy: ArrayLike,
    betas: ArrayLike,
    *,
    n_clusters: int | None = None,
    restarts: int = 0,
    seed: int = 0,
    deterministic: bool = False,
    tol: float = 1e-12,
    max_iter: int = 20_000,
) -> Curve:
    """Minimise I(X;T) - beta I(T;Y) at each beta.   pxy (X, Y), betas (B,)."""
    if deterministic:
        raise NotImplementedError
    px, pyx = _channel(pxy)
    return _solve(px, pyx, betas, False, n_clusters, restarts, seed, tol, max_iter)


def solve_dual_ib(
    pxy: ArrayLike,
    betas: ArrayLike,
    *,
    n_clusters: int | None = None,
    restarts: int = 0,
    seed: int = 0,
    tol: float = 1e-12,
    max_iter: int = 20_000,
) -> Curve:
    """Minimise I(X;T) + beta E D[p(y|t) || p(y|x)] at each beta.   pxy (X, Y), betas (B,)."""
    px, pyx = _channel(pxy)
    if (pyx == 0).any():
        x, y = (int(i) for i in np.argwhere(pyx == 0)[0])
        raise BadInput(
            f"p(y|x) is zero at x = {x}, y = {y}; the dual needs every label possible: mix first, "
            "smooth(pxy, eps), and report eps"
        )
    return _solve(px, pyx, betas, True, n_clusters, restarts, seed, tol, max_iter)


def smooth(pxy: ArrayLike, eps: float) -> Array:
    """p(x) [(1 - eps) p(y|x) + eps / |Y|]: every label possible, p(x) unchanged.   pxy (X, Y), eps in [0, 1]."""
    px, pyx = _channel(pxy)
    if not 0 <= positive("eps", eps, zero=True) <= 1:
        raise BadInput(f"eps is {eps}; a share lies in [0, 1]")
    return np.asarray(px[:, None] * ((1 - eps) * pyx + eps / pyx.shape[1]))


def critical_betas(pxy: ArrayLike) -> CriticalBetas:
    """First critical betas 1/lambda_2 of IB and dual, from the linearised maps at the one-cluster solution."""
    px, pyx = _channel(pxy)
    py = px @ pyx
    seen = py > 0
    s = np.linalg.svd(np.sqrt(px)[:, None] * pyx[:, seen] / np.sqrt(py[seen]), compute_uv=False)
    lam_ib = s[1:] ** 2
    lam_dual = np.full(1, np.nan)
    if (pyx > 0).all():
        log_p = np.log(pyx)
        q = softmax(px @ log_p)
        centred = log_p - (log_p @ q)[:, None]
        centred -= px @ centred
        lam_dual = np.linalg.svd(np.sqrt(px)[:, None] * centred * np.sqrt(q), compute_uv=False) ** 2
    with np.errstate(divide="ignore"):
        return CriticalBetas(float(1 / lam_ib[0]), float(1 / lam_dual[0]), lam_ib, lam_dual)


def _channel(pxy: ArrayLike) -> tuple[Array, Array]:
    """p(x) and p(y|x) of a checked joint."""
    pxy = simplex("pxy", pxy, axis=None)
    if pxy.ndim != 2 or min(pxy.shape) < 2:
        raise BadInput(f"pxy has shape {pxy.shape}; a bottleneck needs a matrix p(x, y) with two rows and two columns")
    px = pxy.sum(axis=1)
    if (px == 0).any():
        raise BadInput(f"pxy: row {int(np.flatnonzero(px == 0)[0])} is zero, so p(y|x) is unknown there; leave it out")
    return px, pxy / px[:, None]


def _solve(
    px: Array,
    pyx: Array,
    betas: ArrayLike,
    dual: bool,
    n_clusters: int | None,
    restarts: int,
    seed: int,
    tol: float,
    max_iter: int,
) -> Curve:
    given = np.atleast_1d(finite("betas", betas))
    if given.ndim != 1 or (given <= 0).any():
        raise BadInput(f"betas reach down to {given.min()}; they must be a list of numbers above zero")
    n_x = len(px)
    n_t = n_x if n_clusters is None else n_clusters
    if not 1 <= n_t <= n_x:
        raise BadInput(f"n_clusters is {n_clusters} for {n_x} inputs; choose 1 to {n_x}: more are never needed")
    start = np.log(np.maximum(np.eye(n_x)[:, np.arange(n_x) % n_t].T[:n_t].T * 0.98 + 0.02 / n_t, FLOOR))
    order = np.argsort(given)
    b = given[order]
    lq = np.broadcast_to(start[:, :n_t], (len(b), n_x, n_t)).copy()
    best = _iterate(px, pyx, b, lq, dual, tol, max_iter)
    for r in range(restarts):
        noise = stream(seed, "bottleneck", r).standard_normal((len(b), n_x, n_t))
        best = _better(best, _iterate(px, pyx, b, noise - logsumexp(noise, axis=2, keepdims=True), dual, tol, max_iter))
    improved = True
    while improved:
        old = best["L"].copy()
        for shift in (1, -1):
            q = np.roll(best["q"], -shift, axis=0)
            with np.errstate(divide="ignore"):
                best = _better(best, _iterate(px, pyx, b, np.log(np.maximum(q, FLOOR)), dual, tol, max_iter))
        improved = bool((best["L"] < old - 1e-9).any())
    back = np.argsort(order)
    return Curve(given, **{k: v[back] for k, v in best.items() if k not in ("L", "q")}, encoder=best["q"][back])


def _better(a: dict[str, Array], b: dict[str, Array]) -> dict[str, Array]:
    wins = b["L"] < a["L"] - 1e-12
    return {k: np.where(wins.reshape(-1, *[1] * (a[k].ndim - 1)), b[k], a[k]) for k in a}


def _iterate(px: Array, pyx: Array, betas: Array, lq: Array, dual: bool, tol: float, cap: int) -> dict[str, Array]:
    n_b = len(betas)
    log_p = np.log(np.maximum(pyx, FLOOR))
    last = np.full(n_b, np.inf)
    increase, residual = np.full(n_b, -np.inf), np.full(n_b, np.inf)
    n_iter = np.zeros(n_b, dtype=int)
    q = np.exp(lq)
    on = np.arange(n_b)
    for _ in range(cap):
        new, value, *_ = _sweep(px, pyx, log_p, betas[on], q[on], dual)
        increase[on] = np.maximum(increase[on], value - last[on])
        last[on] = value
        middle = (new + q[on]) / 2
        js = 0.5 * (rel_entr(new, middle) + rel_entr(q[on], middle)).sum(axis=2) @ px
        q[on], residual[on] = new, js
        n_iter[on] += 1
        on = on[js > tol]
        if not len(on):
            break
    _, _, pt, dec, d = _sweep(px, pyx, log_p, betas, q, dual)
    ptx = q * px[:, None]
    joint_y = ptx.swapaxes(1, 2) @ pyx
    joint_p = pt[:, :, None] * dec
    i_xt = (ptx * (np.log(np.maximum(q, FLOOR)) - np.log(np.maximum(pt, FLOOR))[:, None])).sum(axis=(1, 2))
    distortion = (ptx * d).sum(axis=(1, 2))
    return {
        "i_xt": i_xt,
        "i_ty": _mi(joint_y),
        "i_predicted": _mi(joint_p),
        "distortion": distortion,
        "decoder": dec,
        "weights": pt,
        "clusters": np.array([_count(w, p) for w, p in zip(pt, dec, strict=True)]),
        "converged": residual <= tol,
        "residual": residual,
        "n_iter": n_iter,
        "increase": increase,
        "q": q,
        "L": i_xt + betas * distortion,
    }


def _sweep(
    px: Array, pyx: Array, log_p: Array, betas: Array, q: Array, dual: bool
) -> tuple[Array, Array, Array, Array, Array]:
    """New encoder, functional at the old one's marginal and decoder, p(t), decoder, distortions."""
    pt = px @ q
    back = np.where(pt[:, None] > 0, q * px[:, None] / np.maximum(pt, FLOOR)[:, None], px[:, None])
    if dual:
        dec = softmax(back.swapaxes(1, 2) @ log_p, axis=2)
        d = xlogy(dec, dec).sum(axis=2)[:, None] - log_p @ dec.swapaxes(1, 2)
    else:
        dec = back.swapaxes(1, 2) @ pyx
        d = xlogy(pyx, pyx).sum(axis=1)[:, None] - pyx @ np.log(np.maximum(dec, FLOOR)).swapaxes(1, 2)
    score = np.log(np.maximum(pt, FLOOR))[:, None] - betas[:, None, None] * d
    z = logsumexp(score, axis=2, keepdims=True)
    return np.exp(score - z), -(z[:, :, 0] @ px), pt, dec, d


def _mi(joint: Array) -> Array:
    """I of joints (B, T, Y)."""
    product = joint.sum(axis=2, keepdims=True) * joint.sum(axis=1, keepdims=True)
    return np.asarray(rel_entr(joint, product).sum(axis=(1, 2)))


def _count(weights: Array, decoder: Array) -> int:
    """Clusters that differ: p(t) > 1e-6, decoders merged within 1e-3."""
    seen: list[Array] = []
    for p in decoder[weights > ALIVE]:
        if all(np.abs(p - other).max() >= MERGED for other in seen):
            seen.append(p)
    return len(seen)
