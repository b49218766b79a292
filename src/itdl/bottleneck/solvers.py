"""The information bottleneck of a known joint p(x, y), and its dual, at many betas at once, in nats.

Both seek a representation T of X, with Y - X - T, that is short and yet tells Y. At every beta they minimise
I(X;T) + beta E d(x, t) over encoders p(t|x), with

    IB:    d = D[p(y|x) || p(y|t)],  decoder p(y|t) the arithmetic mean of p(y|x) under p(x|t);
    dual:  d = D[p(y|t) || p(y|x)],  decoder p(y|t) their geometric mean, normalised.

For IB, E d = I(X;Y) - I(T;Y). The deterministic bottleneck minimises H(T) + beta E d instead, with the IB's d; its
encoders are hard. Solutions are stationary points with certificates of that, and the best found: none is certified
to be the global minimum. The search starts from T = X, the solution at beta = infinity, at each beta; it then offers
clusters that the optimality conditions call worthwhile, and clusters of neighbouring betas (reverse annealing),
until nothing improves.

Source: tishby1999information (eqs. 15, 28-31); strouse2017deterministic; the dual: piran2020dual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr, softmax

from itdl.bottleneck import partitions
from itdl.bottleneck.annealing import Options, Search
from itdl.bottleneck.clustering import Clustering
from itdl.bottleneck.tradeoff import Curve, evaluated
from itdl.checks import Array, BadInput, finite, positive, simplex

__all__ = ["CriticalBetas", "Curve", "channel", "critical_betas", "smooth", "solve_dual_ib", "solve_ib"]


@dataclass(frozen=True)
class CriticalBetas:
    """Where the one-cluster solution stops being a local minimum: 1/lambda of the largest eigenvalue lambda.

    Eigenvalues (descending) are those of the linearised iteration, the trivial one left out. Where p(y|x) has zeros
    there is no dual: `dual` is NaN and its eigenvalues are empty.
    """

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
    """Minimise I(X;T) - beta I(T;Y), or H(T) - beta I(T;Y) if `deterministic`, at each beta.   pxy (X, Y), betas (B,).

    At most `n_clusters` clusters (as many as inputs unless given: more are never needed). `restarts` adds starts with
    random clusters, drawn from `seed`.
    """
    px, pyx = channel(pxy)
    options = _options(len(px), n_clusters, restarts, seed, tol, max_iter)
    given, problem = _betas(betas), Clustering(px, pyx, dual=False)
    if deterministic:
        return _hard(problem, given, options)
    return _soft(problem, given, options)


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
    """Minimise I(X;T) + beta E D[p(y|t) || p(y|x)] at each beta.   pxy (X, Y) without zeros, betas (B,).

    Options as in `solve_ib`. A zero in p(y|x) is refused: every cluster that holds this x could never predict that y.
    """
    px, pyx = channel(pxy)
    if (pyx == 0).any():
        x, y = (int(i) for i in np.argwhere(pyx == 0)[0])
        raise BadInput(
            f"p(y|x) is 0 at x = {x}, y = {y}; the dual needs every label possible: mix with `smooth(pxy, eps)` and "
            "report eps"
        )
    options = _options(len(px), n_clusters, restarts, seed, tol, max_iter)
    return _soft(Clustering(px, pyx, dual=True), _betas(betas), options)


def smooth(pxy: ArrayLike, eps: float) -> Array:
    """p(x) [(1 - eps) p(y|x) + eps/|Y|]: every label possible, p(x) unchanged.   pxy (X, Y), eps in [0, 1]."""
    px, pyx = channel(pxy)
    if positive("eps", eps, zero=True) > 1:
        raise BadInput(f"eps is {eps}; the share of the uniform distribution lies in [0, 1]")
    return np.asarray(px[:, None] * ((1 - eps) * pyx + eps / pyx.shape[1]))


def critical_betas(pxy: ArrayLike) -> CriticalBetas:
    """First critical betas of IB and dual, from the linearised iterations at the one-cluster solution.   pxy (X, Y).

    IB: lambda are the squared singular values of p(x, y)/sqrt(p(x) p(y)) but the first, which is 1; the second is the
    squared maximal correlation. Dual: those of sqrt(p(x) q(y)) L(x, y), L = log p(y|x) centred over y under q and then
    over x, q the normalised geometric mean of p(y|x). A non-trivial minimum may appear before, never later.
    """
    px, pyx = channel(pxy)
    py = px @ pyx
    seen = py > 0
    ib = _squared_singular_values(np.sqrt(px)[:, None] * pyx[:, seen] / np.sqrt(py[seen]))[1:]
    dual = np.zeros(0)
    if (pyx > 0).all():
        log_p = np.log(pyx)
        q = softmax(px @ log_p)
        centred = log_p - (log_p @ q)[:, None]
        centred -= px @ centred
        dual = _squared_singular_values(np.sqrt(px)[:, None] * centred * np.sqrt(q))
    return CriticalBetas(_inverse(ib), _inverse(dual), ib, dual)


def _squared_singular_values(a: Array) -> Array:
    return np.asarray(np.linalg.svd(a, compute_uv=False) ** 2, dtype=np.float64)


def _inverse(eigenvalues: Array) -> float:
    if not len(eigenvalues):
        return float("nan")
    # Singular values of independent x and y are rounding: their squares are below 1e-28.
    return float(1 / eigenvalues[0]) if eigenvalues[0] > 1e-28 else float("inf")


def channel(pxy: ArrayLike) -> tuple[Array, Array]:
    """p(x) (X,) and p(y|x) (X, Y) of a checked joint."""
    pxy = simplex("pxy", pxy, axis=None)
    if pxy.ndim != 2 or min(pxy.shape) < 2:
        raise BadInput(f"pxy has shape {pxy.shape}; it must be a matrix p(x, y) of two or more inputs and labels")
    px = pxy.sum(axis=1)
    if (px == 0).any():
        raise BadInput(f"pxy[{int(np.argmin(px))}] is a row of zeros, so that p(y|x) is not known there; leave it out")
    return px / px.sum(), pxy / px[:, None]


def _betas(betas: ArrayLike) -> Array:
    given = np.atleast_1d(finite("betas", betas))
    if given.ndim != 1 or (given <= 0).any():
        raise BadInput(f"betas have shape {given.shape}, smallest {given.min()}; pass one or a list, all above zero")
    return given


def _options(n_x: int, n_clusters: int | None, restarts: int, seed: int, tol: float, max_iter: int) -> Options:
    limit = n_x if n_clusters is None else n_clusters
    whole = {"n_clusters": limit, "restarts": restarts, "max_iter": max_iter}
    for name, value in whole.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < (name != "restarts"):
            raise BadInput(f"{name} is {value!r}; it must be a whole number, {int(name != 'restarts')} or more")
    if limit > n_x:
        raise BadInput(f"n_clusters is {limit} for {n_x} inputs; {n_x} suffice: leave it out or choose 1 to {n_x}")
    return Options(int(limit), int(restarts), seed, positive("tol", tol), int(max_iter))


def _soft(problem: Clustering, given: Array, options: Options) -> Curve:
    order = np.argsort(given, kind="stable")
    betas = given[order]
    best = Search(problem, betas, options._replace(tol=options.tol / 10)).best
    encoders, residual = _encoders(problem, betas, best.codebooks)
    for closer in (1e-2, 1e-4):  # what a sweep moves grows with beta from codebook to encoder
        late = np.flatnonzero((residual > options.tol) & (best.sweeps < options.max_iter))
        starts = [best.codebooks[i] for i in late]
        more = problem.descend(betas[late], starts, tol=closer * options.tol, max_iter=options.max_iter)
        redone, residual[late] = _encoders(problem, betas[late], more.codebooks)
        for i, codebook, encoder in zip(late, more.codebooks, redone, strict=True):
            best.codebooks[i], encoders[i] = codebook, encoder
        best.sweeps[late] += more.sweeps
        best.increase[late] = np.maximum(best.increase[late], more.increase)
    back = np.argsort(order, kind="stable")
    how = residual[back], best.sweeps[back], best.increase[back]
    return evaluated(problem, given, [encoders[i] for i in back], *how, n_clusters=options.limit, tol=options.tol)


def _encoders(problem: Clustering, betas: Array, codebooks: list[Array]) -> tuple[list[Array], Array]:
    """p(t|x) of each codebook, (X, T), and the mean over x of the divergence from the next iterate, (B,)."""
    encoders, residual = [], np.empty(len(betas))
    for i, codebook in enumerate(codebooks):
        state, beta = codebook[None], betas[i : i + 1]
        now = problem.encoder(state, beta)
        later = problem.encoder(problem.sweep(state, beta)[0], beta)
        middle = (now + later) / 2
        residual[i] = float((rel_entr(now, middle) + rel_entr(later, middle)).sum(axis=1)[0] @ problem.px / 2)
        encoders.append(now[0].T)
    return encoders, residual


def _hard(problem: Clustering, betas: Array, options: Options) -> Curve:
    joint = problem.px[:, None] * problem.pyx
    found = partitions.best_partitions(joint, betas, options.limit, options.restarts, options.seed)
    encoders = [np.eye(options.limit)[labels] for labels in found.labels]
    how = np.zeros(len(betas)), found.moves, found.increase
    return evaluated(problem, betas, encoders, *how, n_clusters=options.limit, tol=options.tol)
