"""Experiments of chapter 05 on networks: the information plane over training, read in the ways in dispute.

A unit trains `models` networks at once; each has its own initialisation, its own split of the inputs and its own order
of minibatches, and does not depend on how many others there are. Training is in single precision, reading in double.
Results are in nats, with axes (models M, snapshots E, layers L): hidden layers first, the softmax output last.

Sources: shwartzziv2017opening (task, architecture, cells on [-1, 1]), saxe2019information (cells of fixed width, added
noise, ReLU), goldfeld2019estimating (clustering).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from itdl import backpropagation, data, rng, training
from itdl import layer_information as layers
from itdl.checks import Array, BadInput
from itdl.networks import Parameters, Perceptrons
from itdl.sweep import Result

__all__ = ["NAME", "digits", "learning_times", "snapshots", "twelve_bits"]

NAME = "information plane"
CELLS, USUAL = 30, 0.07
NEIGHBOUR, SAMPLE = 5, 512


def snapshots(epochs: int, count: int) -> list[int]:
    """0 and about `count` epochs up to the last, equally spaced in log epoch."""
    return [0, *np.unique(np.geomspace(1, epochs, count).round().astype(int)).tolist()]


@dataclass(frozen=True)
class _Task:
    """N inputs that all networks read; of each network its training and test inputs, and the labels it was told."""

    x: Tensor  # (N, d)
    labels: Tensor  # (N,)
    told: Tensor  # (M, N)
    train: Tensor  # (M, n)
    test: Tensor  # (M, N - n)

    @classmethod
    def of(cls, x: Array, labels: np.ndarray, seed: int, models: int, n: int, dealt: bool, device: str) -> _Task:
        """Each network trains on n inputs of its own; with `dealt`, on their labels in another order."""
        if not 0 < n < len(x):
            raise BadInput(f"n is {n}; networks need training and test inputs out of {len(x)}")
        orders = [torch.randperm(len(x), generator=rng.torch_stream(seed, NAME, "split", m)) for m in range(models)]
        split, truth = torch.stack(orders), torch.as_tensor(labels)
        told = truth.repeat(models, 1)
        for m in range(models if dealt else 0):
            order = torch.randperm(n, generator=rng.torch_stream(seed, NAME, "dealt", m))
            told[m, split[m, :n]] = truth[split[m, :n][order]]
        parts = (torch.as_tensor(x, dtype=torch.float32), truth, told, split[:, :n], split[:, n:])
        return cls(*(part.to(device) for part in parts))

    def loss(self, networks: Perceptrons) -> Callable[[Parameters, Tensor], Tensor]:
        """Mean cross-entropy on the training inputs numbered by `rows`.   rows (M, batch) -> (M,)."""

        def mean(parameters: Parameters, rows: Tensor) -> Tensor:
            inputs = self.train.gather(1, rows)
            x = self.x.index_select(0, inputs.flatten()).view(*inputs.shape, -1)
            return backpropagation.cross_entropy(networks, parameters, x, self.told.gather(1, inputs))

        return mean


def twelve_bits(
    *, seed: int, activation: str, hidden: list[int], models: int, epochs: int, count: int, n: int, batch: int,
    rate: float, widths: list[float], probes: int, probed: int, noise_var: float, dealt: bool = False,
    device: str = "cpu",
) -> Result:  # fmt: skip
    """Networks on the twelve-bit task, read on all 4096 patterns; `dealt` shuffles the labels of the training inputs.

    `epochs`, (E,): when snapshots were taken. I(X;T) and I(T;Y) by cells, (M, E, L): `cells_x`, `cells_y` 30 cells on
    [-1, 1]; `range_x`, `range_y` 30 cells over the range of the layer; `width_x`, `width_y` cells of each width,
    (M, E, W, L); `before_x`, `before_y` cells of width 0.07 of what enters the activation. Of the last hidden layer,
    (M, E): `near`, its clustering, and `spread`, the mean deviation of its units. `signal`, `noise`, (M, E, L): norms
    of mean and deviation of minibatch gradients. Losses and accuracies, (M, E). At `probes` snapshots, numbered by
    `probed_at`, of the first `probed` networks: `exact_x` and `single_x` without cells, in double and in single
    precision, (M, P, hidden layers); `lower` and `upper` bounds for the last hidden layer with added noise of variance
    `noise_var`, (M, P); and `points`, the last hidden layer of the first network, (P, 4096, units).
    """
    patterns = data.sphere_patterns()
    networks = Perceptrons([12, *hidden, 2], activation)
    task = _Task.of(patterns.bits, patterns.labels, seed, models, n, dealt, _device(device))
    return _plane(networks, task, seed, epochs, count, batch, rate, widths, probes, probed, noise_var)


def digits(
    *, seed: int, activation: str, hidden: list[int], models: int, epochs: int, count: int, n: int, batch: int,
    rate: float, widths: list[float], probes: int, probed: int, noise_var: float, device: str = "cpu",
) -> Result:  # fmt: skip
    """The same readings of networks that tell handwritten digits apart, on all 1797 images."""
    images = data.digits()
    networks = Perceptrons([images.pixels.shape[1], *hidden, 10], activation)
    task = _Task.of(images.pixels, images.labels, seed, models, n, False, _device(device))
    return _plane(networks, task, seed, epochs, count, batch, rate, widths, probes, probed, noise_var)


def learning_times(
    *, seed: int, activation: str, hidden: list[int], models: int, epochs: int, n: int, batch: int, rate: float,
    targets: list[float], every: int = 10, device: str = "cpu",
) -> Result:  # fmt: skip
    """First of every tenth epoch at which the training loss is below each target (M, targets), `epochs` if it never is.

    Also the `weights` of the architecture and the `train_loss` at the end, (M,).
    """
    patterns = data.sphere_patterns()
    networks = Perceptrons([12, *hidden, 2], activation)
    task = _Task.of(patterns.bits, patterns.labels, seed, models, n, False, _device(device))
    loss, rows = task.loss(networks), torch.arange(n, device=task.x.device).expand(models, n)
    kept, curve = list(range(0, epochs + 1, every)), []
    for _, parameters in _trained(networks, task, seed, epochs=epochs, batch=batch, rate=rate, keep=kept):
        curve.append(loss(parameters, rows).detach().cpu().numpy())
    below = np.array(curve)[..., None] <= np.array(targets)
    first = np.where(below.any(axis=0), np.array(kept)[below.argmax(axis=0)], epochs)
    return {"first": first, "weights": sum(p[0].numel() for p in parameters), "train_loss": curve[-1]}


def _trained(
    networks: Perceptrons, task: _Task, seed: int, *, epochs: int, batch: int, rate: float, keep: list[int]
) -> Iterator[tuple[int, Parameters]]:
    models, n = task.train.shape
    starts, orders = (
        [rng.torch_stream(seed, NAME, name, m) for m in range(models)] for name in ("initial weights", "order")
    )
    start = [p.to(task.x.device) for p in networks.initialise(starts)]
    sizes = {"n": n, "batch": min(batch, n), "epochs": epochs}
    return training.adam(task.loss(networks), start, orders, **sizes, rate=rate, keep=keep)


def _plane(
    networks: Perceptrons, task: _Task, seed: int, epochs: int, count: int, batch: int, rate: float,
    widths: list[float], probes: int, probed: int, noise_var: float,
) -> Result:  # fmt: skip
    kept = snapshots(epochs, count)
    probed_at = np.unique(np.linspace(0, len(kept) - 1, probes).round().astype(int))
    readings: list[Result] = []
    probe: list[Result] = []
    points: list[Array] = []
    for epoch, parameters in _trained(networks, task, seed, epochs=epochs, batch=batch, rate=rate, keep=kept):
        z = [p.cpu() for p in networks.preactivations([p.double() for p in parameters], task.x.double())]
        h = [*(networks.activate(p).numpy() for p in z[:-1]), torch.softmax(z[-1], dim=-1).numpy()]
        labels = task.labels.cpu().numpy()
        gradients = _gradients(task.loss(networks), parameters, min(batch, task.train.shape[1]), task.train.shape[1])
        before, last = [p.numpy() for p in z], h[-2]
        shape = {"near": near(last, labels), "spread": last.std(axis=1).mean(axis=1)}
        readings.append(_cells(before, h, labels, widths) | _scores(z[-1], task) | gradients | shape)
        if kept.index(epoch) in probed_at:
            probe.append(_probe([p[:probed] for p in before[:-1]], [p[:probed] for p in h[:-1]], labels, noise_var))
            points.append(last[0].astype(np.float32))
    made: Result = {"epochs": np.array(kept), "probed_at": probed_at, "points": np.stack(points)}
    for group in (readings, probe):
        made |= {name: np.stack([np.asarray(r[name]) for r in group], axis=1) for name in group[0]}
    return made


def _cells(z: list[Array], h: list[Array], labels: np.ndarray, widths: list[float]) -> Result:
    """Binned I(X;T) and I(T;Y) of every layer, (M, L), for cells of several widths (M, W, L)."""
    kinds: dict[str, Callable[[int], layers.Cells]] = {
        "cells": lambda i: layers.fixed_cells(h[i], -1, 1, CELLS),
        "range": lambda i: layers.range_cells(h[i], CELLS),
        "before": lambda i: layers.equal_cells(z[i], USUAL),
    }
    found: Result = {}
    for name, cells in kinds.items():
        read = [layers.code_information(cells(i), labels) for i in range(len(h))]
        found |= {f"{name}_x": np.stack([r.i_x for r in read], -1), f"{name}_y": np.stack([r.i_y for r in read], -1)}
    wide = [[layers.code_information(layers.equal_cells(layer, w), labels) for layer in h] for w in widths]
    for name in ("i_x", "i_y"):
        found[f"width{name[1:]}"] = np.array([[getattr(r, name) for r in row] for row in wide]).transpose(2, 0, 1)
    return found


def _probe(z: list[Array], h: list[Array], labels: np.ndarray, noise_var: float) -> Result:
    """What needs no cells: entropy of distinct values before and after the activation, (M, L); bounds, (M,)."""
    exact = [layers.code_information(layers.distinct_values(layer), labels).i_x for layer in z]
    single = [layers.code_information(layers.distinct_values(layer.astype(np.float32)), labels).i_x for layer in h]
    noisy = layers.noisy_information(h[-1], labels, noise_var)
    found: Result = {"exact_x": np.stack(exact, axis=-1), "single_x": np.stack(single, axis=-1)}
    return found | {"lower": noisy.lower, "upper": noisy.upper}


def near(h: Array, labels: np.ndarray) -> Array:
    """Clustering within classes: mean log distance to the fifth nearest input of its class.   (M, N, units) -> (M,).

    On every (N/512)-th input; distances below 1e-12 count as that.
    """
    every = max(1, len(labels) // SAMPLE)
    points, own = torch.as_tensor(h[:, ::every]), torch.as_tensor(labels[::every])
    distance = torch.cdist(points, points).masked_fill(own[:, None] != own, torch.inf)
    nearest = distance.kthvalue(NEIGHBOUR + 1, dim=-1).values
    return np.asarray(nearest.clamp_min(1e-12).log().mean(dim=-1))


def _scores(z: Tensor, task: _Task) -> Result:
    """Loss and accuracy of outputs z (M, N, k), on training inputs by the labels told and on test inputs; each (M,)."""
    found: Result = {}
    for name, part, labels in (("train", task.train, task.told), ("test", task.test, task.labels.expand(len(z), -1))):
        part, labels = part.cpu(), labels.cpu()
        loss = cross_entropy(z.mT, labels, reduction="none").gather(1, part)
        right = (z.argmax(dim=-1) == labels).double().gather(1, part)
        found |= {f"{name}_loss": loss.mean(dim=1).numpy(), f"{name}_accuracy": right.mean(dim=1).numpy()}
    return found


def _gradients(loss: Callable[[Parameters, Tensor], Tensor], parameters: Parameters, batch: int, n: int) -> Result:
    """Norms of mean and deviation over whole minibatches of the gradient of each layer's weights, (M, L)."""
    live = [p.detach().requires_grad_() for p in parameters]
    rows = torch.arange(n, device=live[0].device).expand(len(live[0]), n)
    whole = [part for part in torch.split(rows, batch, dim=1) if part.shape[1] == batch]
    found = [torch.autograd.grad(loss(live, part).sum(), live[::2]) for part in whole]
    signal, noise = [], []
    for weights in zip(*found, strict=True):
        g = torch.stack(weights).flatten(2)
        signal.append(g.mean(dim=0).norm(dim=1))
        noise.append(g.std(dim=0, correction=min(1, len(g) - 1)).norm(dim=1))
    return {"signal": torch.stack(signal, -1).cpu().numpy(), "noise": torch.stack(noise, -1).cpu().numpy()}


def _device(name: str) -> str:
    """`auto` is the GPU where there is one."""
    if name not in ("cpu", "auto", "cuda"):
        raise BadInput(f"device is {name!r}; known are cpu, cuda and auto")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
