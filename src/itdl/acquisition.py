"""Which label to ask for next: scores of unlabelled inputs, exact for a finite set of hypotheses. In nats.

A hypothesis h gives probabilities p(y | x, h); `weights` (..., H) say how probable each one is after the labels D seen
so far. A pool of N inputs with C classes is an array `p` (..., H, N, C), and its mean prediction is
p(y | x, D) = sum_h w_h p(y | x, h). For an ensemble of networks, H counts its members and the weights are equal.

    predictive entropy  H[p(y | x, D)]                               what is not known about the label
    BALD                H[p(y | x, D)] - sum_h w_h H[p(y | x, h)]    what the label would tell about h: I(y; h | x, D)

The second is also the expected drop of the entropy of the weights; what the first has more is noise, which no label
removes. Labels are independent given h, so that the joint information I(y_1 ... y_k; h) is submodular and a greedy
choice reaches 1 - 1/e of the best batch or more: for the exact joint computed here, not for one estimated from samples.

Sources: houlsby2011bayesian (BALD), gal2017deep (other scores), kirsch2019batchbald (batches).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from itdl.checks import Array, BadInput, finite, simplex

__all__ = [
    "POLICIES",
    "Batch",
    "History",
    "bald",
    "batch_bald",
    "best",
    "entropy_drop",
    "joint_information",
    "learn",
    "margin",
    "predictive",
    "predictive_entropy",
    "update",
]

TIE = 1e-12  # scores closer than this are rounding apart, and count as equal
OUTCOMES = 1 << 16  # joint labels of one batch that are enumerated

# Mean prediction (..., N, C) and expected entropy of a hypothesis' prediction (..., N) -> score (..., N).
Policy = Callable[[Array, Array], Array]


def predictive(weights: ArrayLike, p: ArrayLike) -> Array:
    """p(y | x, D) = sum_h w_h p(y | x, h).   weights (..., H), p (..., H, N, C) -> (..., N, C)."""
    return _mean(*_pool(weights, p))


def predictive_entropy(weights: ArrayLike, p: ArrayLike) -> Array:
    """H[p(y | x, D)], in nats.   weights (..., H), p (..., H, N, C) -> (..., N)."""
    return _entropy(_mean(*_pool(weights, p)))


def bald(weights: ArrayLike, p: ArrayLike) -> Array:
    """I(y; h | x, D) = H[p(y | x, D)] - sum_h w_h H[p(y | x, h)], in nats.   (..., H), (..., H, N, C) -> (..., N)."""
    weights, p = _pool(weights, p)
    return np.asarray(_entropy(_mean(weights, p)) - _mean(weights, _entropy(p)[..., None])[..., 0])


def margin(prediction: ArrayLike) -> Array:
    """Minus the lead of the first class over the second: 0 where they tie.   (..., C) -> (...)."""
    prediction = simplex("prediction", prediction)
    if prediction.shape[-1] < 2:
        raise BadInput("prediction has one class; a margin needs two or more")
    return _lead(prediction)


def entropy_drop(weights: ArrayLike, p: ArrayLike) -> Array:
    """H(w) - sum_y p(y | x, D) H(w | x, y): the drop of the entropy of the weights that a label is expected to bring.

    Computed from the updated weights, so that it is a second road to `bald`.   (H,), (H, N, C) -> (N,).
    """
    weights, p = _one_pool(weights, p)
    joint = weights[:, None, None] * p
    label = joint.sum(axis=0)
    after = np.divide(joint, label, out=np.zeros_like(joint), where=label > 0)
    return np.asarray(_entropy(weights) - (label * _entropy(np.moveaxis(after, 0, -1))).sum(axis=-1))


def update(weights: ArrayLike, likelihood: ArrayLike) -> Array:
    """Bayes: w_h p(y | x, h) / sum of these for the label y that was seen.   (..., H), (..., H) -> (..., H)."""
    return _updated(simplex("weights", weights), finite("likelihood", likelihood))


def best(scores: ArrayLike, priority: ArrayLike | None = None) -> np.ndarray:
    """Index of the highest score; of those within 1e-12 of it, the one with the highest priority, else the first.

    scores (..., N), -inf for inputs that are gone; priority (..., N) -> (...).
    """
    scores = np.asarray(scores, dtype=float)
    top = scores.max(axis=-1, keepdims=True)
    if not np.isfinite(top).all():
        raise BadInput("no finite score is left to choose from; ask for fewer labels, or mend the scores")
    rank = -np.arange(scores.shape[-1], dtype=float) if priority is None else finite("priority", priority)
    return np.asarray(np.where(scores >= top - TIE, rank, -np.inf).argmax(axis=-1))


@dataclass(frozen=True)
class Batch:
    """Inputs in the order they were chosen, and the joint information of the first 1, 2, ... of them, in nats."""

    rows: tuple[int, ...]
    information: Array


def joint_information(weights: ArrayLike, p: ArrayLike, rows: Sequence[int]) -> float:
    """I(y_1 ... y_k; h | x_1 ... x_k, D) of the inputs `rows`, by all C^k labels.   (H,), (H, N, C) -> nats."""
    weights, p = _one_pool(weights, p)
    _enumerable(p, len(rows))
    joint = np.ones((len(weights), 1))
    for row in rows:
        joint = _joined(joint, p[:, row])
    noise = sum(float(weights @ _entropy(p[:, row])) for row in rows)
    return float(_entropy(weights @ joint)) - noise


def batch_bald(weights: ArrayLike, p: ArrayLike, size: int) -> Batch:
    """`size` inputs, each the one that adds most to the joint information.   weights (H,), p (H, N, C)."""
    weights, p = _one_pool(weights, p)
    if not 1 <= size <= p.shape[1]:
        raise BadInput(f"size is {size} for a pool of {p.shape[1]}; a batch has at least one input and no input twice")
    _enumerable(p, size)
    noise = weights @ _entropy(p)
    joint, spent, rows, information = np.ones((len(weights), 1)), 0.0, list[int](), np.empty(size)
    for k in range(size):
        labels = np.tensordot(weights[:, None] * joint, p, axes=(0, 0)).swapaxes(0, 1)  # (N, C^k, C)
        scores = _entropy(labels.reshape(p.shape[1], -1)) - noise - spent
        scores[rows] = -np.inf
        row = int(best(scores))
        joint, spent = _joined(joint, p[:, row]), spent + noise[row]
        rows.append(row)
        information[k] = scores[row]
    return Batch(tuple(rows), information)


@dataclass(frozen=True)
class History:
    """R runs: the inputs asked for, (R, steps), and the weights before and after each label, (R, steps + 1, H)."""

    chosen: np.ndarray
    weights: Array

    @property
    def entropy(self) -> Array:
        """Entropy of the weights, in nats, (R, steps + 1)."""
        return _entropy(self.weights)


def learn(
    weights: ArrayLike, p: ArrayLike, labels: ArrayLike, *, policy: str, steps: int, priority: ArrayLike
) -> History:
    """Ask for `steps` labels one after the other, no input twice, and update the weights by Bayes after each.

    weights (H,), p (R, H, N, C), labels (R, N); `priority` (R, N) breaks ties, so that policies can be compared that
    differ in nothing else. `policy` is one of `POLICIES`; "random" is the priority alone.
    """
    labels, priority = np.asarray(labels), finite("priority", priority)
    first, p = simplex("weights", weights), np.ascontiguousarray(simplex("p", p))  # else copied in every step
    if p.ndim != 4 or first.shape != p.shape[1:2] or not labels.shape == priority.shape == p.shape[::2]:
        raise BadInput(
            f"weights {first.shape}, p {p.shape}, labels {labels.shape} and priority {priority.shape} do not belong "
            "together; pass (H,), (R, H, N, C), (R, N) and (R, N)"
        )
    if p.shape[3] < 2 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= p.shape[3]:
        raise BadInput(f"labels are not whole numbers below {p.shape[3]}; number two classes or more from zero")
    if policy not in POLICIES:
        raise BadInput(f"policy is {policy!r}; known are {', '.join(POLICIES)}")
    if not 0 < steps <= p.shape[2]:
        raise BadInput(f"steps is {steps} for a pool of {p.shape[2]}; ask for at least one label, and no input twice")
    noise, runs = _entropy(p)[..., None], np.arange(len(p))
    chosen = np.empty((len(p), steps), dtype=np.int64)
    path = np.empty((len(p), steps + 1, len(first)))
    path[:, 0] = first
    left = np.zeros(labels.shape)  # -inf once an input was asked for
    for step in range(steps):
        now = path[:, step]
        scores = POLICIES[policy](_mean(now, p), _mean(now, noise)[..., 0])
        at = chosen[:, step] = best(scores + left, priority)
        left[runs, at] = -np.inf
        path[:, step + 1] = _updated(now, p[runs, :, at, labels[runs, at]])
    return History(chosen, path)


def _entropy(p: Array) -> Array:
    """-sum p log p over the last axis, unchecked."""
    return np.asarray(-xlogy(p, p).sum(axis=-1))


def _lead(p: Array) -> Array:
    top = np.partition(p, -2, axis=-1)
    return np.asarray(top[..., -2] - top[..., -1])


def _mean(weights: Array, values: Array) -> Array:
    """sum_h w_h values_h, unchecked.   (..., H), (..., H, N, C) -> (..., N, C)."""
    flat = values.reshape(*values.shape[:-2], -1)
    means = (weights[..., None, :] @ flat)[..., 0, :]
    return np.asarray(means.reshape(*means.shape[:-1], *values.shape[-2:]))


def _updated(weights: Array, likelihood: Array) -> Array:
    joint = weights * likelihood
    total = joint.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise BadInput("no hypothesis with weight allows the label that was seen; add one that does")
    return np.asarray(joint / total)


def _joined(joint: Array, p: Array) -> Array:
    """Probabilities of all labels so far and the next one, given h.   (H, K), (H, C) -> (H, K C)."""
    return np.asarray((joint[:, :, None] * p[:, None, :]).reshape(len(p), -1))


def _pool(weights: ArrayLike, p: ArrayLike) -> tuple[Array, Array]:
    weights, p = simplex("weights", weights), simplex("p", p)
    if p.ndim < 3 or p.shape[-3] != weights.shape[-1]:
        raise BadInput(
            f"p has shape {p.shape} for weights of shape {weights.shape}; it must be (..., hypotheses, inputs, classes)"
        )
    return weights, p


def _one_pool(weights: ArrayLike, p: ArrayLike) -> tuple[Array, Array]:
    weights, p = _pool(weights, p)
    if weights.ndim != 1 or p.ndim != 3:
        raise BadInput(f"weights {weights.shape} and p {p.shape} are many pools; pass one, (H,) and (H, N, C)")
    return weights, p


def _enumerable(p: Array, size: int) -> None:
    if p.shape[2] ** size > OUTCOMES:
        raise BadInput(f"{size} labels of {p.shape[2]} classes have more than {OUTCOMES} outcomes; take fewer")


POLICIES: dict[str, Policy] = {
    "random": lambda mean, noise: np.zeros_like(noise),
    "entropy": lambda mean, noise: _entropy(mean),
    "margin": lambda mean, noise: _lead(mean),
    "BALD": lambda mean, noise: _entropy(mean) - noise,
    "certain": lambda mean, noise: -_entropy(mean),
}
