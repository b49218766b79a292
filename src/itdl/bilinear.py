"""Softmax tables of low rank, all ranks at once: log-bilinear bigram models.

    q(y|x) = softmax_y( u_x . w_y + b_y ),    u_x, w_y of r numbers: N = 2 V r + V parameters.

Models of different rank share one padded shape; what lies beyond a model's rank is masked on both sides, stays zero and
gets no gradient. It is the simplest language model whose loss is limited by its size, and the floor of every network
that reads its logits out of r numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from itdl.checks import BadInput
from itdl.networks import Parameters

__all__ = ["BilinearTables"]


@dataclass(frozen=True)
class BilinearTables:
    """One model per rank, over one vocabulary. Parameters are U (M, V, R), W (M, R, V) and b (M, 1, V)."""

    vocabulary: int
    ranks: Sequence[int]

    def __post_init__(self) -> None:
        if not self.ranks or min(self.ranks) < 1 or max(self.ranks) > self.vocabulary:
            raise BadInput(
                f"ranks are {list(self.ranks)}; give whole numbers from 1 to the vocabulary, {self.vocabulary}"
            )

    def count(self) -> list[int]:
        """Parameters of each model, 2 V r + V."""
        return [2 * self.vocabulary * r + self.vocabulary for r in self.ranks]

    @property
    def mask(self) -> Tensor:
        """Ones up to the rank of each model, (M, R)."""
        return (torch.arange(max(self.ranks)) < torch.tensor(list(self.ranks))[:, None]).float()

    def initialise(self, generator: torch.Generator, *, deviation: float = 0.3) -> Parameters:
        """U and W normal of that deviation over the square root of the rank, b zero."""
        m, v, r = len(self.ranks), self.vocabulary, max(self.ranks)
        scale = deviation / torch.tensor(list(self.ranks)) ** 0.5
        u, w = (torch.randn(m, v, r, generator=generator) * (self.mask * scale[:, None])[:, None] for _ in range(2))
        return [u, w.mT.contiguous(), torch.zeros(m, 1, v)]

    def rows(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Logits after each state.   x (B,) or (M, B) -> (M, B, V)."""
        u, w, b = parameters
        seen = u.gather(1, x.expand(len(u), x.shape[-1])[:, :, None].expand(-1, -1, u.shape[2]))
        return torch.baddbmm(b, seen, w)

    def logits(self, parameters: Parameters) -> Tensor:
        """Logits of the whole table, (M, V, V)."""
        u, w, b = parameters
        return torch.baddbmm(b, u, w)

    def loss(self, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
        """Mean of -log q(y|x) over pairs, nats, one per model.   x, y (B,) -> (M,)."""
        logits = self.rows(parameters, x)
        each = cross_entropy(logits.flatten(0, 1), y.repeat(len(logits)), reduction="none")
        return each.view(len(logits), -1).mean(dim=1)

    def population_loss(self, parameters: Parameters, joint: Tensor) -> Tensor:
        """-sum_xy p(x, y) log q(y|x), nats, one per model.   joint (V, V) -> (M,)."""
        return -(joint * torch.log_softmax(self.logits(parameters), dim=-1)).sum(dim=(1, 2))
