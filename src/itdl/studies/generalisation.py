"""Experiments of chapter 10 on families of trained networks: does less information in the weights mean less error?

Softmax networks on the first principal components of the digits, over shapes, batches, weight decays, scales of the
start and shares of random labels. Their information is that of the best Gaussian about the weights where training
stopped, with the Fisher information in the place of the Hessian, beta = 1 and one prior deviation per network, the
cheapest. `index` numbers repetitions: it draws split and random labels. Every network has its own start and order.

Source: achille2019where (abstract; proposition 2.5 as we derive it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional

from itdl import data, geometry, rng, training, weights
from itdl.checks import Array, BadInput
from itdl.networks import Parameters, Perceptrons
from itdl.sweep import Result

__all__ = [
    "NAME",
    "bootstrap",
    "concordance",
    "dealt",
    "family",
    "members",
    "partial_concordance",
    "pooled",
    "share_within",
    "within",
]

NAME = "generalisation"
CLASSES = 10
STRIDE = 12  # steps between looks at the training loss


def members(decays: Sequence[float], scales: Sequence[float], noises: Sequence[float]) -> Array:
    """Every combination of weight decay, scale of the start and share of random labels, one row each.   -> (M, 3)."""
    return np.array(list(product(decays, scales, noises)), dtype=float)


def family(
    *, seed: int, index: int, hidden: list[int], batch: int, n: int, inputs: int, rate: float, steps: int,
    target: float, decays: list[float], scales: list[float], noises: list[float],
) -> Result:  # fmt: skip
    """Networks of one shape trained by Adam, a model for each of `members`, measured twice: (2, M).

    Row 0 at the end of training, row 1 when the training loss is first seen at or below `target` (`reached`, (M,), says
    whether it ever was; if not, the row repeats the end). `loss` and `error` on the training set, `test_loss` and
    `test_error` on held-out images, `information` in nats and its part `norm`, `fixed` the information for a prior
    deviation of 1, `trace` of the Fisher information, `size` the number of weights.
    """
    settings = members(decays, scales, noises)
    x, labels, fit, test = _task(seed, index, n, inputs)
    y = torch.stack([_relabelled(seed, index, labels[fit], share) for share in settings[:, 2]])
    networks = Perceptrons((inputs, *hidden, CLASSES), "tanh")
    shape = "-".join(map(str, hidden))
    starts, orders = (
        [rng.torch_stream(seed, NAME, use, shape, batch, index, m) for m in range(len(settings))]
        for use in ("start", "order")
    )
    scale, decay = torch.as_tensor(settings[:, 1:2, None]).float(), torch.as_tensor(settings[:, 0]).float()
    start = [p * scale for p in networks.initialise(starts)]

    def loss(parameters: Parameters, rows: Tensor) -> Tensor:
        models = torch.arange(len(rows))[:, None]
        squares = torch.stack([(p**2).sum(dim=(1, 2)) for p in parameters]).sum(dim=0)
        return _cross_entropy(networks.forward(parameters, x[fit][rows]), y[models, rows]) + 0.5 * decay * squares

    epochs, stride = max(1, steps * batch // n), max(1, STRIDE * batch // n)
    keep = {*range(0, epochs, stride), epochs}
    run = training.adam(loss, start, orders, n=n, batch=batch, epochs=epochs, rate=rate, keep=sorted(keep))
    end, matched, reached = _stops(networks, run, x[fit], y, target)
    sizes = np.full((2, len(settings)), sum(p[0].numel() for p in start), dtype=float)
    last = _measured(networks, end, x[fit], y, x[test], labels[test])
    found = {name: np.stack([values, values]) for name, values in last.items()}
    if reached.any():
        there = _measured(networks, [p[reached] for p in matched], x[fit], y[reached], x[test], labels[test])
        for name, values in there.items():
            found[name][1, reached.numpy()] = values
    return {**found, "reached": reached.double().numpy(), "size": sizes}


def pooled(runs: Mapping[str, Array]) -> dict[str, Array]:
    """All shapes and batches side by side: (repetitions, shapes, batches, 2, M) -> (2, repetitions, networks).

    `reached` has no axis of 2. Also `gap`, the test loss less the training loss.
    """
    repetitions = len(runs["reached"])
    found = {k: np.moveaxis(v, 3, 0).reshape(2, repetitions, -1) for k, v in runs.items() if k != "reached"}
    return found | {"reached": runs["reached"].reshape(repetitions, -1), "gap": found["test_loss"] - found["loss"]}


def concordance(a: Array, b: Array) -> float:
    """Kendall's rank correlation: P(concordant) - P(discordant) over pairs, corrected for ties (tau b)."""
    return float(stats.kendalltau(a, b).statistic)


def partial_concordance(a: Array, b: Array, given: Array) -> float:
    """Kendall's partial rank correlation of a and b with that of `given` taken out of both."""
    ab, ac, bc = concordance(a, b), concordance(a, given), concordance(b, given)
    if max(abs(ac), abs(bc)) == 1:
        raise BadInput("the confounder orders the models exactly as a or b does; nothing is left to compare")
    return float((ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2)))


def within(a: Array, b: Array, groups: Array) -> float:
    """Concordance over the pairs of models of the same group alone: the weighted mean of the groups' correlations."""
    parts = [(np.sum(rows := groups == g), rows) for g in np.unique(groups)]
    pairs = np.array([n * (n - 1) / 2 for n, _ in parts])
    values = np.array([concordance(a[rows], b[rows]) if n > 1 else 0.0 for n, rows in parts])
    return float(pairs @ values / pairs.sum())


def share_within(a: Array, groups: Array) -> float:
    """Share of the variance of a that lies within the groups, not between their means."""
    means = np.array([a[groups == g].mean() for g in groups])
    return float(((a - means) ** 2).mean() / a.var())


def dealt(a: Array, b: Array, groups: Array, *, seed: int, deals: int = 200) -> float:
    """The mean of `within` when a is dealt out at random: what there is to see where there is nothing."""
    r = rng.stream(seed, NAME, "dealt")
    return float(np.mean([within(r.permutation(a), b, groups) for _ in range(deals)]))


def bootstrap(a: Array, b: Array, *, seed: int, resamples: int = 1000) -> Array:
    """The central 95 % interval of the rank correlation when models are drawn anew with replacement.   -> (2,)."""
    r = rng.stream(seed, NAME, "bootstrap")
    rows = r.integers(len(a), size=(resamples, len(a)))
    return np.quantile([concordance(a[i], b[i]) for i in rows], [0.025, 0.975])


def _task(seed: int, index: int, n: int, inputs: int) -> tuple[Tensor, Tensor, np.ndarray, np.ndarray]:
    """Principal components (of the training images, unit mean variance), labels, and the rows of the two parts."""
    images = data.digits()
    order = rng.stream(seed, NAME, "split", index).permutation(len(images.labels))
    fit, test = order[:n], order[n:]
    centred = images.pixels - images.pixels[fit].mean(axis=0)
    directions = np.linalg.svd(centred[fit], full_matrices=False)[2][:inputs]
    components = centred @ directions.T
    components /= np.sqrt((components[fit] ** 2).mean())
    return torch.as_tensor(components, dtype=torch.float32), torch.as_tensor(images.labels), fit, test


def _relabelled(seed: int, index: int, labels: Tensor, share: float) -> Tensor:
    """The labels with about `share` of them drawn anew; a larger share redraws the same ones and more."""
    r = rng.stream(seed, NAME, "labels", index)
    redrawn, other = r.random(len(labels)) < share, r.integers(CLASSES, size=len(labels))
    return torch.where(torch.as_tensor(redrawn), torch.as_tensor(other), labels)


def _stops(
    networks: Perceptrons, run: Iterator[tuple[int, Parameters]], x: Tensor, y: Tensor, target: float
) -> tuple[Parameters, Parameters, Tensor]:
    """Parameters at the end and at the first epoch with a training loss of at most `target`, and who got there."""
    matched: Parameters = []
    reached = torch.zeros(len(y), dtype=torch.bool)
    end: Parameters = []
    for _, end in run:
        matched = matched or [p.clone() for p in end]
        with torch.no_grad():
            below = _cross_entropy(networks.forward(end, x), y) <= target
        for kept, now in zip(matched, end, strict=True):
            kept[~reached] = now[~reached]
        reached |= below
    return end, matched, reached


def _measured(
    networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor
) -> dict[str, Array]:
    """Losses, errors and what the weights hold, for every model, (M,) each."""
    parameters, x, x_test = [p.double() for p in parameters], x.double(), x_test.double()
    truth = y_test.expand(len(y), -1)
    inside, outside = networks.forward(parameters, x), networks.forward(parameters, x_test)
    rows = [_information(networks, [p[m : m + 1] for p in parameters], x) for m in range(len(y))]
    values = np.array(rows).T
    return {
        "loss": _cross_entropy(inside, y).numpy(),
        "error": (inside.argmax(dim=-1) != y).double().mean(dim=1).numpy(),
        "test_loss": _cross_entropy(outside, truth).numpy(),
        "test_error": (outside.argmax(dim=-1) != truth).double().mean(dim=1).numpy(),
        **dict(zip(("information", "norm", "fixed", "trace"), values, strict=True)),
    }


def _information(networks: Perceptrons, parameters: Parameters, x: Tensor) -> tuple[float, float, float, float]:
    """Of one network: the information at the cheapest prior, its part from the norm, that at deviation 1, and tr F."""
    factor = geometry.fisher_factor(networks, parameters, x)[0].numpy()
    gram = factor @ factor.T if len(factor) <= factor.shape[1] else factor.T @ factor
    spectrum = np.maximum(np.linalg.eigvalsh(gram), 0)
    w = geometry.flatten(parameters)[0].numpy()
    sds = np.geomspace(0.01, 100, 161)
    costs = 0.5 * (w @ w) / sds**2 + 0.5 * np.log1p(sds[:, None] ** 2 * spectrum).sum(axis=1)
    best, one = (
        weights.gaussian_information(w, sd, 1.0, eigenvalues=spectrum) for sd in (float(sds[costs.argmin()]), 1.0)
    )
    return best.information, best.norm, one.information, float(spectrum.sum() / len(x))


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean over points.   (M, n, K), (M, n) -> (M,)."""
    flat = functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none")
    return flat.view(labels.shape).mean(dim=1)
