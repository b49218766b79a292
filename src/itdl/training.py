"""Deterministic training of many models at once; so far gradient flow, the limit of small steps.

Source: lee2019wide, section 2.2 (gradient flow on the squared loss).
"""

from __future__ import annotations

import torch
from torch import Tensor

from itdl.checks import BadInput
from itdl.networks import Networks, Parameters

__all__ = ["gradient_flow"]


def gradient_flow(
    networks: Networks, parameters: Parameters, x: Tensor, y: Tensor, *, time: float, steps: int, chunk: int = 8
) -> Parameters:
    """Parameters after `time` of d theta/d tau = -grad 1/2 sum_n |z_n - y_n|^2, by `steps` steps of Runge-Kutta 4.

    x (n, d), y (n, k); every model sees the same data. Models are independent and go `chunk` at a time, so that a
    chunk's parameters stay in cache. Raises `BadInput` when the flow blows up (steps too long).
    """
    chunks = zip(*(torch.split(p, chunk) for p in parameters), strict=True)
    ends = [_flow(networks, list(part), x, y, time, steps) for part in chunks]
    return [torch.cat(parts) for parts in zip(*ends, strict=True)]


def _flow(networks: Networks, parameters: Parameters, x: Tensor, y: Tensor, time: float, steps: int) -> Parameters:

    def slope(at: Parameters) -> Parameters:
        live = [p.detach().requires_grad_() for p in at]
        loss = 0.5 * ((networks.forward(live, x) - y) ** 2).sum()
        return list(torch.autograd.grad(-loss, live))

    def shifted(at: Parameters, by: Parameters, h: float) -> Parameters:
        return [p + h * d for p, d in zip(at, by, strict=True)]

    h, now = time / steps, [p.detach() for p in parameters]
    for _ in range(steps):
        k1 = slope(now)
        k2 = slope(shifted(now, k1, h / 2))
        k3 = slope(shifted(now, k2, h / 2))
        k4 = slope(shifted(now, k3, h))
        now = [p + h / 6 * (a + 2 * b + 2 * c + d) for p, a, b, c, d in zip(now, k1, k2, k3, k4, strict=True)]
    if not all(bool(torch.isfinite(p).all()) for p in now):
        raise BadInput(f"gradient flow left the numbers within {steps} steps to time {time}; take more steps")
    return now
