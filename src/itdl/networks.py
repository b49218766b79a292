"""Finite networks beside the infinite ones: many fully-connected networks at once, in the NTK parametrisation.

Parameters are a list of layers (W, b), each with a leading axis over models and standard normal at initialisation;
the scales sit in the forward pass: sigma_w/sqrt(fan_in) W h + sigma_b b. Everything is float64 on the CPU.

Source: jacot2018neural (parametrisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from itdl.checks import BadInput

__all__ = ["Networks", "Parameters"]

Parameters = list[Tensor]  # W_1 (M, d, width), b_1 (M, 1, width), W_2, b_2, ...

ACTIVATIONS = {"erf": torch.erf, "relu": torch.relu}


@dataclass(frozen=True)
class Networks:
    """One architecture: layer widths from input to output, activation and scales (standard deviations)."""

    widths: Sequence[int]
    activation: str
    sigma_w: float
    sigma_b: float

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise BadInput(f"activation is {self.activation!r}; known are {' and '.join(ACTIVATIONS)}")
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise BadInput(f"widths are {list(self.widths)}; give at least the input and the output width, all >= 1")

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
