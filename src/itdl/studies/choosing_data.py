"""Experiments of chapter 01 on choosing data: exact runs in the plane, batches, and networks on digits.

`index` numbers independent repetitions. Policies of one repetition see the same pool, the same labels, the same start
and the same tie rule; they differ in nothing but their score.

Sources: houlsby2011bayesian, gal2017deep (policies), kirsch2019batchbald (batches).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from scipy.special import expit, softmax

from itdl import acquisition as acquire
from itdl import rng
from itdl.checks import Array, BadInput
from itdl.studies import predictions
from itdl.sweep import Result

__all__ = ["NAME", "POLICIES", "POOLS", "batches", "digits", "hypotheses", "identities", "plane", "pool_of"]

NAME = "choosing data"
POLICIES = ["random", "entropy", "BALD", "certain"]
POOLS = ["sharp", "soft", "coins"]
ANGLES, MAGNITUDES = 120, (1.0, 3.0, 10.0)
COINS = 0.3  # share of inputs whose label is a coin flip, in the pool of that name


def hypotheses(x: Array, *, sharp: bool = False) -> Array:
    """p(y | x, h) of lines through the origin, logistic or never in doubt.   x (..., N, 2) -> (..., H, N, 2).

    120 directions; logistic ones with three magnitudes each, 360 in all.
    """
    angles = 2 * np.pi * (np.arange(ANGLES) + 0.5) / ANGLES
    side = np.swapaxes(x @ np.stack([np.cos(angles), np.sin(angles)]), -1, -2)
    one = (side > 0).astype(float) if sharp else np.concatenate([expit(m * side) for m in MAGNITUDES], axis=-2)
    return np.stack([1 - one, one], axis=-1)


def plane(
    *, seed: int, index: int, kind: str, policy: str, runs: int, pool: int, steps: int, test: int = 500
) -> Result:
    """`runs` runs on pools of Gaussian points, each with a hypothesis drawn as the truth, averaged.

    `accuracy` (steps + 1,): agreement of the mean prediction with the truth's more probable label on new points;
    `entropy` (steps + 1,) of the weights; `coins`: share of the labels asked for that are coin flips; `chosen` (runs,
    steps), the inputs asked for. `kind` is one of `POOLS`: sharp hypotheses, logistic ones, or logistic ones in a pool
    of which 30 % of the labels are coin flips, and known to be.
    """
    if kind not in POOLS:
        raise BadInput(f"kind is {kind!r}; known are {', '.join(POOLS)}")
    r = rng.stream(seed, NAME, "plane", index)  # the same draws for every kind and policy
    x, new = r.standard_normal((runs, pool, 2)), r.standard_normal((test, 2))
    u, priority = r.random((runs, pool)), r.random((runs, pool))
    p, judged = hypotheses(x, sharp=kind == "sharp"), hypotheses(new, sharp=kind == "sharp")
    coins = (r.random((runs, pool)) < COINS) & (kind == "coins")
    p[np.broadcast_to(coins[:, None], p.shape[:-1])] = 0.5
    truth = r.integers(p.shape[1], size=runs)
    labels = (u < p[np.arange(runs), truth, :, 1]).astype(int)
    weights = np.full(p.shape[1], 1 / p.shape[1])
    history = acquire.learn(weights, p, labels, policy=policy, steps=steps, priority=priority)
    right = judged[truth, :, 1] > 0.5  # (runs, test)
    said = np.einsum("rsh,hn->rsn", history.weights, judged[..., 1], optimize=True) > 0.5
    picked = np.take_along_axis(coins, history.chosen, axis=1)
    return {
        "accuracy": (said == right[:, None]).mean(axis=(0, 2)),
        "entropy": history.entropy.mean(axis=0),
        "coins": float(picked.mean()),
        "chosen": history.chosen,
    }


def pool_of(seed: int, index: int, *, inputs: int, classes: int = 3, count: int = 16) -> tuple[Array, Array]:
    """A random pool: weights of `count` hypotheses and their predictions, sure and unsure ones.   (H,), (H, N, C)."""
    r = rng.stream(seed, NAME, "pool", index)
    return r.dirichlet(np.ones(count)), r.dirichlet(np.full(classes, 0.1), size=(count, inputs))


def identities(*, seed: int, index: int, inputs: int) -> Result:
    """On a random pool, in nats: largest |BALD - expected drop|, and the same for the predictive entropy (`slip`).

    Also the share of pairs of inputs that margin and entropy order differently, with `two` classes and with `three`;
    `two_slip`, the same for BALD in the place of the margin.
    """
    weights, p = pool_of(seed, index, inputs=inputs)
    drop = acquire.entropy_drop(weights, p)
    two = np.stack([p[..., 0], 1 - p[..., 0]], axis=-1)
    return {
        "drop": float(np.abs(acquire.bald(weights, p) - drop).max()),
        "drop_slip": float(np.abs(acquire.predictive_entropy(weights, p) - drop).max()),
        "two": _disorder(acquire.margin(acquire.predictive(weights, two)), acquire.predictive_entropy(weights, two)),
        "two_slip": _disorder(acquire.bald(weights, two), acquire.predictive_entropy(weights, two)),
        "three": _disorder(acquire.margin(acquire.predictive(weights, p)), acquire.predictive_entropy(weights, p)),
    }


def _disorder(a: Array, b: Array) -> float:
    """Share of pairs that the two scores order differently; what lies closer than 1e-12 is a tie in either."""
    first, second = (np.where(np.abs(d) > 1e-12, d, 0) for d in (s[:, None] - s for s in (a, b)))
    return float(np.mean(np.sign(first) * np.sign(second) < 0))


def batches(*, seed: int, index: int, pools: int, inputs: int, size: int) -> Result:
    """Batches of `size` in random pools in which each input stands `size` times.

    `excess`, smallest sum of single scores less joint information of a batch of the best single ones, in nats; `greedy`
    and `single`, smallest information of the greedy batch and of that one, over that of the best batch.
    """
    found = [_batch(*pool_of(seed, index * pools + i, inputs=inputs), size) for i in range(pools)]
    return {name: float(min(one[name] for one in found)) for name in found[0]}


def _batch(weights: Array, p: Array, size: int) -> dict[str, float]:
    p = np.concatenate([p] * size, axis=1)
    scores = acquire.bald(weights, p)
    top = np.argsort(-scores, kind="stable")[:size]
    best = max(acquire.joint_information(weights, p, rows) for rows in combinations(range(p.shape[1]), size))
    joint = acquire.joint_information(weights, p, top.tolist())
    greedy = float(acquire.batch_bald(weights, p, size).information[-1])
    return {"excess": float(scores[top].sum()) - joint, "greedy": greedy / best, "single": joint / best}


def digits(
    *, seed: int, index: int, source: str, dirty: bool, members: int, start: int, batch: int, rounds: int, pool: int,
    n_test: int, hidden: int, epochs: int, rate: float,
) -> Result:  # fmt: skip
    """An ensemble per policy learns images, `batch` labels a round, chosen by score from a pool.

    In a `dirty` pool as many images again are the mean of two images of different classes, their label the toss of a
    coin between the two. In the order of POLICIES: `accuracy` (policies, rounds + 1) on `n_test` clean images and
    `dirty` (policies,), the share of coins among the labels asked for; `labels` (rounds + 1,), how many are known.
    """
    pixels, labels = predictions.read(source)
    predictions.enough(labels, n_test + start + pool)
    order = rng.stream(seed, NAME, "digits", index).permutation(len(labels))
    test, clean = order[:n_test], order[n_test : n_test + start + pool]
    x, y = pixels[clean], labels[clean]
    if dirty:
        mixed, tossed = _mixtures(x[start:], y[start:], seed, index)
        x, y = np.concatenate([x, mixed]), np.concatenate([y, tossed])
    priority = rng.stream(seed, NAME, "priority", index).random(len(y))
    known = np.tile(np.arange(start), (len(POLICIES), 1))
    accuracy = np.empty((len(POLICIES), rounds + 1))
    for step in range(rounds + 1):
        p = _ensembles(x, y, np.concatenate([x, pixels[test]]), known, seed, index, step, members, hidden, epochs, rate)
        mean = p[:, :, len(y) :].mean(axis=1)
        accuracy[:, step] = (mean.argmax(axis=-1) == labels[test]).mean(axis=1)
        if step < rounds:
            picks = [
                _picked(policy, q[:, : len(y)], priority, rows, batch)
                for policy, q, rows in zip(POLICIES, p, known, strict=True)
            ]
            known = np.concatenate([known, np.stack(picks)], axis=1)
    share = (known[:, start:] >= start + pool).mean(axis=1)
    return {"accuracy": accuracy, "labels": start + batch * np.arange(rounds + 1), "dirty": share}


def _mixtures(x: Array, y: np.ndarray, seed: int, index: int) -> tuple[Array, np.ndarray]:
    """For each image its mean with one of another class, and the label of either by a coin."""
    r = rng.stream(seed, NAME, "mixtures", index)
    partner = np.array([r.choice(np.flatnonzero(y != own)) for own in y])
    return (x + x[partner]) / 2, np.where(r.random(len(y)) < 0.5, y, y[partner])


def _ensembles(
    x: Array, y: np.ndarray, asked: Array, known: np.ndarray, seed: int, index: int, step: int, members: int,
    hidden: int, epochs: int, rate: float,
) -> Array:  # fmt: skip
    """Predictions of one ensemble per row of `known`, trained on those images.   -> (P, M, N, 10)."""
    rows = np.repeat(known, members, axis=0)
    names: list[tuple[str | int, ...]] = [(m, index, step) for _ in known for m in range(members)]
    networks, end = predictions.train(
        torch.as_tensor(x[rows]), torch.as_tensor(y[rows]), names,
        seed=seed, hidden=hidden, epochs=epochs, batch=rows.shape[1], rate=rate,
    )  # fmt: skip
    logits = networks.forward(end, torch.as_tensor(asked)).numpy()
    return np.asarray(softmax(logits, axis=-1).reshape(len(known), members, len(asked), -1))


def _picked(policy: str, p: Array, priority: Array, known: np.ndarray, batch: int) -> np.ndarray:
    """The `batch` inputs with the highest scores that are not known, ties by priority.   p (members, N, 10)."""
    mean, noise = p.mean(axis=0), -(p * np.log(p)).sum(axis=-1).mean(axis=0)
    scores = acquire.POLICIES[policy](mean, noise)
    scores[known] = -np.inf
    return np.lexsort([priority, scores])[::-1][:batch]
