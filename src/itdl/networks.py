"""Fully-connected networks, many at once. Parameters are a list of layers (W, b) with a leading axis over models.

`Networks` stand beside the infinite ones: standard normal parameters in float64, and the scales in the forward pass,
sigma_w/sqrt(fan_in) h W + sigma_b b. `Perceptrons` are the ones practitioners train: W h + b, the scale in the
initialisation, in the precision and on the device of their parameters. Their W is (M, width out, width in), so that
inside a network the points are columns: narrow layers then multiply several times faster.

Source: jacot2018neural (parametrisation of `Networks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from itdl.checks import BadInput

__all__ = ["Networks", "Parameters", "Perceptrons"]

Parameters = list[Tensor]  # W_1 (M, d, width), b_1 (M, 1, width), W_2, b_2, ...

ACTIVATIONS = {"erf": torch.erf, "relu": torch.relu}
TRAINED = {"tanh": torch.tanh, "relu": torch.relu}


@dataclass(frozen=True)
class Networks:
    """One architecture: layer widths from input to output, activation and scales (standard deviations)."""

    widths: Sequence[int]
    activation: str
    sigma_w: float
    sigma_b: float

    def __post_init__(self) -> None:
        _check(self.widths, self.activation, ACTIVATIONS)

    def initialise(self, models: int, generator: torch.Generator) -> Parameters:
        """Standard normal parameters of `models` independent networks."""
        shapes = [shape for i, o in pairwise(self.widths) for shape in ((models, i, o), (models, 1, o))]
        return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]

    def forward(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Outputs of every model.   x (n, d) -> (M, n, k)."""
        h = x.expand(len(parameters[0]), *x.shape)
        for layer, (w, b) in enumerate(zip(parameters[::2], parameters[1::2], strict=True)):
            if layer:
                h = ACTIVATIONS[self.activation](h)
            h = torch.baddbmm(self.sigma_b * b, h, w, alpha=self.sigma_w / w.shape[1] ** 0.5)
        return h

    def tangent_kernel(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Empirical NTK of every model with one output, J J^T.   x (n, d) -> (M, n, n)."""
        live = [p.requires_grad_() for p in parameters]
        outputs = self.forward(live, x)[..., 0]
        rows = [torch.autograd.grad(outputs[:, i].sum(), live, retain_graph=True) for i in range(len(x))]
        flat = torch.stack([torch.cat([g.flatten(1) for g in row], dim=1) for row in rows], dim=1)
        return flat @ flat.mT


@dataclass(frozen=True)
class Perceptrons:
    """One architecture of ordinary networks: layer widths from input to output, and the activation of hidden layers."""

    widths: Sequence[int]
    activation: str

    def __post_init__(self) -> None:
        _check(self.widths, self.activation, TRAINED)

    def initialise(self, generators: Sequence[torch.Generator], *, dtype: torch.dtype = torch.float32) -> Parameters:
        """One network per generator: W normal of deviation 1/sqrt(fan_in), cut off at two deviations, and b = 0."""
        networks = [self._draw(generator) for generator in generators]
        return [torch.stack(parts).to(dtype) for parts in zip(*networks, strict=True)]

    def _draw(self, generator: torch.Generator) -> Parameters:
        parameters = []
        for i, o in pairwise(self.widths):
            w = torch.empty(o, i, dtype=torch.float64)
            torch.nn.init.trunc_normal_(w, std=i**-0.5, a=-2 * i**-0.5, b=2 * i**-0.5, generator=generator)
            parameters += [w, torch.zeros(o, 1, dtype=torch.float64)]
        return parameters

    def preactivations(self, parameters: Parameters, x: Tensor, kept: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Inputs of every hidden activation, then the outputs.   x (n, d) or (M, n, d) -> (M, n, width) each.

        `kept`, one for each hidden layer, (M, width, n), multiplies its activations (`dropout`).
        """
        factors: Iterable[Tensor | float] = kept if kept is not None else [1.0] * (len(self.widths) - 2)
        found = [torch.matmul(parameters[0], x.mT) + parameters[1]]
        for w, b, factor in zip(parameters[2::2], parameters[3::2], factors, strict=True):
            hidden = TRAINED[self.activation](found[-1])
            found.append(torch.baddbmm(b, w, hidden if kept is None else hidden * factor))
        return [z.mT for z in found]

    def forward(self, parameters: Parameters, x: Tensor, kept: Sequence[Tensor] | None = None) -> Tensor:
        """Outputs of every model, before any softmax.   x (n, d) or (M, n, d) -> (M, n, k); `kept` as above."""
        return self.preactivations(parameters, x, kept)[-1]

    def dropout(
        self, models: int, n: int, rate: float, generator: torch.Generator, *, dtype: torch.dtype = torch.float32
    ) -> list[Tensor]:
        """Factors for `forward`: each hidden unit is 0 with probability `rate`, else 1/(1 - rate), at every point."""
        if not 0 <= rate < 1:
            raise BadInput(f"rate is {rate}; the share of dropped units lies in [0, 1)")
        shapes = [(models, width, n) for width in self.widths[1:-1]]
        return [torch.rand(shape, generator=generator).ge(rate).to(dtype) / (1 - rate) for shape in shapes]

    def activate(self, preactivation: Tensor) -> Tensor:
        """The activation of the hidden layers, entry by entry."""
        return TRAINED[self.activation](preactivation)


def _check(widths: Sequence[int], activation: str, known: Iterable[str]) -> None:
    if activation not in known:
        raise BadInput(f"activation is {activation!r}; known are {' and '.join(known)}")
    if len(widths) < 2 or min(widths) < 1:
        raise BadInput(f"widths are {list(widths)}; give at least the input and the output width, all >= 1")
