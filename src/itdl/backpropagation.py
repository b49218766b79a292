"""Mean cross-entropy of many narrow perceptrons at once, with its gradient written out.

Where layers are a few units wide, autograd takes more than half of a step for its own. Written out, with h_0 = x and
h_l = phi(W_l h_{l-1} + b_l), points as columns and p the softmax of the last z:

    delta_L = (p - onehot(y)) / n,    delta_l = phi'(z_l) W_{l+1}^T delta_{l+1},
    dW_l = delta_l h_{l-1}^T,         db_l = sum over points of delta_l,

and phi' is read off h_l: 1 - h^2 for tanh, 1 where h > 0 for relu. To autograd the whole is one operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from itdl.checks import BadInput
from itdl.networks import Parameters, Perceptrons

__all__ = ["cross_entropy"]

Slope = Callable[[Tensor, Tensor], Tensor]  # delta and h to delta phi'

SLOPES: dict[str, Slope] = {
    "tanh": lambda delta, h: torch.ops.aten.tanh_backward(delta, h),
    "relu": lambda delta, h: torch.ops.aten.threshold_backward(delta, h, 0),
}


def cross_entropy(networks: Perceptrons, parameters: Parameters, x: Tensor, labels: Tensor) -> Tensor:
    """-1/n sum_i log p(y_i | x_i) of every model, in nats.   x (M, n, d), labels (M, n) -> (M,).

    Differentiable once, in the parameters alone. Raises `BadInput` where inputs and labels are not those of as many
    models and points.
    """
    if x.shape[:2] != labels.shape or len(labels) != len(parameters[0]):
        raise BadInput(
            f"x is of shape {tuple(x.shape)} and labels of {tuple(labels.shape)} for {len(parameters[0])} models; "
            "give (models, points, inputs) and (models, points)"
        )
    losses: Tensor = _CrossEntropy.apply(networks, x, labels, *parameters)  # type: ignore[no-untyped-call]
    return losses


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, networks: Perceptrons, x: Tensor, labels: Tensor, *parameters: Tensor) -> Tensor:
        weights, biases = parameters[::2], parameters[1::2]
        h = [x.mT]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            h.append(networks.activate(torch.baddbmm(b, w, h[-1])))
        log_p = torch.log_softmax(torch.baddbmm(biases[-1], weights[-1], h[-1]), dim=1)
        own = labels[:, None]
        losses = -log_p.gather(1, own)[:, 0].mean(dim=1)
        if any(ctx.needs_input_grad):
            delta = log_p.exp_().scatter_add_(1, own, log_p.new_full((), -1).expand(own.shape)) / labels.shape[1]
            ctx.save_for_backward(*_gradients(weights, h, delta, SLOPES[networks.activation]))
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, None, *(slopes[0][:, None, None] * g for g in ctx.saved_tensors))


def _gradients(weights: Sequence[Tensor], h: Sequence[Tensor], delta: Tensor, slope: Slope) -> Parameters:
    """dW_1, db_1, dW_2, ... from delta_L and the inputs h of every layer."""
    found: Parameters = []
    for layer in reversed(range(len(weights))):
        found = [torch.bmm(delta, h[layer].mT), delta.sum(dim=2, keepdim=True), *found]
        if layer:
            delta = slope(torch.bmm(weights[layer].mT, delta), h[layer])
    return found
