"""A network that learns a text while it codes it: predict the next symbols, see them, take a step of Adam, go on.

The text is cut into B streams that are read side by side, so that one step predicts B symbols (the next of each stream)
in one batch, and learns from all of them. The decoder, starting from the same seed, makes the same steps in the same
shapes, so that every product is added up in the same order; that, double precision and one thread are what makes its
probabilities the encoder's to the last bit. Another processor or another version of a library may round elsewhere, and
one bit is enough to lose the message.

The network reads the last k symbols as vectors, one hidden layer of rectified units, and a softmax; after each step it
may learn again from `replays` batches of what it has seen. Sources: blier2018description (coding by training online),
kingma2015adam (the steps).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from itdl.checks import Array, BadInput

__all__ = ["Architecture", "OnlineNetwork", "columns"]

FLOOR = 1e-4  # share of the uniform distribution in every prediction, so that none is too small for the coder


@dataclass(frozen=True)
class Architecture:
    """What both sides agree on beforehand, beside the seed."""

    letters: int
    context: int  # symbols that are read
    embedding: int  # numbers for each of them
    hidden: int
    rate: float  # of Adam
    replays: int = 0  # batches of seen symbols that are learned again at each step

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("letters", "context", "embedding", "hidden")}
        for name, value in sizes.items():
            if value < 1:
                raise BadInput(f"{name} is {value}; it must be at least 1")
        if not self.rate > 0 or self.replays < 0:
            raise BadInput(f"rate is {self.rate} and replays {self.replays}; a rate is above zero, replays not below")

    def shapes(self) -> list[tuple[int, ...]]:
        """Vectors of the symbols at each place, then weights and biases of the hidden layer and of the read-out."""
        read = self.context * self.embedding
        return [
            (self.context * self.letters, self.embedding),
            *[(read, self.hidden), (self.hidden,)],
            *[(self.hidden, self.letters), (self.letters,)],
        ]

    def count(self) -> int:
        """Weights of the network."""
        return sum(int(np.prod(shape)) for shape in self.shapes())


class OnlineNetwork:
    """A model of `compressor` for `streams` symbols at a time; `generator` draws its first weights and its replays."""

    def __init__(self, architecture: Architecture, streams: int, generator: torch.Generator) -> None:
        self.architecture, self._generator = architecture, generator
        self.parameters = [_drawn(shape, generator).requires_grad_() for shape in architecture.shapes()]
        self._optimiser = torch.optim.Adam(self.parameters, lr=architecture.rate, betas=(0.9, 0.99))
        self._past = torch.zeros(streams, architecture.context, dtype=torch.int64)
        self._seen: list[tuple[Tensor, Tensor]] = []
        self._places = torch.arange(architecture.context) * architecture.letters

    def logits(self, past: Tensor) -> Tensor:
        """(n, context) -> (n, letters)."""
        vectors, w_in, b_in, w_out, b_out = self.parameters
        read = vectors[past + self._places].flatten(1)
        hidden = torch.relu(torch.addmm(b_in, read, w_in))
        return torch.addmm(b_out, hidden, w_out)

    def predict(self) -> Array:
        """The probabilities of the next symbol of each stream, (streams, letters)."""
        with torch.no_grad():
            p = torch.softmax(self.logits(self._past), dim=1)
        return np.asarray((1 - FLOOR) * p.numpy() + FLOOR / self.architecture.letters)

    def update(self, symbols: np.ndarray) -> None:
        """Learn from what came, (streams,), and from as many earlier batches as are replayed."""
        came = torch.as_tensor(symbols)
        self._seen.append((self._past, came))
        again = torch.randint(len(self._seen), (self.architecture.replays,), generator=self._generator)
        for past, symbol in [self._seen[-1], *(self._seen[i] for i in again.tolist())]:
            self._optimiser.zero_grad()
            torch.autograd.backward(torch.nn.functional.cross_entropy(self.logits(past), symbol))
            self._optimiser.step()
        self._past = torch.cat([self._past[:, 1:], came[:, None]], dim=1)


def columns(symbols: np.ndarray, streams: int) -> np.ndarray:
    """A text (n,) as stretches side by side, (n // streams, streams); a rest that fills no row is left out."""
    if symbols.ndim != 1 or not 1 <= streams <= len(symbols):
        raise BadInput(f"a text of shape {symbols.shape} cannot be cut into {streams} streams")
    rows = len(symbols) // streams
    return np.ascontiguousarray(symbols[: rows * streams].reshape(streams, rows).T)


def _drawn(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Matrices normal, of variance one over the numbers that a unit adds up; biases zero."""
    if len(shape) == 1:
        return torch.zeros(shape, dtype=torch.float64)
    return torch.randn(shape, generator=generator, dtype=torch.float64) * float(shape[0] ** -0.5)
