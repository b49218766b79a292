"""Docstrings in real bytes, for chapter 03: gzip and its kin, counting, and a network that learns on the way."""

from __future__ import annotations

import bz2
import gzip
import lzma

import numpy as np
import torch
from torch import Tensor

from itdl import coding, compressor, entropy
from itdl.checks import Array, DataError
from itdl.context_models import ContextModel, context_lengths
from itdl.online_networks import Architecture, OnlineNetwork, columns
from itdl.rng import stream, torch_stream
from itdl.studies.codes import NAME, stretch
from itdl.sweep import Result
from itdl.text import ALPHABET

__all__ = ["baselines", "counting", "inversions", "network", "order_losses", "two_part_bits"]

LETTERS = len(ALPHABET)
WEIGHT_BITS = 32  # of a weight sent in single precision


def letters_of(seed: int, index: int, length: int, noise: bool) -> np.ndarray:
    """A stretch of docstrings, or as many letters of the same alphabet drawn evenly."""
    if noise:
        return stream(seed, NAME, "noise", index).integers(LETTERS, size=length)
    return stretch(seed, index, length)


def baselines(*, seed: int, index: int, length: int, noise: bool = False) -> Result:
    """Bits of gzip, bz2 and lzma at their strongest on the bytes of the text, and of its letters without a model."""
    data = "".join(ALPHABET[i] for i in letters_of(seed, index, length, noise)).encode()
    return {
        "gzip": 8.0 * len(gzip.compress(data, 9, mtime=0)),
        "bz2": 8.0 * len(bz2.compress(data, 9)),
        "lzma": 8.0 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
        "plain": length * np.log2(LETTERS),
    }


def counting(*, seed: int, index: int, length: int, order: int, noise: bool = False) -> Result:
    """Bits of the container that `ContextModel` fills, header and all, and 1 if the text came back out of it.

    `single` is the ideal length of counting single letters, and `curve` the bits per letter of each hundredth.
    """
    x = letters_of(seed, index, length, noise)
    data = compressor.compress(x[:, None], ContextModel(LETTERS, order))
    back = compressor.decompress(data, ContextModel(LETTERS, order))
    return {
        "bits": 8.0 * len(data),
        "returned": float((back[:, 0] == x).all()),
        "single": float(entropy.bits(coding.online_lengths(x, LETTERS).sum())),
        "curve": _curve(entropy.bits(context_lengths(x, LETTERS, order))),
    }


def order_losses(*, seed: int, index: int, length: int, orders: list[int]) -> Result:
    """Bits per letter of counting with one half added, for each order: over the `whole` text and its `last` tenth."""
    x = stretch(seed, index, length)
    bits = np.stack([entropy.bits(coding.online_lengths(x, LETTERS, order=order)) for order in orders])
    curves = np.stack([_curve(row) for row in bits])
    return {"whole": bits.mean(axis=1), "last": bits[:, -(length // 10) :].mean(axis=1), "curves": curves}


def inversions(a: Array, b: Array) -> Array:
    """Pairs that the rows of a and b rank differently, (n, orders) -> (n,)."""
    i, j = np.triu_indices(a.shape[-1], 1)
    return np.asarray(((a[..., i] - a[..., j]) * (b[..., i] - b[..., j]) < 0).sum(axis=-1), dtype=float)


def network(
    *,
    seed: int,
    index: int,
    length: int,
    streams: int,
    context: int,
    embedding: int,
    hidden: int,
    rate: float,
    replays: int,
    noise: bool = False,
    decode: bool = True,
) -> Result:
    """A text coded by a network that learns it on the way, and decoded by one that does the same.

    `bits` of the container with header, `overhead` of the bits written over the sum of the online losses (`area`),
    `overhead_end` over the loss of the last tenth times the length, `returned` and `returned_off` 1 where the text
    comes back (from the same first weights, or from those rounded to single precision), `two_part` the bits of the
    trained weights and of the text under them, `plain` those of the letters without a model, `curve` bits per letter on
    the way.
    """
    text = columns(letters_of(seed, index, length, noise), streams)
    architecture = Architecture(LETTERS, context, embedding, hidden, rate, replays)

    def fresh() -> _Recorded:
        return _Recorded(architecture, streams, torch_stream(seed, NAME, "network", index))

    model = fresh()
    data = compressor.compress(text, model)
    bits = np.array(model.losses) / np.log(2)
    last = bits[-max(1, len(bits) // 10) :].mean()
    found: dict[str, float | Array] = {
        "bits": 8.0 * len(data),
        "area": float(bits.sum()),
        "overhead": float(compressor.payload_bits(data) - bits.sum()),
        "overhead_end": float(compressor.payload_bits(data) - last * len(bits)),
        "plain": text.size * np.log2(LETTERS),
        "curve": _curve(bits.mean(axis=1)),
        "weights": float(architecture.count()),
        "letters": float(text.size),
        "two_part": two_part_bits(model, text),
    }
    if decode:
        rounded = fresh()
        with torch.no_grad():
            for p in rounded.parameters:
                p.copy_(p.float().double())
        found |= {"returned": _returned(data, fresh(), text), "returned_off": _returned(data, rounded, text)}
    return found


class _Recorded(OnlineNetwork):
    """Keeps the loss of every step, (streams,) each, in nats."""

    def __init__(self, architecture: Architecture, streams: int, generator: torch.Generator) -> None:
        super().__init__(architecture, streams, generator)
        self.losses: list[Array] = []

    def predict(self) -> Array:
        self.predicted = super().predict()
        return self.predicted

    def update(self, symbols: np.ndarray) -> None:
        self.losses.append(-np.log(self.predicted[np.arange(len(symbols)), symbols]))
        super().update(symbols)


def two_part_bits(model: OnlineNetwork, text: np.ndarray) -> float:
    """Bits of the weights in single precision, and of the text (steps, streams) under the network they make."""
    sent = OnlineNetwork(model.architecture, text.shape[1], torch_stream(0, NAME, "sent"))
    total = float(WEIGHT_BITS * model.architecture.count())
    with torch.no_grad():
        for p, q in zip(sent.parameters, model.parameters, strict=True):
            p.copy_(q.float().double())
        log_p = torch.log_softmax(sent.logits(_pasts(text, model.architecture.context)), dim=1)
    chosen = log_p.gather(1, torch.as_tensor(text).reshape(-1, 1))
    return total - float(chosen.sum()) / float(np.log(2))


def _pasts(text: np.ndarray, context: int) -> Tensor:
    """What the network reads before each letter of (steps, streams), step by step: (steps streams, context)."""
    padded = np.concatenate([np.zeros((context, text.shape[1]), dtype=np.int64), text])
    return torch.as_tensor(np.stack([padded[k : k + len(text)] for k in range(context)], axis=-1)).flatten(0, 1)


def _returned(data: bytes, model: OnlineNetwork, text: np.ndarray) -> float:
    try:
        return float((compressor.decompress(data, model) == text).all())
    except DataError:  # the decoder gives up: a result here, not a failure
        return 0.0


def _curve(bits: Array, points: int = 100) -> Array:
    """Means over equal parts of the way, (points,)."""
    return np.array([part.mean() for part in np.array_split(bits, min(points, len(bits)))])
