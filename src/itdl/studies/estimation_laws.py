"""Experiments of chapter 04 without training: counting, neighbours, and bounds with the best critic there is.

`index` numbers repetitions. Every unit draws its data from a stream named after it.

Sources: paninski2003estimation (counting), gao2015efficient (neighbours), song2020understanding (spread of bounds),
mcallester2020formal (samples that cannot tell two distributions apart), kolchinsky2017estimating (noisy inputs).
"""

from __future__ import annotations

from math import log

import numpy as np
from scipy.special import xlogy

from itdl import data, entropy, estimators, gaussian, layer_information, maps, rng
from itdl.checks import Array
from itdl.information_tasks import sparse
from itdl.numerics import log_mean_exp
from itdl.sweep import Result

__all__ = [
    "NAME", "best_critic", "counted", "fitted_normal", "independent", "moved", "needed", "noisy_digits", "pool",
    "ratios", "strangers", "unbounded",
]  # fmt: skip

NAME = "estimating information"
CUTS = (2, 3, 5, 8, 12, 20, 30, 50, 80)  # cells a side that a histogram may have


def fitted_normal(x: Array, y: Array) -> float:
    """I of the normal distribution with the sample's covariance.   x (n, d_x), y (n, d_y) -> nats."""
    return gaussian.mutual_information(np.cov(np.hstack([x, y]).T), x.shape[1])


def plug_in(tables: Array) -> Array:
    """I of the shares in each table of counts.   (..., K, L) -> (...), in nats."""
    n = tables.sum(axis=(-2, -1))
    sums = [xlogy(c, c).sum(axis=-1) for c in (tables.sum(axis=-1), tables.sum(axis=-2))]
    return np.asarray((xlogy(tables, tables).sum(axis=(-2, -1)) - sums[0] - sums[1]) / n + np.log(n))


def corrected(tables: Array) -> Array:
    """`plug_in` less (K_xy - K_x - K_y + 1)/(2n), K the occupied cells, rows and columns."""
    k_xy = (tables > 0).sum(axis=(-2, -1))
    k_x, k_y = ((tables.sum(axis=axis) > 0).sum(axis=-1) for axis in (-1, -2))
    return np.asarray(plug_in(tables) - (k_xy - k_x - k_y + 1) / (2 * tables.sum(axis=(-2, -1))))


def counted(*, seed: int, index: int, side: int, n: int, tables: int, resamples: int) -> Result:
    """Tables of n counts from one random joint distribution over side x side cells: how far off, how far it seems.

    `bias` of the plug-in estimate and `left` of it after correction, nats; `formula` (side - 1)^2/(2n); `error` root
    mean square of the corrected estimate, `believed` its deviation over bootstrap samples of one table, on average.
    """
    r = rng.stream(seed, NAME, "counts", side, n, index)
    joint = r.dirichlet(np.full(side * side, 5.0))
    exact = entropy.mutual_information(joint.reshape(side, side))
    counts = r.multinomial(n, joint, size=tables).reshape(tables, side, side).astype(float)
    left = corrected(counts) - exact
    again = [r.multinomial(n, table.ravel() / n, size=resamples) for table in counts[:20]]
    believed = [corrected(a.reshape(-1, side, side).astype(float)).std() for a in again]
    return {
        "bias": float(plug_in(counts).mean() - exact), "left": float(left.mean()), "formula": (side - 1) ** 2 / (2 * n),
        "error": float(np.sqrt((left**2).mean())), "believed": float(np.mean(believed)),
    }  # fmt: skip


def unbounded(*, seed: int, index: int, n: int) -> Result:
    """The histogram of two independent uniform variables with as many cells as samples (`grown`), and with 25."""
    r = rng.stream(seed, NAME, "cells", n, index)
    x, y = r.random((2, n))
    return {"grown": estimators.binned(x, y, round(n**0.5)), "fixed": estimators.binned(x, y, 5)}


def strangers(*, seed: int, index: int, n: int, information: float) -> Result:
    """Errors of histograms at each of `CUTS`, (cuts,), and of neighbours, for one pair of normal variables."""
    task = sparse(1, 1, information)
    x, y = task.sample(rng.stream(seed, NAME, "one pair", str(information), n, index), n)
    cells = [estimators.binned(x[:, 0], y[:, 0], b) for b in CUTS]
    return {"cells": np.array(cells) - information, "neighbours": estimators.ksg(x, y) - information}


def independent(*, seed: int, index: int, family: str, n: int, repetitions: int) -> Result:
    """Mean estimate by neighbours, and by ten cells a side, for independent X and Y of a family."""
    r = rng.stream(seed, NAME, "independent", family, index)
    pairs = [(_draw(r, family, n), _draw(r, family, n)) for _ in range(repetitions)]
    cells = [estimators.binned(x[:, 0], y[:, 0], 10) for x, y in pairs]
    return {"neighbours": float(np.mean([estimators.ksg(x, y) for x, y in pairs])), "cells": float(np.mean(cells))}


def _draw(r: np.random.Generator, family: str, n: int) -> Array:
    """n points of a family; `normal, 5 + 5` has five coordinates."""
    if family == "uniform":
        return r.random((n, 1))
    return r.standard_cauchy((n, 1)) if family == "Cauchy" else r.standard_normal((n, 5 if "5" in family else 1))


def needed(*, seed: int, index: int, information: float, sizes: list[int], within: float) -> Result:
    """Samples at which the mean error falls below `within` nats, by interpolation in log n; of one normal pair.

    By neighbours (`neighbours`) and by a fitted normal (`normal`); `errors` (sizes,) are those of neighbours.
    """
    task, r = sparse(1, 1, information), rng.stream(seed, NAME, "needed", str(information), index)
    errors = np.zeros((2, len(sizes)))
    for i, n in enumerate(sizes):
        repetitions = max(2, 8000 // n)
        for _ in range(repetitions):
            x, y = task.sample(r, n)
            found = np.array([estimators.ksg(x, y), fitted_normal(x, y)])
            errors[:, i] += (information - found) / repetitions
    reached = [crossing(sizes, np.abs(e), within) for e in errors]
    return {"neighbours": reached[0], "normal": reached[1], "errors": errors[0]}


def crossing(sizes: list[int], errors: Array, within: float) -> float:
    """log n at which falling errors reach `within`: straight between the last size above it and the next.

    The ends of the list where all errors are below it, or all above.
    """
    logs, above = np.log(sizes), np.flatnonzero(errors > within)
    if len(above) == 0 or above[-1] == len(sizes) - 1:
        return float(logs[0] if len(above) == 0 else logs[-1])
    i = above[-1]
    share = (errors[i] - within) / (errors[i] - errors[i + 1])
    return float(logs[i] + share * (logs[i + 1] - logs[i]))


def best_critic(*, seed: int, index: int, information: float, d: int, batch: int, batches: int) -> Result:
    """Bounds with the exact log-ratio as critic, on batches of d + d normal variables: (batches,) of each, in nats."""
    task, r = sparse(d, d, information), rng.stream(seed, NAME, "best", str(information), index)
    found: dict[str, list[float]] = {name: [] for name in ("InfoNCE", "DV", "NWJ", "SMILE", "leave one out")}
    for _ in range(batches):
        x, y = task.sample(r, batch)
        scores = task.log_ratio(x[None, :], y[:, None])
        found["InfoNCE"].append(estimators.info_nce(scores))
        found["DV"].append(estimators.donsker_varadhan(scores))
        found["NWJ"].append(estimators.nwj(scores + 1))
        found["SMILE"].append(estimators.smile(scores, 5.0))
        found["leave one out"].append(estimators.leave_one_out(scores))
    return {name: np.array(values) for name, values in found.items()}


def ratios(*, seed: int, index: int, information: float, d: int, draws: int, tau: float) -> Result:
    """Over independent pairs the variance of p(x, y)/(p(x) p(y)), and that of the ratio clipped to e^±tau."""
    task, r = sparse(d, d, information), rng.stream(seed, NAME, "ratios", str(information), index)
    (x, _), (_, y) = task.sample(r, draws), task.sample(r, draws)
    ratio = np.exp(task.log_ratio(x, y))
    return {"variance": float(ratio.var()), "clipped": float(np.clip(ratio, np.exp(-tau), np.exp(tau)).var())}


def pool(*, seed: int, index: int, information: float, d: int, n: int, share: int, samples: int) -> Result:
    """Samples of n pairs, each from a pool of `share` n^2 pairs of a normal distribution P, drawn anew each time.

    The pool's own information is log(share n^2): X tells which of its pairs it was. `distinct` is the part of samples
    without a repeated pair, which have the law of samples of P; `normal` the part in which a fitted normal exceeds the
    pool's information, `info_nce` that in which InfoNCE with the critic of P does; `found` the fitted normal's mean.
    """
    task, r, size = sparse(d, d, information), rng.stream(seed, NAME, "pool", index), share * n * n
    distinct, fits, bounds = [], [], []
    for _ in range(samples):
        rows = r.integers(size, size=n)
        # Pairs of the pool that no sample shows need not be drawn.
        kept, which = np.unique(rows, return_inverse=True)
        x, y = (side[which] for side in task.sample(r, len(kept)))
        distinct.append(len(kept) == n)
        fits.append(fitted_normal(x, y))
        bounds.append(estimators.info_nce(task.log_ratio(x[None, :], y[:, None])))
    limit = log(size)
    return {
        "distinct": float(np.mean(distinct)), "limit": limit, "found": float(np.mean(fits)),
        "normal": float(np.mean(np.array(fits) > limit)), "info_nce": float(np.mean(np.array(bounds) > limit)),
    }  # fmt: skip


def noisy_digits(*, seed: int, index: int, inputs: int, noise: float, draws: int) -> Result:
    """I(X; X + noise) for X one of `inputs` images of digits, equally likely: sampled, and its two bounds by distances.

    Pixels lie between 0 and 1, `noise` is the standard deviation. `exact` has the standard error `error`.
    """
    r = rng.stream(seed, NAME, "digits", index)
    h = data.digits().pixels
    h = h[r.permutation(len(h))[:inputs]]
    h = (h - h.min()) / np.ptp(h)
    rows = r.integers(inputs, size=draws)
    t = h[rows] + noise * r.standard_normal((draws, h.shape[1]))
    logs = t @ h.T / noise**2 - 0.5 * (h**2).sum(axis=1) / noise**2  # log p(t | x) up to what is the same for all x
    terms = logs[np.arange(draws), rows] - log_mean_exp(logs, axis=1)
    bounds = layer_information.noisy_information(h, np.zeros(inputs, dtype=int), noise**2)
    found: Result = {"exact": float(terms.mean()), "error": float(terms.std() / draws**0.5)}
    return found | {"lower": float(bounds.lower), "upper": float(bounds.upper)}


def moved(*, seed: int, index: int, n: int, information: float, image: str) -> Result:
    """Neighbours on a 2 + 2 normal sample and on its image: `plain`, `image`, and both after normal scores.

    `image` is cubic, half-cube or spiral, of x and of y.
    """
    task = sparse(2, 2, information)
    x, y = task.sample(rng.stream(seed, NAME, "moved", index), n)
    f = {"cubic": maps.CUBIC, "half-cube": maps.HALF_CUBE, "spiral": maps.spiral(1.0)}[image].forward
    pairs = {"plain": (x, y), "image": (f(x), f(y))}
    scored = {f"{name}, scores": tuple(maps.normal_scores(a) for a in pair) for name, pair in pairs.items()}
    return {name: estimators.ksg(*pair) for name, pair in (pairs | scored).items()}
