"""Experiments of chapter 02 on random labels: threshold units, and small networks of ReLUs trained until they fit.

Points are standard normal, labels fair coins; nothing connects them, so whatever a network gets right it has stored.
Networks have one hidden layer and one output, whose sign is the label; `repetitions` of them, each with points, labels
and start of its own, are trained at once, on all points in every step. Losses are mean cross-entropies in nats.

Sources: cover1965geometrical (the threshold unit), zhang2017understanding (random labels as a test of capacity).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from itdl import capacity, rng, training
from itdl.checks import Array
from itdl.networks import Parameters, Perceptrons
from itdl.sweep import Result

__all__ = ["NAME", "count", "crossings", "dropping", "every_labelling", "networks", "perceptrons"]

NAME = "memorised labels"


def count(hidden: int, inputs: int) -> int:
    """Weights and biases of a network with one hidden layer and one output."""
    return hidden * (inputs + 2) + 1


def every_labelling(x: Array) -> int:
    """Of all 2^N labellings of the points, those that a threshold unit realises, by trying each.   x (N, K)."""
    n = len(x)
    signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    return sum(capacity.separate(x, y).separable for y in signs.astype(float))


def crossings(weights: float, levels: list[float]) -> Array:
    """Where T(N, K)/2^N falls through each level, N between whole numbers interpolated.   levels (l,) -> (l,)."""
    n = np.arange(weights, 6 * weights + 10)
    share = capacity.separable_fraction(n, weights)
    return np.asarray(np.interp(-np.asarray(levels), -share, n))


def perceptrons(*, seed: int, index: int, weights: int, ratios: list[float], repeats: int) -> Result:
    """Share of labellings, one for each of `repeats` sets of N = ratio K points, that a unit of K weights realises.

    -> `points` N and `share`, (R,) each. Every answer, yes or no, carries its proof, or `capacity.separate` refuses.
    """
    points = [round(ratio * weights) for ratio in ratios]
    shares = [np.mean([_separable(seed, index, weights, n, i) for i in range(repeats)]) for n in points]
    return {"points": np.array(points, dtype=float), "share": np.array(shares)}


def _separable(seed: int, index: int, weights: int, n: int, repeat: int) -> bool:
    r = rng.stream(seed, NAME, "perceptron", index, weights, n, repeat)
    return capacity.separate(r.standard_normal((n, weights)), r.choice([-1.0, 1.0], n)).separable


def dropping(*, seed: int, rate: float = 0.3) -> tuple[float, float]:
    """The loss of linear regression averaged over all 2^12 ways to drop the 12 entries of X, against the ridge penalty.

    -> relative differences: with the penalty of each weight, and with one for all of the same mean.
    """
    r = rng.stream(seed, NAME, "dropping")
    x, y, w = r.standard_normal((4, 3)) * [0.5, 1.0, 2.0], r.standard_normal(4), r.standard_normal(3)
    kept = ((np.arange(2**12)[:, None] >> np.arange(12)) & 1).reshape(-1, 4, 3)
    chance = np.prod(np.where(kept, 1 - rate, rate), axis=(1, 2))
    mean = chance @ ((y - (kept * x / (1 - rate)) @ w) ** 2).sum(axis=1)
    (penalty,) = capacity.dropout_penalty(x, rate)
    plain = ((y - x @ w) ** 2).sum()
    own, common = (float(plain + p @ w**2) for p in (penalty, np.full(3, penalty.mean())))
    return abs(own / mean - 1), abs(common / mean - 1)


def networks(
    *, seed: int, repetitions: int, inputs: int, hidden: int, ratio: float, steps: int, rate: float,
    decay: float = 0.0, dropout: float = 0.0,
) -> Result:  # fmt: skip
    """Networks trained by AdamW on n = ratio N random labels, N their number of weights.

    -> `points` n, `weights` N; of each repetition, (S,): `loss` on the labels at the end, without dropping units,
    `other` on fresh labels of the same points, `error` the share of labels it gets wrong.
    """
    net, n = Perceptrons((inputs, hidden, 1), "relu"), round(ratio * count(hidden, inputs))
    streams = [rng.torch_stream(seed, NAME, "data", hidden, n, s) for s in range(repetitions)]
    x = torch.stack([torch.randn(n, inputs, generator=g, dtype=torch.float64) for g in streams])
    y, fresh = (torch.stack([_coins(n, g) for g in streams]) for _ in range(2))
    starts = [rng.torch_stream(seed, NAME, "start", hidden, n, s) for s in range(repetitions)]
    loss = _loss(net, x, y, dropout, rng.torch_stream(seed, NAME, "dropped", hidden, n))
    start = net.initialise(starts, dtype=torch.float64)
    ((_, end),) = training.adamw(loss, start, steps=steps, rate=rate, decay=decay, warm_up=steps // 20, keep=[steps])
    with torch.no_grad():
        z = net.forward(end, x)[..., 0]
    return {
        "points": float(n),
        "weights": float(count(hidden, inputs)),
        "loss": softplus(-y * z).mean(dim=1).numpy(),
        "other": softplus(-fresh * z).mean(dim=1).numpy(),
        "error": (y * z <= 0).double().mean(dim=1).numpy(),
    }


def _loss(
    net: Perceptrons, x: Tensor, y: Tensor, dropout: float, generator: torch.Generator
) -> Callable[[Parameters, int], Tensor]:
    def loss(parameters: Parameters, _: int) -> Tensor:
        kept = net.dropout(len(x), x.shape[1], dropout, generator, dtype=x.dtype) if dropout else None
        return softplus(-y * net.forward(parameters, x, kept)[..., 0]).mean(dim=1)

    return loss


def _coins(n: int, generator: torch.Generator) -> Tensor:
    return 2 * torch.randint(2, (n,), generator=generator).double() - 1
