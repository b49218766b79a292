"""The models of chapter 15 as compressors: bytes out of a range coder, and what general compressors make of the same.

A model is sent before it is used, so the weights that code are rounded to half precision, 16 bits each. A message is
cut into pieces of a context each; its first symbol goes without a prediction, every other one is predicted from those
of its piece and the last of the piece before. Rates are in bits per symbol.

Source: deletang2024language (abstract: language models as compressors).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from dataclasses import dataclass, field

import numpy as np
import torch

from itdl import compressor
from itdl.checks import Array, BadInput, DataError
from itdl.networks import Parameters
from itdl.sweep import Result
from itdl.transformers import Decoders

__all__ = ["WEIGHT_BITS", "Reader", "coded", "general", "message_length", "returned", "rounded", "two_part"]

WEIGHT_BITS = 16
STREAMS = 64  # read side by side when a message is read back


def coded(decoder: Decoders, parameters: Parameters, messages: np.ndarray) -> Result:
    """What each model makes of its message, (M,): `coded`, all bytes of the container, and `ideal`, -log2 of its
    probabilities, both in bits per symbol; `overhead` of the coder alone, in bits; `whole`, the ideal rate of the
    weights before rounding. `paid` (M, n): -log2 of the probability of each symbol.

    messages (M, n) with n = 1 + a multiple of the context.
    """
    small, n = rounded(parameters), messages.shape[-1]
    found: dict[str, list[Array | float]] = {name: [] for name in ("coded", "ideal", "overhead", "whole", "paid")}
    for m, message in enumerate(messages):
        own, full = ([p[m : m + 1] for p in ps] for ps in (small, [p.double() for p in parameters]))
        rows = _rows(decoder, own, message)
        data, paid = compressor.encode(message, rows), -np.log2(rows[np.arange(n), message])
        unrounded = _rows(decoder, full, message)[np.arange(n), message]
        found["coded"].append(8 * len(data) / n)
        found["ideal"].append(float(paid.mean()))
        found["overhead"].append(compressor.payload_bits(data) - float(paid.sum()))
        found["whole"].append(float(-np.log2(unrounded).mean()))
        found["paid"].append(paid)
    return {name: np.array(values) for name, values in found.items()}


def rounded(parameters: Parameters) -> Parameters:
    """The weights as they are sent, 16 bits each, in the double precision in which both sides compute."""
    return [p.half().double() for p in parameters]


def message_length(most: int, context: int) -> int:
    """The longest message of at most so many symbols that consists of whole pieces."""
    if most <= context:
        raise BadInput(f"a message of {most} symbols has no whole piece of {context}; take a longer one")
    return 1 + (most - 1) // context * context


def _rows(decoder: Decoders, parameters: Parameters, message: np.ndarray) -> Array:
    """Probabilities of every symbol of a message, (n, vocabulary), by one model; the first is uniform."""
    pieces = torch.from_numpy(message[:-1].reshape(-1, decoder.context))
    with torch.no_grad():
        rows = torch.softmax(decoder.forward(parameters, pieces), dim=-1).reshape(-1, decoder.vocabulary)
    return np.vstack([np.full(decoder.vocabulary, 1 / decoder.vocabulary), rows.numpy()])


@dataclass
class Reader:
    """One model on both ends of a wire: STREAMS messages side by side, one symbol of each in a step.

    It is a `compressor.Model`; its shapes depend on the step alone, so that both sides compute the same bits.
    """

    decoder: Decoders
    parameters: Parameters
    seen: np.ndarray = field(default_factory=lambda: np.empty((STREAMS, 0), dtype=np.int64))

    def predict(self) -> Array:
        """Probabilities of the next symbol of each message, (STREAMS, vocabulary)."""
        step, v = self.seen.shape[1], self.decoder.vocabulary
        if step == 0:
            return np.full((STREAMS, v), 1 / v)
        piece = self.seen[:, (step - 1) // self.decoder.context * self.decoder.context :]
        with torch.no_grad():
            logits = self.decoder.forward(self.parameters, torch.from_numpy(piece))[0, :, -1]
        return torch.softmax(logits, dim=-1).numpy()

    def update(self, symbols: np.ndarray) -> None:
        """What came, (STREAMS,)."""
        self.seen = np.column_stack([self.seen, symbols])


def returned(decoder: Decoders, parameters: Parameters, message: np.ndarray) -> Result:
    """A message is sent by the first of the models, and read by the same; and by the same before its rounding.

    `lost`, `lost_unrounded`: share of its symbols that do not come back; all of them where the reader refuses.
    """
    length = len(message) // STREAMS
    symbols = message[: length * STREAMS].reshape(STREAMS, length).T
    sent, full = ([p[:1] for p in ps] for ps in (rounded(parameters), [p.double() for p in parameters]))
    data = compressor.compress(symbols, Reader(decoder, sent))
    return {name: _lost(symbols, data, decoder, own) for name, own in (("lost", sent), ("lost_unrounded", full))}


def _lost(symbols: np.ndarray, data: bytes, decoder: Decoders, parameters: Parameters) -> float:
    try:
        return float((compressor.decompress(data, Reader(decoder, parameters)) != symbols).mean())
    except DataError:  # the reader noticed that its model is not the writer's, and gave nothing back
        return 1.0


def general(message: np.ndarray) -> dict[str, float]:
    """Bits per symbol of gzip, bz2 and lzma at their strongest settings, one byte to a symbol."""
    data = message.astype(np.uint8).tobytes()
    made = {"gzip": gzip.compress(data, 9), "bz2": bz2.compress(data, 9), "lzma": lzma.compress(data, preset=9)}
    return {name: 8 * len(x) / len(data) for name, x in made.items()}


def two_part(rate: Array, n_params: Array, length: Array | float) -> Array:
    """Bits per symbol of a text of that length when the weights are sent with it."""
    return np.asarray(rate + WEIGHT_BITS * n_params / length)
