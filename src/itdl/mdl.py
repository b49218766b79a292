"""Description length: what labels cost when the model has to be sent too, by four codes.

Two-part
: weights rounded to a lattice, then the labels given them. Lattice points have words of -log(mass of their cell) under
  a Gaussian, so that the words of all of them satisfy Kraft's inequality with equality.

Bits back
: weights drawn from Q, worth E_Q[-log p(y|x, w)] + KL(Q||P) nats once the random bits of the draw are returned.

Mixture
: -log of the evidence, the shortest code with prior P; no weights are sent.

Prequential
: each label is predicted from those before it; no weights are sent either.

Lengths are in nats, and in bits where a function's name ends so.

Sources: blier2018description, sections 2 and 3 (the four codes); hinton1993keeping (bits back);
mackay2003information, chapter 28 (evidence); coverthomas2006, chapters 5 and 13 (lengths, mixtures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, logsumexp

from itdl import gaussian
from itdl.checks import Array, BadInput, finite, matrix, positive
from itdl.entropy import bits

__all__ = [
    "ROUNDING_LOSS",
    "Prequential",
    "Switching",
    "TwoPart",
    "bic",
    "block_ends",
    "lattice_lengths",
    "online_regression",
    "optimal_step",
    "prequential_bits",
    "switching",
    "two_part_bits",
    "variational_length",
]

# What rounding costs beyond the mixture code, nats a weight: 1/2 log(2 pi e/12), at the best step (`optimal_step`).
ROUNDING_LOSS = 0.5 * float(np.log(2 * np.pi * np.e / 12))


# Two parts


def lattice_lengths(points: ArrayLike, step: float, prior_sd: float) -> Array:
    """-log P(cell) of lattice points, nats: cells of width `step` about them, P = N(0, prior_sd^2).   (...) -> (...).

    The points must be multiples of `step`. Far out the difference of two tails is taken in logarithms.
    """
    q, width, sd = finite("points", points), positive("step", step), positive("prior_sd", prior_sd)
    if (off := np.abs(q / width - np.rint(q / width)).max()) > 1e-6:
        raise BadInput(
            f"points are up to {off:.3g} of a step off the lattice of step {width:g}; round them to it first"
        )
    # By symmetry all cells are moved to the left half, where both tails are small and keep their digits.
    high, low = (log_ndtr((-np.abs(q) + side * width / 2) / sd) for side in (1, -1))
    return np.asarray(-high - np.log(-np.expm1(low - high)))


def optimal_step(curvature: ArrayLike) -> Array:
    """sqrt(12/h): the lattice on which -log(step) + h step^2/24 nats are least, for curvature h of the loss.

    A rounding error spread evenly over a cell has variance step^2/12, so it costs h step^2/24 nats; at this step half a
    nat.   (...) -> (...).
    """
    h = finite("curvature", curvature)
    if (h <= 0).any():
        raise BadInput(f"curvature falls to {h.min():.3g}; a weight that the loss does not hold needs no digits at all")
    return np.asarray(np.sqrt(12 / h))


@dataclass(frozen=True)
class TwoPart:
    """The shortest of the tried two-part codes: bits for the choice of lattice and prior, the weights, the labels.

    `lengths` (steps, sds) are the totals of all that were tried; `weights` are the rounded ones.
    """

    choice_bits: float
    weight_bits: float
    label_bits: float
    step: float
    prior_sd: float
    weights: Array
    lengths: Array

    @property
    def total_bits(self) -> float:
        """All that is sent."""
        return self.choice_bits + self.weight_bits + self.label_bits


def two_part_bits(w: ArrayLike, loss: Callable[[Array], ArrayLike], steps: ArrayLike, sds: ArrayLike) -> TwoPart:
    """Round the weights to each lattice, price them under each prior, and take the cheapest, its choice charged.

    w (k,); `loss` maps rounded weights (steps, k) to the summed -log p(y|x, w) of each row, nats; both sides know the
    lists `steps` and `sds` beforehand, so that the choice costs log2 of their product.
    """
    centre = np.atleast_1d(finite("weights", w))
    if centre.ndim != 1:
        raise BadInput(f"weights have shape {centre.shape}; flatten them to one row")
    widths, deviations = (np.atleast_1d(finite(name, x)) for name, x in (("steps", steps), ("sds", sds)))
    rounded = np.rint(centre / widths[:, None]) * widths[:, None]
    labels = finite("loss of the rounded weights", loss(rounded))
    if labels.shape != widths.shape:
        raise BadInput(f"loss returned shape {labels.shape} for {len(widths)} rows of weights; one number for each")
    words = [[lattice_lengths(q, s, sd).sum() for sd in deviations] for q, s in zip(rounded, widths, strict=True)]
    choice = float(np.log2(len(widths) * len(deviations)))
    lengths = choice + bits(np.array(words)) + bits(labels)[:, None]
    i, j = (int(x) for x in np.unravel_index(lengths.argmin(), lengths.shape))
    parts = float(bits(words[i][j])), float(bits(labels[i]))
    return TwoPart(choice, *parts, float(widths[i]), float(deviations[j]), rounded[i], lengths)


# Mixtures


def bic(loss: ArrayLike, k: int, n: int) -> Array:
    """loss + k/2 log n, nats: the least loss of k parameters on n points, and the leading price of the parameters."""
    if not isinstance(k, int | np.integer) or not isinstance(n, int | np.integer) or k < 0 or n < 1:
        raise BadInput(f"k is {k} and n is {n}; they count parameters (0 or more) and points (1 or more)")
    return np.asarray(finite("loss", loss) + 0.5 * k * np.log(n))


def variational_length(
    mean: ArrayLike, cov: ArrayLike, x: ArrayLike, y: ArrayLike, prior_var: float, noise_var: float
) -> float:
    """E_Q[-log p(y|x, w)] + KL(Q||P), nats, of linear regression for Q = N(mean, cov), P = N(0, prior_var).

    y = X w + e, e ~ N(0, noise_var). x (n, k), y (n,), mean (k,), cov (k, k). Source: hinton1993keeping.
    """
    x, y, w, sigma = matrix("x", x), finite("y", y), finite("mean", mean), matrix("cov", cov)
    s2 = positive("noise_var", noise_var)
    if y.shape != x.shape[:1] or w.shape != x.shape[1:]:
        raise BadInput(f"x has shape {x.shape}, y {y.shape} and mean {w.shape}; give (n, k), (n,) and (k,)")
    misfit = np.sum((y - x @ w) ** 2) + np.sum((x @ sigma) * x)
    expected = 0.5 * len(y) * np.log(2 * np.pi * s2) + 0.5 * misfit / s2
    prior = positive("prior_var", prior_var) * np.eye(len(w))
    return float(expected) + gaussian.kl(w, sigma, 0 * w, prior)


# One after the other


def online_regression(x: ArrayLike, y: ArrayLike, prior_var: float, noise_var: float) -> Array:
    """-log p(y_t | x_t, all before) of each target, nats: Bayesian linear regression, updated after each.   -> (n,).

    y_t ~ N(x_t m, noise_var + x_t C x_t), and the posterior N(m, C) takes a rank-one step. x (n, k), y (n,).
    """
    x, y = matrix("x", x), finite("y", y)
    s2, cov = positive("noise_var", noise_var), positive("prior_var", prior_var) * np.eye(x.shape[-1])
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise BadInput(f"x has shape {x.shape} and y {y.shape}; give (n, k) and (n,)")
    mean, found = np.zeros(x.shape[1]), np.empty(len(y))
    for t, (row, target) in enumerate(zip(x, y, strict=True)):
        gain = cov @ row
        var, error = s2 + row @ gain, target - row @ mean
        found[t] = 0.5 * (np.log(2 * np.pi * var) + error**2 / var)
        mean, cov = mean + gain * error / var, cov - np.outer(gain, gain) / var
    return found


def block_ends(n: int, first: int, ratio: float = 2.0) -> np.ndarray:
    """Where blocks of labels end: at `first`, then growing by `ratio`, the last at n.

    block_ends(100, 10) = 10, 20, 40, 80, 100. Raises `BadInput` for a first block without labels or of more than all.
    """
    if not isinstance(first, int | np.integer) or not isinstance(n, int | np.integer) or not 1 <= first <= n:
        raise BadInput(f"first is {first} of n = {n}; the first block has at least one label and at most all")
    if positive("ratio", ratio) <= 1:
        raise BadInput(f"ratio is {ratio}; blocks must grow, take a ratio above 1")
    ends = [int(first)]
    while ends[-1] < n:
        ends.append(min(int(n), max(ends[-1] + 1, round(ends[-1] * ratio))))
    return np.array(ends)


@dataclass(frozen=True)
class Prequential:
    """Bits of each block of labels, (..., blocks), and of all of them together."""

    blocks: Array

    @property
    def total_bits(self) -> Array:
        """The whole message.   -> (...)."""
        return np.asarray(self.blocks.sum(axis=-1))


def prequential_bits(losses: ArrayLike, ends: ArrayLike, classes: int) -> Prequential:
    """The length of labels sent block by block, each with the model trained on all blocks before it.

    losses (..., n): -log p of each label under the model of its block, nats; those of the first block are not looked
    at, because nothing is known before it: it costs log2 `classes` a label. `ends` as `block_ends` gives.
    Source: blier2018description, section 3.3.
    """
    values, cuts = finite("losses", losses), finite("ends", ends).astype(int)
    if cuts.ndim != 1 or (np.diff(cuts, prepend=0) <= 0).any() or cuts[-1] != values.shape[-1]:
        raise BadInput(f"ends are {cuts.tolist()} for {values.shape[-1]} labels; they must rise, and end there")
    if not isinstance(classes, int | np.integer) or classes < 2:
        raise BadInput(f"classes is {classes}; there must be two at least")
    starts = np.concatenate([[0], cuts[:-1]])
    blocks = np.array(bits(np.add.reduceat(values, starts, axis=-1)))
    blocks[..., 0] = cuts[0] * np.log2(classes)
    return Prequential(blocks)


@dataclass(frozen=True)
class Switching:
    """Nats of each block by a mixture that may change its model, (..., blocks), and the models' weights before it.

    `weights` is (models, ..., blocks); its first column is the same for all models.
    """

    blocks: Array
    weights: Array


def switching(lengths: ArrayLike, share: float) -> Switching:
    """Code with several models at once, not knowing which is best when: before each further block the weights mix.

    w_b ~ (1 - share) w_{b-1} exp(-l_{b-1}) + share/models, and a block costs -log sum_m w exp(-l), nats. Against any
    sequence of models with s changes in B blocks it loses at most log M - (B - 1 - s) log(1 - share + share/M)
    - s log(share/M).   lengths (M, ..., blocks), nats. Source: blier2018description, section 3.3 (the idea).
    """
    nats, alpha = finite("lengths", lengths), positive("share", share, zero=True)
    if nats.ndim < 2 or alpha > 1:
        raise BadInput(f"lengths have shape {nats.shape} and share is {share}; give (models, ..., blocks), and 0 to 1")
    models = len(nats)
    logs, before, found = np.full(nats.shape[:-1], -np.log(models)), [], []
    for block in np.moveaxis(nats, -1, 0):
        before.append(np.exp(logs))
        found.append(-logsumexp(logs - block, axis=0))
        with np.errstate(divide="ignore"):
            logs = np.logaddexp(np.log1p(-alpha) + logs - block + found[-1], np.log(alpha / models))
    return Switching(np.stack(found, axis=-1), np.stack(before, axis=-1))
