"""A source for chapter 14 whose best prediction is known: every sequence has its own table of successors.

Each sequence draws for each of V tokens a successor, all V equally likely, and then walks: the next token is the
successor of the present one, except that with probability `jump` it is any token. The table is not told. Who has seen
a token before in the sequence, and looks up what came after it, can predict; nothing else helps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from itdl.checks import Array, BadInput

__all__ = ["Successors"]


@dataclass(frozen=True)
class Successors:
    """Sequences of `length` tokens out of `vocabulary`, with jumps of probability `jump`."""

    vocabulary: int
    length: int
    jump: float

    def __post_init__(self) -> None:
        if self.vocabulary < 2 or self.length < 2 or not 0 < self.jump <= 1:
            raise BadInput(
                f"vocabulary {self.vocabulary}, length {self.length}, jump {self.jump}: pass two tokens or more, "
                "two places or more, and a probability above 0"
            )

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """`n` sequences.   -> (n, length)."""
        table = torch.randint(self.vocabulary, (n, self.vocabulary), generator=generator)
        x = torch.randint(self.vocabulary, (n, self.length), generator=generator)
        jumps = torch.rand(n, self.length, generator=generator) < self.jump
        for t in range(1, self.length):
            x[:, t] = torch.where(jumps[:, t], x[:, t], table.gather(1, x[:, t - 1, None])[:, 0])
        return x

    def surprisals(self, tokens: Tensor) -> Array:
        """-log p(token | those before it) of the best prediction, in nats; not of the first.   (n, T) -> (n, T - 1).

        Bayes over the table, whose entries are independent: a candidate v for the successor of c gains the factor
        (1 - jump + jump/V)/(jump/V) whenever c is followed by v.
        """
        x = tokens.numpy()
        n, length = x.shape
        rows, floor = np.arange(n), self.jump / self.vocabulary
        gain = np.log((1 - self.jump + floor) / floor)
        seen = np.zeros((n, self.vocabulary, self.vocabulary))  # times c was followed by v
        found = np.empty((n, length - 1))
        for t in range(1, length):
            before, now = x[:, t - 1], x[:, t]
            odds = gain * seen[rows, before]
            weights = np.exp(odds - odds.max(axis=1, keepdims=True))
            share = weights[rows, now] / weights.sum(axis=1)
            found[:, t - 1] = -np.log((1 - self.jump) * share + floor)
            seen[rows, before, now] += 1
        return found

    @staticmethod
    def answers(tokens: Tensor) -> Tensor:
        """Whether place s holds what followed an earlier occurrence of the token at t.   -> (n, T, T) of t, s."""
        alike = tokens[:, :, None] == tokens[:, None, :]
        shifted = torch.zeros_like(alike)
        shifted[:, :, 1:] = alike[:, :, :-1]
        return shifted.tril()
