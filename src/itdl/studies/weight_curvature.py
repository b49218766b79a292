"""Experiments of chapter 09 on networks trained as usual: curvature and information along training, batch by batch.

Everything is trained on scikit-learn's digits. Networks of one unit differ in initial weights and order of the data.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import optimize
from torch import Tensor
from torch.nn import functional

from itdl import data, geometry, rng, training, weights
from itdl.checks import Array, BadInput
from itdl.networks import Parameters, Perceptrons
from itdl.studies.weight_information import CLASSES, NAME, redrawn, split
from itdl.sweep import Result

__all__ = ["at_best_prior", "batches", "cross_entropy", "label_noise", "matched", "over_time", "seen", "starts"]


def cross_entropy(
    networks: Perceptrons, x: Tensor, y: Tensor, *, smoothing: float = 0.0, decay: float = 0.0
) -> Callable[[Parameters, Tensor], Tensor]:
    """Mean cross-entropy of every model on its rows of x (n, d) or (M, n, d) and y (M, n), plus decay/2 |w|^2."""

    def loss(parameters: Parameters, rows: Tensor) -> Tensor:
        own = x[rows] if x.ndim == 2 else x[torch.arange(len(rows))[:, None], rows]
        outputs = networks.forward(parameters, own)
        labels = y.gather(1, rows).flatten()
        flat = functional.cross_entropy(outputs.flatten(0, 1), labels, reduction="none", label_smoothing=smoothing)
        size = sum((p**2).flatten(1).sum(dim=1) for p in parameters) if decay else 0.0
        return flat.view(rows.shape).mean(dim=1) + 0.5 * decay * size

    return loss


@torch.no_grad()
def seen(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> tuple[Array, Array]:
    """Mean cross-entropy and accuracy of every model on x (n, d) or (M, n, d), y (M, n)."""
    outputs = networks.forward(parameters, x)
    losses = functional.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
    return losses.double().mean(dim=1).numpy(), (outputs.argmax(dim=-1) == y).double().mean(dim=1).numpy()


def starts(seed: int, index: int, models: int, kind: str) -> list[torch.Generator]:
    return [rng.torch_stream(seed, NAME, kind, index, m) for m in range(models)]


def batches(
    *, seed: int, batch: int, models: int, n: int, width: int, rate: float, epochs: int, checkpoints: list[int]
) -> Result:
    """Plain SGD at one batch size: steps, loss, accuracies and tr F at every checkpoint and after `epochs`, (T, M).

    `last` is the row of the fixed number of epochs.
    """
    x, y, x_test, y_test = split(seed, 0, n)
    inputs, others = torch.from_numpy(x).float(), torch.from_numpy(x_test).float()
    targets, held = (torch.from_numpy(t).expand(models, -1) for t in (y, y_test))
    networks = Perceptrons([x.shape[1], width, CLASSES], "tanh")
    start = networks.initialise(starts(seed, 0, models, "sgd weights"))
    end = epochs * -(-n // batch)
    keep = sorted({*checkpoints, end})
    runs = training.sgd(
        cross_entropy(networks, inputs, targets),
        start,
        starts(seed, batch, models, "order"),
        n=n,
        batch=batch,
        rate=rate,
        keep=keep,
    )
    rows = []
    for _, parameters in runs:
        loss, accuracy = seen(networks, parameters, inputs, targets)
        trace = geometry.fisher_trace(networks, parameters, inputs).double().numpy()
        rows.append((loss, accuracy, seen(networks, parameters, others, held)[1], trace))
    found = dict(zip(("loss", "accuracy", "test", "trace"), map(np.array, zip(*rows, strict=True)), strict=True))
    return {**found, "steps": np.array(keep), "last": float(keep.index(end))}


def matched(losses: Array, values: Array, level: float) -> Array:
    """`values` where a falling loss first passes `level`, interpolated between logarithms.   (T, M) -> (M,)."""
    below = losses <= level
    if below[0].any() or not below.any(axis=0).all():
        raise BadInput(
            f"the losses run from {losses[0].min():.3g} to {losses[-1].max():.3g}, not across {level}; choose another"
        )
    after, columns = below.argmax(axis=0), np.arange(losses.shape[1])
    ends = [(np.log(losses[row, columns]), np.log(values[row, columns])) for row in (after - 1, after)]
    (x0, y0), (x1, y1) = ends
    return np.asarray(np.exp(y0 + (np.log(level) - x0) / (x1 - x0) * (y1 - y0)))


def label_noise(
    *,
    seed: int,
    index: int,
    n: int,
    fractions: list[float],
    width: int,
    batch: int,
    rate: float,
    checkpoints: list[int],
) -> Result:
    """Plain SGD for every share of random labels: loss, accuracy, test accuracy and tr F, (T, fractions)."""
    x, y, x_test, y_test = split(seed, index, n)
    labels = np.array([redrawn(y, f, rng.stream(seed, NAME, "labels", index)) for f in fractions])
    inputs, others = torch.from_numpy(x).float(), torch.from_numpy(x_test).float()
    targets, held = torch.from_numpy(labels), torch.from_numpy(y_test).expand(len(fractions), -1)
    networks = Perceptrons([x.shape[1], width, CLASSES], "tanh")
    same = [rng.torch_stream(seed, NAME, "sgd weights", index) for _ in fractions]
    orders = [rng.torch_stream(seed, NAME, "order", index) for _ in fractions]
    loss = cross_entropy(networks, inputs, targets)
    rows = []
    for _, p in training.sgd(loss, networks.initialise(same), orders, n=n, batch=batch, rate=rate, keep=checkpoints):
        trace = geometry.fisher_trace(networks, p, inputs).double().numpy()
        rows.append((*seen(networks, p, inputs, targets), seen(networks, p, others, held)[1], trace))
    return dict(zip(("loss", "accuracy", "test", "trace"), map(np.array, zip(*rows, strict=True)), strict=True))


def over_time(
    *, seed: int, models: int, n: int, components: int, width: int, classes: int, rate: float, checkpoints: list[int]
) -> Result:
    """A small network trained far beyond accuracy 1 by full-batch Adam, with exact matrices in float64, (T, M) each.

    Inputs are the first principal components of digits below `classes`. `relative` is |H - F|/|F| and `absolute`
    |H - F| (Frobenius), `trace` tr F, `information` in nats at the best common prior (of deviation `prior_sd`)
    and, as `information_fixed`, at deviation 1. `fitted` is tr F at the first
    checkpoint with accuracy 1, and `restored` that of the last network with its outputs scaled down until the loss is
    what it was there, (M,). `linear` is |H - F|/|F| for an untrained network without hidden layer.
    """
    images = data.digits()
    few = images.labels < classes
    rows = rng.stream(seed, NAME, "few", 0).permutation(int(few.sum()))[:n]
    pixels, y = images.pixels[few][rows], torch.from_numpy(images.labels[few][rows])
    pixels = pixels - pixels.mean(axis=0)
    axes = np.linalg.svd(pixels, full_matrices=False)[2][:components]
    scores = pixels @ axes.T
    x = torch.from_numpy(scores / scores.std())
    networks, targets = Perceptrons([components, width, classes], "tanh"), y.expand(models, -1)
    start = networks.initialise(starts(seed, 0, models, "small"), dtype=torch.float64)
    orders = starts(seed, 0, models, "small order")
    loss = cross_entropy(networks, x, targets)
    kept: list[Parameters] = []
    found: dict[str, list[Array]] = {}
    options = {"n": n, "batch": n, "epochs": max(checkpoints), "rate": rate, "keep": checkpoints}
    for _, p in training.adam(loss, start, orders, **options):  # type: ignore[arg-type]
        kept.append(p)
        for name, value in _matrices(networks, p, x, y).items():
            found.setdefault(name, []).append(value)
        for name, value in zip(("loss", "accuracy"), seen(networks, p, x, targets), strict=True):
            found.setdefault(name, []).append(value)
    result = {name: np.array(values) for name, values in found.items()}
    first = (result["accuracy"] == 1).argmax(axis=0), np.arange(models)
    levels = result["loss"][first]
    scaled = [_at_loss(networks, [q[[m]] for q in kept[-1]], x, y, levels[m]) for m in range(models)]
    linear = Perceptrons([components, classes], "tanh")
    exact = _matrices(linear, linear.initialise(starts(seed, 0, models, "linear"), dtype=torch.float64), x, y)
    restored = [float(geometry.fisher_trace(networks, p, x)) for p in scaled]
    return {**result, "fitted": result["trace"][first], "restored": np.array(restored), "linear": exact["relative"]}


def _matrices(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> dict[str, Array]:
    """Hessian and Fisher information of every model, compared, and the information that goes with the latter."""
    rows = []
    for m in range(len(parameters[0])):
        one = [p[[m]] for p in parameters]
        factor = geometry.fisher_factor(networks, one, x)[0]
        fisher = factor.T @ factor
        apart = float(torch.linalg.norm(geometry.hessian(networks, one, x, y) - fisher)) / len(x)
        size = float(torch.linalg.norm(fisher)) / len(x)
        w, h = geometry.flatten(one)[0].numpy(), np.linalg.eigvalsh(fisher.numpy())
        information, sd = at_best_prior(w, np.maximum(h, 0))
        fixed = weights.gaussian_information(w, 1.0, 1.0, eigenvalues=np.maximum(h, 0)).information
        rows.append((apart, apart / size, float(torch.trace(fisher)) / len(x), information, sd, fixed))
    names = ("absolute", "relative", "trace", "information", "prior_sd", "information_fixed")
    return dict(zip(names, np.array(rows).T, strict=True))


def at_best_prior(w: Array, eigenvalues: Array) -> tuple[float, float]:
    """Information at beta = 1 and at the common prior deviation that makes the cost least, and that deviation."""

    def cost(log_sd: float) -> float:
        return weights.gaussian_information(w, float(np.exp(log_sd)), 1.0, eigenvalues=eigenvalues).cost

    best = float(np.exp(optimize.minimize_scalar(cost, bounds=(-5, 8), method="bounded").x))
    return weights.gaussian_information(w, best, 1.0, eigenvalues=eigenvalues).information, best


def _at_loss(networks: Perceptrons, one: Parameters, x: Tensor, y: Tensor, level: float) -> Parameters:
    """The network with its last layer multiplied by the number at which the training loss is `level`."""

    def scaled(factor: float) -> Parameters:
        return [*one[:-2], one[-2] * factor, one[-1] * factor]

    def off(log_factor: float) -> float:
        return float(seen(networks, scaled(np.exp(log_factor)), x, y[None])[0][0]) - level

    return scaled(float(np.exp(optimize.brentq(off, -12, 0))))
