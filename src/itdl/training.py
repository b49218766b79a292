"""Deterministic training of many models at once: gradient flow, the limit of small steps, Adam, AdamW and SGD.

Models are independent: each has its own parameters, its own order of the data and its own loss, and what one of them
learns does not depend on how many others are trained beside it.

Sources: lee2019wide, section 2.2 (gradient flow on the squared loss); kingma2015adam, algorithm 1;
loshchilov2019decoupled (decay beside Adam, not inside; cosine schedule).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import cos, pi

import torch
from torch import Tensor

from itdl.checks import BadInput
from itdl.networks import Networks, Parameters

__all__ = ["adam", "adamw", "gradient_flow", "sgd"]


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


def adam(
    loss: Callable[[Parameters, Tensor], Tensor],
    parameters: Parameters,
    orders: Sequence[torch.Generator],
    *,
    n: int,
    batch: int,
    epochs: int,
    rate: float,
    keep: Sequence[int],
) -> Iterator[tuple[int, Parameters]]:
    """Train M models at once; yields (epoch, parameters) after each epoch in `keep`, 0 being the start.

    `loss(parameters, rows)` gives one loss per model, (M,), on its minibatch rows (M, batch), drawn without replacement
    from range(n) in an order that the generator `orders[m]` shuffles anew every epoch; the last batch is smaller where
    n is no multiple. `parameters` have a leading axis over models and are left alone.
    Raises `BadInput` when a number leaves the finite ones (rate too large).
    """
    if not 1 <= batch <= n:
        raise BadInput(f"batch is {batch} with {n} points; it must lie between 1 and {n}")
    live = [p.detach().clone().requires_grad_() for p in parameters]
    optimiser = torch.optim.Adam(live, lr=rate, fused=True)
    for epoch in range(epochs + 1):
        if epoch:
            rows = torch.stack([torch.randperm(n, generator=order) for order in orders]).to(live[0].device)
            for part in torch.split(rows, batch, dim=1):
                optimiser.zero_grad()
                # Adam treats every number on its own, so the gradient of the sum trains each model by its own loss.
                torch.autograd.backward(loss(live, part).sum())
                optimiser.step()
        if epoch in keep:
            if not all(bool(torch.isfinite(p).all()) for p in live):
                raise BadInput(f"training left the finite numbers by epoch {epoch}; take a rate below {rate}")
            yield epoch, [p.detach().clone() for p in live]


def adamw(
    loss: Callable[[Parameters, int], Tensor],
    parameters: Parameters,
    *,
    steps: int,
    rate: float,
    keep: Sequence[int],
    warm_up: int = 0,
    decay: float = 0.0,
    clip: float | None = None,
) -> Iterator[tuple[int, Parameters]]:
    """Train M models on batches of the caller's: `loss(parameters, step)` gives one loss per model, step = 1..steps.

    Adam with betas (0.9, 0.99). The rate rises linearly over `warm_up` steps and falls to zero at `steps` as half a
    wave of a cosine does; matrices, not vectors, shrink by rate times `decay` per step; with `clip`, the gradient of
    each model is scaled down to that length. Yields (step, parameters) after each step in `keep`, 0 being the start;
    `parameters` are left alone. Raises `BadInput` when a number leaves the finite ones (rate too large).
    """
    if not 0 <= warm_up < steps:
        raise BadInput(f"warm_up is {warm_up} with {steps} steps; it must be shorter than the training")
    live = [p.detach().clone().requires_grad_() for p in parameters]
    groups = [{"params": [p for p in live if (p.dim() > 2) == many], "weight_decay": decay * many} for many in (0, 1)]
    optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=rate, betas=(0.9, 0.99), fused=True)
    for step in range(steps + 1):
        if step:
            done = max(step - 1 - warm_up, 0) / (steps - warm_up)
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, step / (warm_up + 1)) * cos(pi / 2 * done) ** 2
            optimiser.zero_grad()
            torch.autograd.backward(loss(live, step).sum())
            if clip is not None:
                _shorten(live, clip)
            optimiser.step()
        if step in keep:
            if not all(bool(torch.isfinite(p).all()) for p in live):
                raise BadInput(f"training left the finite numbers by step {step}; take a rate below {rate}")
            yield step, [p.detach().clone() for p in live]


def _shorten(live: Parameters, clip: float) -> None:
    """Scale the gradients of each model down to length `clip` where they are longer."""
    gradients = [p.grad for p in live if p.grad is not None]
    length = torch.stack([g.flatten(1).square().sum(dim=1) for g in gradients]).sum(dim=0).sqrt()
    scale = (clip / length.clamp_min(1e-30)).clamp_max(1)
    for g in gradients:
        g.mul_(scale.view(-1, *[1] * (g.dim() - 1)))


def sgd(
    loss: Callable[[Parameters, Tensor], Tensor],
    parameters: Parameters,
    orders: Sequence[torch.Generator],
    *,
    n: int,
    batch: int,
    rate: float,
    keep: Sequence[int],
) -> Iterator[tuple[int, Parameters]]:
    """Plain stochastic gradient descent, M models at once; yields (step, parameters) after each STEP in `keep`.

    Everything else is as in `adam`; the sweep ends with the last step to keep.
    """
    if not 1 <= batch <= n:
        raise BadInput(f"batch is {batch} with {n} points; it must lie between 1 and {n}")
    live = [p.detach().clone().requires_grad_() for p in parameters]
    optimiser = torch.optim.SGD(live, lr=rate, fused=True)
    parts: list[Tensor] = []
    for step in range(max(keep) + 1):
        if step:
            if not parts:
                rows = torch.stack([torch.randperm(n, generator=order) for order in orders]).to(live[0].device)
                parts = list(torch.split(rows, batch, dim=1))
            optimiser.zero_grad()
            torch.autograd.backward(loss(live, parts.pop(0)).sum())
            optimiser.step()
        if step in keep:
            if not all(bool(torch.isfinite(p).all()) for p in live):
                raise BadInput(f"training left the finite numbers by step {step}; take a rate below {rate}")
            yield step, [p.detach().clone() for p in live]
