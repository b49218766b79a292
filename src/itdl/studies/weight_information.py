"""Experiments of chapter 09 on posteriors: what networks keep of true and of random labels, for every beta.

Everything is trained on scikit-learn's digits. `index` numbers independent repetitions: images, labels, initial weights
and noise are drawn anew.
"""

from __future__ import annotations

import numpy as np
import torch

from itdl import data, mean_field, rng
from itdl.checks import Array
from itdl.networks import Perceptrons
from itdl.sweep import Result

__all__ = ["CLASSES", "NAME", "annealed", "over_beta", "redrawn", "split"]

NAME = "information in the weights"
CLASSES = 10
SPREAD = 0.271  # standard deviation of all centred ink values


def split(seed: int, index: int, n: int) -> tuple[Array, np.ndarray, Array, np.ndarray]:
    """n training images and 500 others, ink between 0 and 1, every pixel centred, with their digits."""
    images = data.digits()
    pixels = (images.pixels - images.pixels.mean(axis=0)) / 2
    train, test, _ = np.split(rng.stream(seed, NAME, "split", index).permutation(len(pixels)), [n, n + 500])
    return pixels[train], images.labels[train], pixels[test], images.labels[test]


def redrawn(labels: np.ndarray, fraction: float, g: np.random.Generator) -> np.ndarray:
    """Labels, each drawn again, evenly, with this probability; a larger fraction redraws the same ones and more."""
    chosen, new = g.random(len(labels)), g.integers(0, CLASSES, len(labels))
    return np.where(chosen < fraction, new, labels)


def over_beta(
    *, seed: int, index: int, n: int, fractions: list[float], betas: list[float], steps: int, width: int = 32,
    batch: int | None = None, rate: float = 6e-3,
) -> Result:  # fmt: skip
    """Mean-field posteriors for every share of random labels and every beta, (fractions, betas) each.

    `loss` and `kl` in nats, both of the whole training set; `accuracy` on the training labels as they are, `test` on
    500 images with their true ones.
    """
    x, y, x_test, y_test = split(seed, index, n)
    labels = [redrawn(y, f, rng.stream(seed, NAME, "labels", index)) for f in fractions for _ in betas]
    targets, strengths = torch.from_numpy(np.array(labels)), betas * len(fractions)
    networks = Perceptrons([x.shape[1], width, CLASSES], "tanh")
    streams = [rng.torch_stream(seed, NAME, "weights", index) for _ in strengths]
    noise = rng.torch_stream(seed, NAME, "noise", index)
    inputs, others = (torch.from_numpy(part / SPREAD).float() for part in (x, x_test))
    start = mean_field.initialise(networks, streams)
    q = mean_field.fit(networks, start, inputs, targets, strengths, noise, steps=steps, batch=batch, rate=rate)
    seen = mean_field.evaluate(networks, q, inputs, targets, noise)
    held = mean_field.evaluate(networks, q, others, torch.from_numpy(y_test), noise, passes=10)
    found = {"loss": n * seen.loss, "kl": q.kl().double().numpy(), "accuracy": seen.accuracy, "test": held.accuracy}
    return {name: values.reshape(len(fractions), len(betas)) for name, values in found.items()}


def annealed(
    *, seed: int, models: int, n: int, fractions: list[float], betas: list[float], steps: int, width: int = 32,
    batch: int | None = None, rate: float = 6e-3,
) -> Result:  # fmt: skip
    """The same for `models` repetitions at once, but every posterior starts from its neighbour's: beta rising, falling.

    Each result is (2 branches, fractions, betas, models), the betas of both branches in the order of `betas`.
    """
    sets = [split(seed, m, n) for m in range(models)] * len(fractions)
    inputs, others = (torch.from_numpy(np.stack([s[i] for s in sets]) / SPREAD).float() for i in (0, 2))
    shares, repetitions = np.repeat(fractions, models), np.tile(np.arange(models), len(fractions))
    streams = [rng.stream(seed, NAME, "labels", m) for m in repetitions]
    labels = [redrawn(s[1], f, g) for s, f, g in zip(sets, shares, streams, strict=True)]
    targets, held = torch.from_numpy(np.stack(labels)), torch.from_numpy(np.stack([s[3] for s in sets]))
    networks = Perceptrons([inputs.shape[-1], width, CLASSES], "tanh")
    noise = rng.torch_stream(seed, NAME, "annealed")
    q = mean_field.initialise(networks, [rng.torch_stream(seed, NAME, "weights", m) for m in repetitions])
    rows = []
    for beta in [*betas, *reversed(betas)]:
        q = mean_field.fit(networks, q, inputs, targets, [beta] * len(sets), noise, steps=steps, batch=batch, rate=rate)
        seen = mean_field.evaluate(networks, q, inputs, targets, noise, passes=10)
        test = mean_field.evaluate(networks, q, others, held, noise, passes=5).accuracy
        rows.append((n * seen.loss, q.kl().double().numpy(), seen.accuracy, test))
    shape = (2, len(betas), len(fractions), models)
    columns = [np.array(column).reshape(shape) for column in zip(*rows, strict=True)]
    in_order = [np.stack([c[0], c[1, ::-1]]).swapaxes(1, 2) for c in columns]
    return dict(zip(("loss", "kl", "accuracy", "test"), in_order, strict=True))
