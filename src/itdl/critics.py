"""Lower bounds on mutual information from trained critics f(x, y), many data sets and starts at once, in nats.

A critic scores pairs; training raises a bound that the scores of a batch give, with the other partners of the batch as
sample of the product p(x) p(y). `separable` critics are inner products g(x).h(y), so that all pairs of a batch cost one
product of matrices; `joint` critics are one network of (x, y), evaluated at every pair.

A bound holds for critics that have not seen the data it is evaluated on. Each data set is therefore cut: on one half
critics are trained, on a quarter the epoch is chosen, on the last quarter the value is taken.

Bounds are those of `itdl.estimators`. The critic of SMILE has to be near the log-ratio itself; it is trained as the
classifier of true against exchanged pairs, whose optimum that is.

Sources: belghazi2018mutual (Donsker-Varadhan), nguyen2010estimating (NWJ), oord2018representation (InfoNCE),
song2020understanding (SMILE), poole2019variational (the two forms of critics).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import softplus

from itdl import training
from itdl.checks import Array, BadInput, matrix, positive
from itdl.networks import Parameters, Perceptrons

__all__ = ["BOUNDS", "Critic", "Estimate", "estimate", "evaluate"]

KINDS = ("separable", "joint")


@dataclass(frozen=True)
class Critic:
    """f(x, y) for x of `d_x` and y of `d_y` coordinates: two hidden layers of ReLU; `features` in the inner product."""

    kind: str
    d_x: int
    d_y: int
    hidden: int = 64
    features: int = 32

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput(f"kind is {self.kind!r}; known are {' and '.join(KINDS)}")
        self.networks()

    def networks(self) -> tuple[Perceptrons, ...]:
        """One for x and one for y, or one for both."""
        middle = (self.hidden, self.hidden)
        if self.kind == "joint":
            return (Perceptrons((self.d_x + self.d_y, *middle, 1), "relu"),)
        return tuple(Perceptrons((d, *middle, self.features), "relu") for d in (self.d_x, self.d_y))

    def initialise(self, generators: Sequence[torch.Generator], *, dtype: torch.dtype = torch.float64) -> Parameters:
        """One critic per generator."""
        return [p for network in self.networks() for p in network.initialise(generators, dtype=dtype)]

    def scores(self, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
        """f(x_j, y_i) at place [i, j].   (M, n, d_x), (M, n, d_y) -> (M, n, n)."""
        networks = self.networks()
        if self.kind == "separable":
            half = len(parameters) // 2
            g = networks[0].forward(parameters[:half], x)
            h = networks[1].forward(parameters[half:], y)
            # Inner products of n features grow like their root; dividing keeps the first scores of order one.
            return torch.bmm(h, g.mT) / sqrt(self.features)
        m, n = x.shape[:2]
        pairs = torch.cat([x[:, None].expand(m, n, n, -1), y[:, :, None].expand(m, n, n, -1)], dim=-1)
        return networks[0].forward(parameters, pairs.flatten(1, 2))[..., 0].view(m, n, n)


@dataclass(frozen=True)
class Estimate:
    """Of each data set: `value` on its last quarter, in nats, at the `epoch` that was best on the quarter before.

    `validation` (checks, M) holds the values by which the epoch was chosen, `epochs` (checks,) when they were taken.
    """

    value: Array
    epoch: NDArray[np.int64]
    validation: Array
    epochs: NDArray[np.int64]


def info_nce(scores: Tensor, tau: float) -> Tensor:
    """As `estimators.info_nce`, of every model.   (M, n, n) -> (M,)."""
    rows: Tensor = torch.logsumexp(scores, dim=2) - log(scores.shape[1])
    return _paired(scores) - rows.mean(dim=1)


def donsker_varadhan(scores: Tensor, tau: float) -> Tensor:
    """As `estimators.donsker_varadhan`, of every model."""
    return _paired(scores) - _log_mean_others(scores)


def nwj(scores: Tensor, tau: float) -> Tensor:
    """As `estimators.nwj`, of every model."""
    return _paired(scores) - torch.exp(_log_mean_others(scores) - 1)


def smile(scores: Tensor, tau: float) -> Tensor:
    """As `estimators.smile`, of every model."""
    return _paired(scores) - _log_mean_others(scores.clamp(-tau, tau))


def classifier(scores: Tensor, tau: float) -> Tensor:
    """Log-likelihood of telling pairs from exchanged ones, <log s(f_ii)> + <log s(-f_ij)>, s the logistic function."""
    n = scores.shape[1]
    exchanged = softplus(scores)
    others = exchanged.sum(dim=(1, 2)) - _paired(exchanged) * n
    return -_paired(softplus(-scores)) - others / (n * (n - 1))


Bound = Callable[[Tensor, float], Tensor]

# name: (what training raises, what is read off)
BOUNDS: dict[str, tuple[Bound, Bound]] = {
    "InfoNCE": (info_nce, info_nce),
    "DV": (donsker_varadhan, donsker_varadhan),
    "NWJ": (nwj, nwj),
    "SMILE": (classifier, smile),
}


def estimate(
    critic: Critic, bound: str, x: ArrayLike, y: ArrayLike, generators: Sequence[torch.Generator], *, epochs: int,
    batch: int = 128, rate: float = 1e-3, tau: float = 5.0, checks: int = 20, alike: bool = False,
    dtype: torch.dtype = torch.float64,
) -> Estimate:  # fmt: skip
    """The bound named `bound` on M data sets, one critic each.   x (M, n, d_x), y (M, n, d_y), M generators.

    Coordinates are first shifted and scaled by mean and deviation of the training half, with `alike` all coordinates of
    a side by one deviation (pixels, some of which are hardly ever lit). The epoch is chosen among `checks` equally
    spaced ones, the start included. The generators draw the start and the order of the data.
    Raises `BadInput` for an unknown bound, for data that do not fit together and where training diverges.
    """
    if bound not in BOUNDS:
        raise BadInput(f"bound is {bound!r}; known are {', '.join(BOUNDS)}")
    raised, read = BOUNDS[bound]
    positive("tau", tau)
    sides = [_data(name, a, d) for name, a, d in (("x", x, critic.d_x), ("y", y, critic.d_y))]
    (m, n), other = sides[0].shape[:2], sides[1].shape[:2]
    if (m, n) != other or len(generators) != m:
        raise BadInput(f"x holds {m} sets of {n} points, y {other[0]} of {other[1]}, with {len(generators)} generators")
    if n // 2 < batch or n < 8:
        raise BadInput(f"n is {n}; the training half must hold a batch of {batch}, and each quarter two points")
    a, b = (torch.as_tensor(_scaled(side, n // 2, alike), dtype=dtype) for side in sides)
    parts = [slice(0, n // 2), slice(n // 2, n // 2 + n // 4), slice(n // 2 + n // 4, n)]

    def loss(parameters: Parameters, rows: Tensor) -> Tensor:
        models = torch.arange(m)[:, None]
        return -raised(critic.scores(parameters, a[models, rows], b[models, rows]), tau)

    keep = np.unique(np.linspace(0, epochs, checks + 1).round().astype(np.int64))
    run = training.adam(
        loss, critic.initialise(generators, dtype=dtype), generators, n=n // 2, batch=batch, epochs=epochs, rate=rate,
        keep=keep.tolist(),
    )  # fmt: skip
    found = [
        [_value(critic, p, a[:, part], b[:, part], read, tau) for part in parts[1:]] for _, p in run
    ]  # (checks, 2, M)
    values = np.array(found)
    best = values[:, 0].argmax(axis=0)
    chosen = values[best, 1, np.arange(m)]
    if np.isnan(values).any() or not np.isfinite(chosen).all():
        raise BadInput(f"scores left the finite numbers within {epochs} epochs; take a rate below {rate}")
    return Estimate(chosen, keep[best], values[:, 0], keep)


def evaluate(critic: Critic, bound: str, parameters: Parameters, x: Tensor, y: Tensor, *, tau: float = 5.0) -> Array:
    """The bound of given critics on other data, all pairs at once.   (M, n, d_x), (M, n, d_y) -> (M,)."""
    if bound not in BOUNDS:
        raise BadInput(f"bound is {bound!r}; known are {', '.join(BOUNDS)}")
    return _value(critic, parameters, x, y, BOUNDS[bound][1], positive("tau", tau))


@torch.no_grad()
def _value(critic: Critic, parameters: Parameters, x: Tensor, y: Tensor, read: Bound, tau: float) -> Array:
    """One model at a time: the scores of all pairs of a quarter are many."""
    found = [
        read(critic.scores([p[i : i + 1] for p in parameters], x[i : i + 1], y[i : i + 1]), tau) for i in range(len(x))
    ]
    return torch.cat(found).double().numpy()


def _paired(scores: Tensor) -> Tensor:
    """Mean score of the pairs.   (M, n, n) -> (M,)."""
    return scores.diagonal(dim1=1, dim2=2).mean(dim=1)


def _log_mean_others(scores: Tensor) -> Tensor:
    """log of the mean of exp(score) over exchanged pairs.   (M, n, n) -> (M,)."""
    n = scores.shape[1]
    own = torch.eye(n, dtype=torch.bool, device=scores.device)
    total: Tensor = torch.logsumexp(scores.masked_fill(own, -torch.inf).flatten(1), dim=1)
    return total - log(n * (n - 1))


def _data(name: str, a: ArrayLike, d: int) -> Array:
    array = matrix(name, a, columns=d)
    if array.ndim != 3:
        raise BadInput(f"{name} has shape {array.shape}; it must be (data sets, points, coordinates)")
    return array


def _scaled(a: Array, n_train: int, alike: bool) -> Array:
    """Mean zero and deviation one over the first `n_train` points; a constant coordinate stays zero there."""
    centred = a - a[:, :n_train].mean(axis=1, keepdims=True)
    variance = (centred[:, :n_train] ** 2).mean(axis=1, keepdims=True)
    deviation = np.sqrt(variance.mean(axis=2, keepdims=True) if alike else variance)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1))
