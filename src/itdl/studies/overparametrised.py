"""Experiments of chapter 02 on models with more weights than examples, on handwritten digits.

Networks with one hidden layer of ReLUs on true and on random labels, with and without weight decay and dropout; and
least squares on random features, whose number passes the number of examples. `repetitions` draw the split, the random
labels and the start anew and are trained at once, on all images in every step.

Sources: zhang2017understanding (random labels, explicit regularisation), belkin2019reconciling (random features).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from itdl import data, rng, training
from itdl.checks import Array, BadInput
from itdl.networks import Parameters, Perceptrons
from itdl.sweep import Result

__all__ = ["NAME", "networks", "random_features"]

NAME = "overparametrised"
CLASSES, PIXELS = 10, 64


def networks(
    *, seed: int, repetitions: int, labels: str, hidden: int, n: int, steps: int, rate: float, decay: float = 0.0,
    dropout: float = 0.0, stride: int = 5,
) -> Result:  # fmt: skip
    """Networks trained by AdamW on n images with `labels` "true" or "random", tested on all other images.

    -> `weights`; of each repetition, (S,): `error` and `loss` on the training images, `test_error` on the others,
    without dropping units, and `fitted`, the first step, in strides, at which all training labels are right; the last
    step where that never was.
    """
    if labels not in ("true", "random"):
        raise BadInput(f"labels is {labels!r}; they are either 'true' or 'random'")
    net = Perceptrons((PIXELS, hidden, CLASSES), "relu")
    x, y, rest, answers = _split(seed, repetitions, n, labels == "random")
    starts = [rng.torch_stream(seed, NAME, "start", hidden, s) for s in range(repetitions)]
    dropped = rng.torch_stream(seed, NAME, "dropped", hidden, n)

    def loss(parameters: Parameters, _: int) -> Tensor:
        kept = net.dropout(repetitions, n, dropout, dropped, dtype=x.dtype) if dropout else None
        return _cross_entropy(net.forward(parameters, x, kept), y)

    start, keep = net.initialise(starts, dtype=torch.float64), [*range(0, steps, stride), steps]
    fitted, wrong = np.full(repetitions, float(steps)), torch.ones(repetitions)
    for step, now in training.adamw(loss, start, steps=steps, rate=rate, decay=decay, keep=keep):
        with torch.no_grad():
            outputs = net.forward(now, x)
        wrong = _error(outputs, y)
        fitted = np.where(wrong.numpy() == 0, np.minimum(fitted, step), fitted)
    with torch.no_grad():
        tested = _error(net.forward(now, rest), answers)
    return {
        "weights": float(sum(p[0].numel() for p in start)),
        "error": wrong.numpy(),
        "loss": _cross_entropy(outputs, y).numpy(),
        "test_error": tested.numpy(),
        "fitted": fitted,
    }


def random_features(*, seed: int, index: int, n: int, features: list[int], penalty: float) -> Result:
    """Least squares from the first P random ReLU features of n images to their ten labels, for each P.

    -> (2, P) `test_error` and `test_loss`, the mean squared error: row 0 of the shortest solution of least squares,
    row 1 of ridge regression with `penalty` in units of the mean square of a feature, times n.
    """
    x, y, rest, answers = _split(seed, index + 1, n, False)
    r = rng.stream(seed, NAME, "features", index)
    w, b = r.standard_normal((PIXELS, max(features))) / PIXELS**0.5, r.standard_normal(max(features)) / 2
    fit, test = (np.maximum(part[index].numpy() @ w + b, 0) for part in (x, rest))
    targets, truth = (np.eye(CLASSES)[part[index].numpy()] for part in (y, answers))
    outputs = np.stack([_least_squares(fit[:, :p], targets, test[:, :p], penalty) for p in features], axis=1)
    return {
        "test_error": (outputs.argmax(axis=-1) != truth.argmax(axis=-1)).mean(axis=-1),
        "test_loss": ((outputs - truth) ** 2).sum(axis=-1).mean(axis=-1),
    }


def _least_squares(fit: Array, targets: Array, test: Array, penalty: float) -> Array:
    """Outputs at `test` without and with the penalty, from one singular value decomposition.   -> (2, m, k)."""
    u, s, vt = np.linalg.svd(fit, full_matrices=False)
    strength = penalty * len(fit) * float((fit**2).mean())
    inverse = np.stack([np.where(s > 1e-10 * s[0], 1 / np.maximum(s, 1e-300), 0), s / (s**2 + strength)])
    return np.asarray((test @ vt.T) @ (inverse[:, :, None] * (u.T @ targets)))


def _split(seed: int, repetitions: int, n: int, dealt: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels to train on, (S, n, 64) and (S, n), and all others; labels of the former `dealt` at random."""
    digits = data.digits()
    if not 1 <= n < len(digits.labels):
        raise BadInput(f"n is {n} of {len(digits.labels)} images; leave at least one to train and one to test on")
    rows = np.stack([rng.stream(seed, NAME, "split", s).permutation(len(digits.labels)) for s in range(repetitions)])
    pixels, labels = torch.as_tensor(digits.pixels), torch.as_tensor(digits.labels)
    fit, test = torch.as_tensor(rows[:, :n]), torch.as_tensor(rows[:, n:])
    random = [rng.stream(seed, NAME, "labels", s).integers(CLASSES, size=n) for s in range(repetitions)]
    return pixels[fit], torch.as_tensor(np.stack(random)) if dealt else labels[fit], pixels[test], labels[test]


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean over the images of each model.   (S, n, k), (S, n) -> (S,)."""
    return cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape).mean(dim=1)


def _error(outputs: Tensor, labels: Tensor) -> Tensor:
    return (outputs.argmax(dim=-1) != labels).double().mean(dim=1)
