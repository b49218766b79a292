"""Gaussian posteriors over the weights of many networks at once, one beta each: the trade-off minimised by sampling.

Every weight has its own mean and deviation (mean field); the prior of a layer is N(0, lambda^2) with the best lambda,
lambda^2 = mean(mu^2 + sigma^2), so that the prior is learned and its choice (one number a layer) is not charged. The
objective is C = E_Q[sum of cross-entropies] + beta KL(Q||P), in nats, of which C/(N max(1, beta)) is descended.
A unit's value is noisy as N(mean, variance) of its whole sum (local reparametrisation), anew for every input. The noise
of a step is common to all models, so what one of them learns does not depend on how many are trained beside it.

Sources: hinton1993keeping (the objective as a code length); kingma2015variational, section 2.3 (the noise);
achille2019where, section 2 (beta).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from itdl.checks import Array, BadInput, finite
from itdl.networks import Parameters, Perceptrons

__all__ = ["Evaluation", "Posterior", "evaluate", "fit", "initialise", "preactivations"]


@dataclass(frozen=True)
class Posterior:
    """Means and log deviations of all weights, layers W_1, b_1, W_2, ... with a leading axis over models."""

    means: Parameters
    log_sds: Parameters

    def prior_variances(self) -> Tensor:
        """lambda^2 = mean(mu^2 + sigma^2) over W and b of each layer: the prior with the least KL.   -> (M, layers)."""
        squares = [(m**2 + (2 * s).exp()).flatten(1) for m, s in zip(self.means, self.log_sds, strict=True)]
        layers = zip(squares[::2], squares[1::2], strict=True)
        return torch.stack([torch.cat(pair, dim=1).mean(dim=1) for pair in layers], dim=1)

    def kl(self) -> Tensor:
        """KL(Q||P) = sum over layers of k/2 log lambda^2 - sum log sigma, at the best lambda, in nats.   -> (M,)."""
        sizes = [w[0].numel() + b[0].numel() for w, b in zip(self.means[::2], self.means[1::2], strict=True)]
        volumes = sum(s.flatten(1).sum(dim=1) for s in self.log_sds)
        return 0.5 * self.prior_variances().log() @ self.means[0].new_tensor(sizes) - volumes

    def sample(self, generator: torch.Generator) -> Parameters:
        """One draw of all weights of every model, the same noise in each of them."""
        pairs = zip(self.means, self.log_sds, strict=True)
        return [m + s.exp() * _noise((1, *m.shape[1:]), generator, m) for m, s in pairs]

    def __getitem__(self, rows: Sequence[int] | Tensor) -> Posterior:
        """The posteriors of the models in `rows`, in that order."""
        return Posterior([m[rows] for m in self.means], [s[rows] for s in self.log_sds])


@dataclass(frozen=True)
class Evaluation:
    """E_Q of the cross-entropy of one point, in nats, and of the accuracy of a draw, (M,) each."""

    loss: Array
    accuracy: Array


def initialise(
    networks: Perceptrons,
    generators: Sequence[torch.Generator],
    *,
    log_sd: float = -4.0,
    dtype: torch.dtype = torch.float32,
) -> Posterior:
    """Narrow posteriors about fresh networks, one per generator. A wide start would end in the prior at once."""
    means = networks.initialise(generators, dtype=dtype)
    return Posterior(means, [torch.full_like(m, log_sd) for m in means])


def preactivations(networks: Perceptrons, q: Posterior, x: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Noisy inputs of every hidden activation, then the outputs.   x (n, d) or (M, n, d) -> (M, n, width) each."""
    found: list[Tensor] = []
    layers = zip(q.means[::2], q.means[1::2], q.log_sds[::2], q.log_sds[1::2], strict=True)
    for mu_w, mu_b, s_w, s_b in layers:
        h = networks.activate(found[-1]) if found else x.mT
        mean = torch.matmul(mu_w, h) + mu_b
        variance = torch.matmul((2 * s_w).exp(), h**2) + (2 * s_b).exp()
        found.append(mean + variance.sqrt() * _noise((1, *mean.shape[1:]), generator, mean))
    return [z.mT for z in found]


def fit(
    networks: Perceptrons,
    start: Posterior,
    x: Tensor,
    y: Tensor,
    betas: Sequence[float],
    generator: torch.Generator,
    *,
    steps: int,
    rate: float = 3e-3,
    batch: int | None = None,
) -> Posterior:
    """The posterior of every model after `steps` steps of Adam, rates falling to zero as a cosine (deviations: 3 rate).

    x (n, d) or (M, n, d); labels y (M, n), whole numbers; one beta per model. `batch` points a step, drawn without
    replacement, the same for all models; all of them when None. `start` is left alone.
    Raises `BadInput` for a beta below zero, shapes that do not fit, or when training leaves the finite numbers.
    """
    models, n = y.shape
    strengths = finite("betas", betas)
    if strengths.shape != (models,) or (strengths < 0).any():
        raise BadInput(f"betas are {list(betas)} for {models} models; give one per model, zero or above")
    if x.shape[-2] != n or len(start.means[0]) != models:
        raise BadInput(
            f"x has {x.shape[-2]} points and the start {len(start.means[0])} models; y has shape {(models, n)}"
        )
    size = n if batch is None else batch
    if not 1 <= size <= n:
        raise BadInput(f"batch is {batch} with {n} points; it must lie between 1 and {n}")
    live = Posterior(*([p.detach().clone().requires_grad_() for p in part] for part in (start.means, start.log_sds)))
    beta = live.means[0].new_tensor(strengths)
    optimiser = torch.optim.Adam([{"params": live.means}, {"params": live.log_sds}], lr=rate, fused=True)
    rows = torch.arange(n, device=x.device)
    for step in range(steps):
        falling = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group, factor in zip(optimiser.param_groups, (1, 3), strict=True):
            group["lr"] = factor * falling
        if size < n:
            rows = torch.randperm(n, generator=generator)[:size].to(x.device)
        optimiser.zero_grad()
        outputs = preactivations(networks, live, x[..., rows, :], generator)[-1]
        cost = n / size * _losses(outputs, y[:, rows]).sum(dim=1) + beta * live.kl()
        # Adam treats every number on its own, so the gradient of the sum trains each model by its own objective.
        torch.autograd.backward((cost / (n * beta.clamp(min=1))).sum())
        optimiser.step()
    if not all(bool(torch.isfinite(p).all()) for p in [*live.means, *live.log_sds]):
        raise BadInput(f"training left the finite numbers within {steps} steps; take a rate below {rate}")
    return Posterior([m.detach() for m in live.means], [s.detach() for s in live.log_sds])


@torch.no_grad()
def evaluate(
    networks: Perceptrons, q: Posterior, x: Tensor, y: Tensor, generator: torch.Generator, *, passes: int = 20
) -> Evaluation:
    """Mean over points and `passes` draws of the noise.   x (n, d) or (M, n, d), y (n,) or (M, n) -> (M,) each."""
    labels = y.expand(len(q.means[0]), y.shape[-1])
    outputs = [preactivations(networks, q, x, generator)[-1] for _ in range(passes)]
    losses = torch.stack([_losses(z, labels).mean(dim=1) for z in outputs])
    right = torch.stack([(z.argmax(dim=-1) == labels).double().mean(dim=1) for z in outputs])
    return Evaluation(losses.double().mean(dim=0).cpu().numpy(), right.mean(dim=0).cpu().numpy())


def _losses(outputs: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(outputs)[label].   (M, n, K), (M, n) -> (M, n)."""
    flat = functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none")
    return flat.view(labels.shape)


def _noise(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Standard normal numbers from a generator that lives on the processor, in precision and place of `like`."""
    return torch.randn(shape, generator=generator, dtype=like.dtype).to(like.device)
