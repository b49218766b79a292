"""Labels as messages, for chapter 03: a classifier of digits trained to the end, and one temperature to mend it."""

from __future__ import annotations

import numpy as np
import torch

from itdl import coding, compressor, entropy, rng, training
from itdl.checks import Array
from itdl.data import digits
from itdl.networks import Perceptrons
from itdl.studies.codes import NAME
from itdl.sweep import Result

__all__ = ["labels"]

CLASSES = 10
DRAWS = 50  # label sets drawn from the network's own predictions


def labels(*, seed: int, index: int, n: int, hidden: int, epochs: int, batch: int, rate: float) -> Result:
    """A network trained on n digits; its held-out logits, half to fit a temperature, half to test it.

    `temperature` of the shortest code of the first half's labels; on the other half bits per label at temperature 1
    (`bits`) and at that one (`bits_mended`), and the `saving` as a share; the same with labels drawn from the network
    (`..._own`); `accuracy`; real `bytes` of the test labels before and after; `logits` and
    `truth` of test images; `train_loss` in bits.
    """
    data = digits()
    order = rng.stream(seed, NAME, "digits", index).permutation(len(data.labels))
    x, y = torch.as_tensor(data.pixels[order]), torch.as_tensor(data.labels[order])
    net = Perceptrons([x.shape[1], hidden, CLASSES], "relu")
    start = net.initialise([rng.torch_stream(seed, NAME, "classifier", index)], dtype=torch.float64)

    def loss(parameters: list[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        z = net.forward(parameters, x[:n][rows])
        return torch.nn.functional.cross_entropy(z[0], y[:n][rows][0])[None]

    orders = [rng.torch_stream(seed, NAME, "order", index)]
    ((_, trained),) = training.adam(loss, start, orders, n=n, batch=batch, epochs=epochs, rate=rate, keep=[epochs])
    z = net.forward(trained, x)[0].numpy()
    truth = y.numpy()
    half = n + (len(truth) - n) // 2
    fit, test = slice(n, half), slice(half, None)
    temperature = coding.best_temperature(z[fit], truth[fit])
    own = _drawn(rng.stream(seed, NAME, "own", index), coding.tempered(z[n:], 1.0))
    own_temperature = coding.best_temperature(np.tile(z[fit], (DRAWS, 1)), own[:, : half - n].ravel())
    rows = [_floored(coding.tempered(z[test], t)) for t in (1.0, temperature)]
    lengths = [_bits(z[test], truth[test], t) for t in (1.0, temperature)]
    own_lengths = [_bits(np.tile(z[test], (DRAWS, 1)), own[:, half - n :].ravel(), t) for t in (1.0, own_temperature)]
    return {
        "temperature": temperature,
        "temperature_own": own_temperature,
        "bits": lengths[0],
        "bits_mended": lengths[1],
        "saving": 1 - lengths[1] / lengths[0],
        "saving_own": 1 - own_lengths[1] / own_lengths[0],
        "bits_own": own_lengths[0],
        "bits_own_mended": own_lengths[1],
        "accuracy": float((z[test].argmax(axis=1) == truth[test]).mean()),
        "bytes": np.array([compressor.payload_bits(compressor.encode(truth[test], row)) / 8 for row in rows]),
        "logits": z[test],
        "truth": truth[test].astype(float),
        "train_loss": _bits(z[:n], truth[:n], 1.0),
    }


def _bits(z: Array, y: np.ndarray, temperature: float) -> float:
    return float(entropy.bits(coding.code_lengths(y, coding.tempered(z, temperature)).mean()))


def _drawn(generator: np.random.Generator, p: Array) -> np.ndarray:
    """Labels from each row of p, DRAWS times, (DRAWS, rows)."""
    steps = np.cumsum(p, axis=1)
    return np.asarray((generator.random((DRAWS, len(p), 1)) * steps[:, -1:] >= steps).sum(axis=-1))


def _floored(p: Array, floor: float = 1e-6) -> Array:
    """No zeros: a softmax of large logits may round to one."""
    return np.asarray((p + floor) / (1 + floor * p.shape[1]))
