"""Codebooks of soft clusters: arrays (T, 1 + Y) of log p(t) and log p(y|t), and what can be done with them.

Two kinds of mean put decoders together: arithmetic (of probabilities), and geometric (of logarithms, normalised).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from itdl.checks import Array
from itdl.numerics import log_normalise

__all__ = [
    "ABSENT",
    "TINY",
    "alike",
    "from_sums",
    "gap",
    "joined",
    "merged",
    "metric",
    "normalised",
    "overlaps",
    "padded",
]

TINY = 1e-300
ABSENT = -1e30  # log p(t) of a padded row
DEEPEST = -460.0  # log p(t) of a cluster that has lost its mass: far below any weight that counts
SPAN = 690.0  # log-probabilities beyond are cut off: their exponentials leave the range of floating point
NEGLIGIBLE = 1e-6  # a cluster of less mass may be dropped


def from_sums(sums: Array, *, geometric: bool) -> tuple[Array, Array]:
    """Codebooks and their `metric` from sum_x p(x, t) (1, A(x)), A(x) = p(y|x), or log p(y|x) if `geometric`.

    (..., 1 + Y) -> two arrays of the same shape.
    """
    mass = np.maximum(sums[..., :1], TINY)
    code = np.empty_like(sums)
    code[..., :1] = np.maximum(np.log(mass), DEEPEST)
    if geometric:
        code[..., 1:] = log_normalise(sums[..., 1:] / mass)
        return code, metric(code)
    code[..., 1:] = np.log(np.maximum(sums[..., 1:] / mass, TINY))
    return code, sums


def normalised(state: Array) -> Array:
    """Weights and decoders made to sum to one.   (..., T, 1 + Y) of any logarithms -> same shape."""
    code = np.empty_like(state)
    code[..., :1] = log_normalise(state[..., :1], axis=-2)
    # Products with ones are several times faster than sums and maxima along so short an axis.
    log_dec = np.clip(state[..., 1:], -SPAN, SPAN)
    total = np.exp(log_dec) @ np.ones((log_dec.shape[-1], 1))
    np.subtract(log_dec, np.log(total), out=code[..., 1:])
    return code


def metric(state: Array) -> Array:
    """p(t) for log p(t), p(t) p(y|t) for log p(y|t): the diagonal of the Fisher information of p(t, y)."""
    weights = np.exp(state[..., :1])
    return np.concatenate([weights, weights * np.exp(state[..., 1:])], axis=-1)


def gap(state: Array, image: Array, weight: Array) -> Array:
    """1/8 sum_t p(t) [(d log p(t))^2 + sum_y p(y|t) (d log p(y|t))^2], with the `metric` of one of them as weight.

    For a small change it is the Jensen-Shannon divergence of the two p(t, y).   (B, T, 1 + Y) -> (B,).
    """
    step = image - state
    return np.asarray(np.einsum("btn,btn,btn->b", weight, step, step) / 8)


def joined(one: Array, other: Array, share: float = 0.5) -> Array:
    """Both codebooks in one, the other's clusters with `share` of the mass."""
    both = np.concatenate([one, other])
    both[:, 0] += np.repeat(np.log([1 - share, share]), [len(one), len(other)])
    return both


def overlaps(one: Array, other: Array) -> Array:
    """sum_y sqrt(p(y|t) p(y|s)), one minus the squared Hellinger distance of each pair of decoders.   -> (T, S)."""
    return np.asarray(np.exp(one[:, 1:] / 2) @ np.exp(other[:, 1:] / 2).T)


def alike(one: Array, other: Array, distance: float = 0.01) -> bool:
    """Whether both have as many clusters, each with a decoder of the other within a squared Hellinger distance."""
    if len(one) != len(other):
        return False
    overlap = overlaps(one, other)
    return bool(min(overlap.max(axis=0).min(), overlap.max(axis=1).min()) > 1 - distance)


def merged(codebook: Array, distance: float, *, geometric: bool) -> Array:
    """Clusters chained by squared Hellinger distances below `distance` put together, those without mass left out."""
    weights, decoders = np.exp(codebook[:, 0]), np.exp(codebook[:, 1:])
    keep = weights > min(NEGLIGIBLE, weights.max() / 2)
    close = overlaps(codebook[keep], codebook[keep]) > 1 - distance
    if close.sum() == len(codebook):
        return codebook
    n, label = connected_components(close, directed=False)
    share = np.zeros((n, len(label)))
    share[label, np.arange(len(label))] = weights[keep]
    features = codebook[keep, 1:] if geometric else decoders[keep]
    sums = np.hstack([share.sum(axis=1, keepdims=True), share @ features]) / share.sum()
    return from_sums(sums, geometric=geometric)[0]


def padded(codebooks: list[Array]) -> Array:
    """Codebooks as one array (B, T, 1 + Y), rows without mass added."""
    width = codebooks[0].shape[1]
    state = np.full((len(codebooks), max(map(len, codebooks)), width), -np.log(width - 1))
    state[..., 0] = ABSENT
    for row, codebook in zip(state, codebooks, strict=True):
        row[: len(codebook)] = codebook
    return state
