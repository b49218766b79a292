"""Experiments of chapter 07 on known joints: the curves of the two bottlenecks, their decoders, their iteration.

The toy is the one of the first author's published code: five x between -1 and 0.6, p(y|x) proportional to exp(-x y)
for y = -1, +1, p(x) uniform. Random joints are drawn by seed and `index`, so that no statement is about one matrix.
Curves are compared at equal I(X;T): at equal beta the dual mostly keeps more about X.

Source: piran2020dual; settings of the toy from the code published with it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import rel_entr, softmax, xlogy

from itdl import bottleneck, entropy, error_exponents, exponential_family, rng
from itdl.bottleneck import Curve, bifurcations
from itdl.checks import Array
from itdl.sweep import Result

__all__ = [
    "FAMILY",
    "NAME",
    "SOLVERS",
    "above_critical",
    "compare",
    "decoders",
    "descent",
    "dual_distortion",
    "forms",
    "frontier",
    "geometric_decoder",
    "posterior",
    "problem",
    "random_curves",
    "toy",
    "toy_curves",
]

NAME = "dual bottleneck"
SOLVERS: dict[str, Callable[..., Curve]] = {"ib": bottleneck.solve_ib, "dual": bottleneck.solve_dual_ib}
FAMILY = np.linspace(-1.5, 1.5, 8)[:, None], np.array([[-1.5, -0.2, 0.4, 1.7]])  # features, multipliers: 8 x, 4 y


def toy() -> Array:
    """p(x, y) of the published toy, (5, 2)."""
    return exponential_family.joint(np.linspace(-1, 0.6, 5)[:, None], [[-1.0, 1.0]])


def problem(seed: int, index: int, *, n_x: int, n_y: int, alpha: float, floor: float = 1e-3) -> Array:
    """A random joint: p(x) ~ Dirichlet(3), p(y|x) ~ Dirichlet(alpha), mixed so that no label is rarer than ~floor."""
    stream = rng.stream(seed, NAME, "problem", index, n_x, n_y, f"{alpha:g}")
    return bifurcations.random_joint(stream, n_x, n_y, alpha, floor)


def above_critical(pxy: Array, kind: str, points: int, *, low: float = 0.7, high: float = 60.0) -> Array:
    """`points` betas, equally spaced in log beta, from `low` to `high` times the first critical one."""
    return np.asarray(getattr(bottleneck.critical_betas(pxy), kind) * np.geomspace(low, high, points))


def frontier(curve: Curve, i_x: Array) -> Array:
    """The least distortion any encoder can have at I(X;T) = i_x: the highest tangent (L_beta - i_x)/beta of the curve.

    A bound from below for every i_x; between neighbouring betas it is tight to second order in their distance.
    """
    lines = (curve.objective[:, None] - np.asarray(i_x)) / curve.betas[:, None]
    return np.asarray(np.maximum(lines.max(axis=0), 0))


def posterior(px: Array, encoder: Array) -> tuple[Array, Array]:
    """p(t) (..., T) and p(x|t) (..., T, X) of an encoder (..., X, T); p(x) where a cluster is dead."""
    joint = (encoder * px[:, None]).swapaxes(-1, -2)
    total = joint.sum(axis=-1, keepdims=True)
    return total[..., 0], np.where(total > 0, joint / np.where(total > 0, total, 1), px)


def dual_distortion(pxy: Array, encoder: Array) -> Array:
    """E d_dual of encoders (..., X, T), each with the best decoder for it, the geometric mean.   -> (...)."""
    px = pxy.sum(axis=1)
    weights, back = posterior(px, encoder)
    return np.asarray((weights * error_exponents.chernoff_function(pxy / px[:, None], back)).sum(axis=-1))


def geometric_decoder(pxy: Array, encoder: Array) -> Array:
    """The geometric means of encoders (..., X, T), whatever bottleneck they come from.   -> (..., T, Y)."""
    px = pxy.sum(axis=1)
    return error_exponents.geometric_mean(pxy / px[:, None], posterior(px, encoder)[1])


def compare(pxy: Array, ib: Curve, dual: Curve) -> dict[str, Array]:
    """The two curves at equal I(X;T), in nats, at each point of the dual and, for `excess`, of IB; 0 where I(X;T) is.

    `gap`: how far I(T;Y) of the dual lies below the IB frontier; `predicted`: how far its I(T;Yh) lies above it;
    `excess`: how far E d_dual of IB, with the geometric decoder (`distortion`), lies above the dual's frontier.
    """
    information = entropy.mutual_information(pxy)
    within = (dual.i_xt > 1e-3) & (dual.i_xt <= ib.i_xt.max())
    best = information - frontier(ib, dual.i_xt)
    inside = (ib.i_xt > 1e-3) & (ib.i_xt <= dual.i_xt.max())
    of_ib = dual_distortion(pxy, ib.encoder)
    return {
        "gap": np.where(within, best - dual.i_ty, 0),
        "predicted": np.where(within, dual.i_predicted - best, 0),
        "excess": np.where(inside, of_ib - frontier(dual, ib.i_xt), 0),
        "distortion": np.where(inside, of_ib, 0),
        "overlap": np.stack([within, inside]),
    }


def toy_curves(*, low: float, high: float, points: int) -> Result:
    """Both curves of the toy over log2 beta in [low, high], and the plain iterations each beta takes.

    Per kind: i_xt, i_ty, i_predicted, clusters, decoder (p(y=1|t)), weights, iterations, each (points, ...).
    """
    pxy, betas = toy(), 2.0 ** np.linspace(low, high, points)
    curves = {kind: solve(pxy, betas) for kind, solve in SOLVERS.items()}
    result: Result = {"betas": betas, "information": entropy.mutual_information(pxy)}
    result |= compare(pxy, curves["ib"], curves["dual"])
    for kind, curve in curves.items():
        result |= {f"{kind}_{name}": getattr(curve, name) for name in ("i_xt", "i_ty", "i_predicted", "weights")}
        result[f"{kind}_clusters"] = curve.clusters.astype(float)
        result[f"{kind}_decoder"] = curve.decoder[:, :, 1]
        result[f"{kind}_iterations"] = _iterations(pxy, curve, kind)
    return result


def random_curves(*, seed: int, index: int, n_x: int, n_y: int, alpha: float, points: int) -> Result:
    """The comparison of the curves on one random joint, as shares of I(X;Y): largest, smallest and mean."""
    pxy = problem(seed, index, n_x=n_x, n_y=n_y, alpha=alpha)
    ib, dual = (solve(pxy, above_critical(pxy, kind, points)) for kind, solve in SOLVERS.items())
    information, found = entropy.mutual_information(pxy), compare(pxy, ib, dual)
    at_dual, at_ib = found["overlap"]
    gap, predicted = found["gap"][at_dual] / information, found["predicted"][at_dual] / information
    return {
        "information": information,
        "gap_max": gap.max(),
        "gap_min": gap.min(),
        "gap_mean": gap.mean(),
        "predicted_min": predicted.min(),
        "predicted_mean": predicted.mean(),
        "excess_min": found["excess"][at_ib].min(),
        "excess_share": found["excess"].sum() / found["distortion"].sum(),
        "gap_share": found["gap"].sum() / np.where(found["overlap"][0], information - dual.i_ty, 0).sum(),
        "unconverged": float((~ib.converged).sum() + (~dual.converged).sum()),
    }


def forms(*, points: int) -> Result:
    """On the one-feature family: distance of living decoders from it (points,), and dualExpIB against the tables."""
    features, multipliers = FAMILY
    pxy, betas = exponential_family.joint(features, multipliers), 2.0 ** np.linspace(1, 6, points)
    ib, dual = (solve(pxy, betas) for solve in SOLVERS.values())
    inside = exponential_family.solve_dual(features, multipliers, betas, start=dual.encoder)
    away = {
        kind: np.where(curve.weights > 1e-6, exponential_family.distance(curve.decoder, multipliers), 0).max(axis=1)
        for kind, curve in (("ib", ib), ("dual", dual))
    }
    return {
        "betas": betas,
        **away,
        "difference": np.abs(inside.objective - dual.objective),
        "difference_ib": np.abs(inside.objective - ib.objective),
    }


def decoders(*, seed: int, index: int, n: int) -> Result:
    """E d_dual of a random encoder with other decoders, less that with the geometric mean: the smallest excess.

    The others are `n` random ones, `n` close to the geometric mean, and the arithmetic mean. `formula`: distance of
    E d_dual from -sum_t p(t) log Z_t. `arithmetic`: the smallest excess over the arithmetic mean instead.
    """
    pxy, stream = problem(seed, index, n_x=6, n_y=4, alpha=1.0), rng.stream(seed, NAME, "decoders", index)
    px = pxy.sum(axis=1)
    pyx, encoder = pxy / px[:, None], stream.dirichlet(np.ones(4), size=6)
    best = geometric_decoder(pxy, encoder)
    mean = posterior(px, encoder)[1] @ pyx
    near = softmax(np.log(best) + 0.01 * stream.standard_normal((n, *best.shape)), axis=-1)
    others = np.concatenate([near, stream.dirichlet(np.ones(4), size=(n, 4)), best[None], mean[None]])
    joint, kl = px[:, None] * encoder, rel_entr(others[:, None], pyx[:, None]).sum(axis=-1)
    costs = (joint * kl).sum(axis=(1, 2))
    return {
        "excess": np.delete(costs, -2).min() - costs[-2],
        "arithmetic": costs[:-1].min() - costs[-1],
        "formula": np.abs(costs[-2] - dual_distortion(pxy, encoder)),
    }


def descent(*, seed: int, index: int, n: int, steps: int = 200) -> Result:
    """Largest increase of the functional in any of `steps` plain iterations on `n` random joints, (n,) per kind.

    `mixed` pairs the distortion of the dual with the decoder of IB, for which descent is no theorem.
    """
    stream = rng.stream(seed, NAME, "descent", index)
    found: dict[str, list[float]] = {"ib": [], "dual": [], "mixed": []}
    for i in range(n):
        n_x, n_y = (int(k) for k in stream.integers([3, 2], [12, 7]))
        pxy = problem(seed, index * n + i, n_x=n_x, n_y=n_y, alpha=float(stream.choice([0.3, 1, 3])), floor=1e-4)
        beta, start = 2.0 ** stream.uniform(0, 6, size=1), stream.dirichlet(np.ones(n_x), size=(1, n_x))
        for kind, worst in found.items():
            encoder, values = start, []
            for _ in range(steps):
                encoder, value = _sweep(pxy, beta, encoder, kind)
                values.append(value[0])
            worst.append(float(np.diff(values).max()))
    return {kind: np.array(worst) for kind, worst in found.items()}


def _sweep(pxy: Array, betas: Array, encoder: Array, kind: str) -> tuple[Array, Array]:
    """One plain iteration (B, X, T) -> (B, X, T), and the functional I(X;T) + beta E d after it, given the old p(t)."""
    px = pxy.sum(axis=1)
    pyx, logs = pxy / px[:, None], np.log(pxy / px[:, None])
    weights, back = posterior(px, encoder)
    decoder = softmax(back @ logs, axis=2) if kind == "dual" else back @ pyx
    if kind == "ib":
        d = xlogy(pyx, pyx).sum(axis=1)[:, None] - pyx @ np.log(decoder).swapaxes(1, 2)
    else:
        d = xlogy(decoder, decoder).sum(axis=2)[:, None] - logs @ decoder.swapaxes(1, 2)
    with np.errstate(divide="ignore"):
        new = softmax(np.log(weights)[:, None] - betas[:, None, None] * d, axis=2)
    rate = rel_entr(new, np.where(new > 0, weights[:, None], 1)).sum(axis=2)
    return new, np.asarray((rate + betas[:, None] * (new * d).sum(axis=2)) @ px)


def _iterations(pxy: Array, curve: Curve, kind: str, *, tol: float = 1e-12, most: int = 40_000) -> Array:
    """Plain iterations at each beta, from the solution at the next larger one, until mean JS(new, old) < tol."""
    px, n_x = pxy.sum(axis=1), len(pxy)
    encoder = np.concatenate([curve.encoder[1:], np.eye(n_x)[None, :, : curve.encoder.shape[2]]])
    counts, active = np.zeros(len(curve.betas)), np.arange(len(curve.betas))
    while active.size and counts.max() < most:
        new, _ = _sweep(pxy, curve.betas[active], encoder[active], kind)
        middle = (new + encoder[active]) / 2
        change = 0.5 * (rel_entr(new, middle) + rel_entr(encoder[active], middle)).sum(axis=2) @ px
        encoder[active] = new
        counts[active] += 1
        active = active[change > tol]
    return counts
