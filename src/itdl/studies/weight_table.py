"""The table of chapter 09: one network, everything that may matter for its information changed one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from itdl import geometry, rng, training
from itdl.checks import Array
from itdl.networks import Parameters, Perceptrons
from itdl.studies.weight_curvature import at_best_prior, cross_entropy, matched, seen, starts
from itdl.studies.weight_information import CLASSES, NAME, redrawn, split
from itdl.sweep import Result

__all__ = ["ARCHITECTURES", "DATA", "REFERENCE", "TRAININGS", "dependence"]

Changes = Mapping[str, Mapping[str, Any]]

# What `dependence` is asked to change, one thing at a time.
REFERENCE: Changes = {"width 16": {"widths": [16]}}
ARCHITECTURES: Changes = {
    "width 8": {"widths": [8]},
    "width 64": {"widths": [64]},
    "two layers": {"widths": [16, 16]},
    "three layers": {"widths": [16, 16, 16]},
    "ReLU": {"activation": "relu"},
}
TRAININGS: Changes = {
    "batch 4": {"batch": 4},
    "full batch": {"batch": 300},
    "rate / 4": {"rate": 0.05},
    "Adam": {"optimiser": "adam", "rate": 0.01},
    "weight decay": {"decay": 3e-3},
}
DATA: Changes = {"smoothed labels": {"smoothing": 0.1}, "10 % random": {"fraction": 0.1}}


def dependence(
    *, seed: int, models: int, n: int, checkpoints: list[int], widths: list[int], activation: str = "tanh",
    optimiser: str = "sgd", batch: int = 32, rate: float = 0.2, fraction: float = 0.0, smoothing: float = 0.0,
    decay: float = 0.0, level: float = 0.3,
) -> Result:  # fmt: skip
    """Networks on digits averaged over 2 x 2 pixels, with everything that may matter as a parameter, (M,) each.

    Every network has images of its own. `information` (nats, beta = 1, best common prior) and `trace` when training
    stops and, as `..._matched`, where the training loss passes `level`; `loss` and `test` accuracy when it stops.
    """
    sets = [split(seed, m, n) for m in range(models)]
    inputs, others = (torch.from_numpy(np.stack([_pooled(s[i]) for s in sets])).float() for i in (0, 2))
    labels = [redrawn(s[1], fraction, rng.stream(seed, NAME, "labels", m)) for m, s in enumerate(sets)]
    targets, held = torch.from_numpy(np.stack(labels)), torch.from_numpy(np.stack([s[3] for s in sets]))
    networks = Perceptrons([inputs.shape[-1], *widths, CLASSES], activation)
    start = networks.initialise(starts(seed, 0, models, "table"))
    loss, orders = (
        cross_entropy(networks, inputs, targets, smoothing=smoothing, decay=decay),
        starts(seed, 0, models, "orders"),
    )
    options = {"n": n, "batch": batch, "rate": rate}
    if optimiser == "sgd":
        runs = training.sgd(loss, start, orders, keep=checkpoints, **options)  # type: ignore[arg-type]
    else:
        epochs = [step // -(-n // batch) for step in checkpoints]
        runs = training.adam(loss, start, orders, epochs=max(epochs), keep=epochs, **options)  # type: ignore[arg-type]
    kept = [p for _, p in runs]
    losses = np.array([seen(networks, p, inputs, targets)[0] for p in kept])
    crossing = [_crossing(networks, kept, inputs, losses, m, level) for m in range(models)]
    ends = [_curvature(networks, [p[[m]] for p in kept[-1]], inputs[m]) for m in range(models)]
    names = ("information_matched", "trace_matched", "information", "trace")
    found = dict(zip(names, np.hstack([crossing, ends]).T, strict=True))
    test = seen(networks, kept[-1], others, held)[1]
    return {**found, "loss": losses[-1], "test": test, "weights": float(geometry.flatten(start).shape[1])}


def _crossing(
    networks: Perceptrons, kept: list[Parameters], x: Tensor, losses: Array, model: int, level: float
) -> tuple[float, float]:
    """Information and tr F of one network where its loss passes `level`, from the checkpoints on either side."""
    after = max(1, int((losses[:, model] <= level).argmax()))
    pair = [after - 1, after]
    ends = np.array([_curvature(networks, [p[[model]] for p in kept[i]], x[model]) for i in pair])
    first, second = (matched(losses[pair, model, None], ends[:, i, None], level)[0] for i in (0, 1))
    return float(first), float(second)


def _pooled(x: Array) -> Array:
    """8 x 8 images averaged over squares of four pixels, scaled to deviation 1.   (n, 64) -> (n, 16)."""
    small = x.reshape(len(x), 4, 2, 4, 2).mean(axis=(2, 4)).reshape(len(x), 16)
    return np.asarray(small / 0.27)


def _curvature(networks: Perceptrons, parameters: Parameters, x: Tensor) -> tuple[float, float]:
    """Information at the best common prior, and tr F, of one network."""
    factor = geometry.fisher_factor(networks, [p.double() for p in parameters], x.double())[0]
    gram = factor.T @ factor if factor.shape[1] <= factor.shape[0] else factor @ factor.T
    spectrum = np.maximum(np.linalg.eigvalsh(gram.numpy()), 0)
    return at_best_prior(geometry.flatten(parameters)[0].double().numpy(), spectrum)[0], float(spectrum.sum()) / len(x)
