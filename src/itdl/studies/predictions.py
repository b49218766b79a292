"""Experiments of chapter 01 on predictions: a small network reads digits, and what its entropies say.

`index` numbers independent repetitions: split of the images, initial weights and order of the data. Everything is in
double precision. With the source "fashion_mnist" the images are clothes, from files of the reader's own.

Sources: guo2017calibration (temperature), coverthomas2006, section 2.10 (Fano).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import optimize
from scipy.cluster import hierarchy
from scipy.special import log_softmax, softmax
from torch import Tensor

from itdl import backpropagation, data, images, rng, training
from itdl import entropy as info
from itdl.checks import Array, BadInput
from itdl.networks import Parameters, Perceptrons
from itdl.sweep import Result

__all__ = [
    "CLASSES",
    "NAME",
    "best_temperature",
    "cells",
    "classify",
    "dealt_information",
    "enough",
    "information",
    "loss_and_entropy",
    "read",
    "renamed",
    "table_of",
    "train",
    "unseen",
]

NAME = "predictions"
CLASSES = 10


def read(source: str) -> tuple[Array, np.ndarray]:
    """Pixels (N, d) between -1 and 1 and labels (N,) of all images of a source."""
    if source == "digits":
        digits = data.digits()
        return digits.pixels, digits.labels
    if source != "fashion_mnist":
        raise BadInput(f"source is {source!r}; known are digits and fashion_mnist")
    clothes = images.fashion_mnist()
    parts = (clothes.train, clothes.test)
    return np.concatenate([part.pixels for part in parts]), np.concatenate([part.labels for part in parts])


def enough(labels: np.ndarray, wanted: int) -> None:
    """Refuse an experiment that needs more images than there are."""
    if wanted > len(labels):
        raise BadInput(f"{wanted} images are asked for and the source has {len(labels)}; train or test on fewer")


def train(
    x: Tensor, labels: Tensor, names: list[tuple[str | int, ...]], *, seed: int, hidden: int, epochs: int,
    batch: int, rate: float,
) -> tuple[Perceptrons, Parameters]:  # fmt: skip
    """One network per name, on its own images, by Adam.   x (M, n, d), labels (M, n)."""
    networks = Perceptrons([x.shape[2], hidden, CLASSES], "tanh")
    starts, orders = ([rng.torch_stream(seed, NAME, use, *name) for name in names] for use in ("start", "order"))
    models = torch.arange(len(names))[:, None]

    def loss(parameters: Parameters, rows: Tensor) -> Tensor:
        return backpropagation.cross_entropy(networks, parameters, x[models, rows], labels[models, rows])

    start, n = networks.initialise(starts, dtype=torch.float64), x.shape[1]
    run = training.adam(loss, start, orders, n=n, batch=min(batch, n), epochs=epochs, rate=rate, keep=[epochs])
    ((_, end),) = run
    return networks, end


def classify(
    *, seed: int, index: int, source: str, n_train: int, n_test: int, hidden: int, epochs: int, batch: int, rate: float
) -> Result:
    """One network, read on images it was not trained on (T of them) and on those it was (`fit_...`).

    `logits` (T, 10), `layer` (T, hidden), `labels` and `rows` (T,), the numbers of the images in the source.
    """
    pixels, labels = read(source)
    enough(labels, n_train + n_test)
    order = rng.stream(seed, NAME, "split", index).permutation(len(labels))
    fit, rows = order[:n_train], order[n_train : n_train + n_test]
    x, y = torch.as_tensor(pixels[fit])[None], torch.as_tensor(labels[fit])[None]
    networks, end = train(x, y, [(index,)], seed=seed, hidden=hidden, epochs=epochs, batch=batch, rate=rate)
    first, logits = (z[0].numpy() for z in networks.preactivations(end, torch.as_tensor(pixels[rows])))
    seen = networks.forward(end, x)[0].numpy()
    found = {"logits": logits, "layer": np.tanh(first), "fit_logits": seen}
    return found | {"labels": labels[rows], "fit_labels": labels[fit], "rows": rows}


def unseen(
    *, seed: int, index: int, source: str, n_train: int, hidden: int, epochs: int, batch: int, rate: float
) -> Result:
    """Ten networks, each trained without one class; entropies of their predictions for up to 100 images of it, (10, T).

    `flat` are those of predictions that give every class the same probability.
    """
    pixels, labels = read(source)
    order = rng.stream(seed, NAME, "unseen", index).permutation(len(labels))
    fits = np.stack([order[labels[order] != k][:n_train] for k in range(CLASSES)])
    x, y = torch.as_tensor(pixels[fits]), torch.as_tensor(labels[fits])
    names: list[tuple[str | int, ...]] = [("without", k, index) for k in range(CLASSES)]
    networks, end = train(x, y, names, seed=seed, hidden=hidden, epochs=epochs, batch=batch, rate=rate)
    new = np.stack([np.flatnonzero(labels == k)[:100] for k in range(CLASSES)])
    logits = networks.forward(end, torch.as_tensor(pixels[new])).numpy()
    return {name: info.entropy(softmax(z, axis=-1)) for name, z in (("entropy", logits), ("flat", 0 * logits))}


def loss_and_entropy(logits: Array, labels: np.ndarray, temperature: float = 1.0) -> tuple[float, float]:
    """Mean -log p(label) and mean entropy of softmax(logits / temperature), in nats."""
    log_p = log_softmax(logits / temperature, axis=-1)
    loss = -np.take_along_axis(log_p, labels[:, None].astype(int), axis=-1)
    return float(loss.mean()), float(info.entropy(np.exp(log_p)).mean())


def best_temperature(logits: Array, labels: np.ndarray) -> float:
    """The temperature between 1/100 and 100 with the smallest mean loss, found by minimising it.

    With b = 1/temperature, d loss/db = E[sum p z] - E[z_y], and b times that is mean loss less mean entropy: where the
    loss is smallest the two are equal.
    """
    end = np.log(100.0)
    found = optimize.minimize_scalar(
        lambda t: loss_and_entropy(logits, labels, np.exp(t))[0],
        bounds=(-end, end),
        method="bounded",
        options={"xatol": 1e-10},
    )
    if abs(found.x) > end - 1e-3:
        raise BadInput("the loss has no minimum at a temperature between 0.01 and 100; every image may be right")
    return float(np.exp(found.x))


def table_of(codes: np.ndarray, labels: np.ndarray) -> Array:
    """p(code, label) as counted, (codes, labels)."""
    counts = np.zeros((int(codes.max()) + 1, int(labels.max()) + 1))
    np.add.at(counts, (codes.astype(int), labels.astype(int)), 1)
    return counts / len(labels)


def information(codes: np.ndarray, labels: np.ndarray) -> float:
    """I(T;Y) of the table as counted, in nats: exact for these images, biased upwards for the images they stand for."""
    return info.mutual_information(table_of(codes, labels))


def renamed(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The codes under the names that agree with most labels (an assignment problem)."""
    counts = np.zeros((CLASSES, CLASSES))
    np.add.at(counts, (codes, labels), 1)
    return np.asarray(optimize.linear_sum_assignment(-counts)[1][codes])


def dealt_information(codes: np.ndarray, labels: np.ndarray, *, seed: int, index: int, deals: int) -> Array:
    """I(T;Y) as counted when the codes are dealt to the images anew: nothing is shared, yet it is not zero."""
    r = rng.stream(seed, NAME, "dealt", index)
    return np.array([information(r.permutation(codes), labels) for _ in range(deals)])


def cells(layer: Array, counts: list[int]) -> np.ndarray:
    """The layer in k cells for each k of `counts`, nested: Ward's tree of the images, cut.   (T, h) -> (k, T)."""
    tree = hierarchy.ward(layer)
    return np.stack([hierarchy.cut_tree(tree, k)[:, 0] for k in counts])
