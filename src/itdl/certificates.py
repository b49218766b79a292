"""Random networks that come with a certificate: Gaussian weights trained by minimising the PAC-Bayes bound itself.

Q = N(mu, diag sigma^2) about the weights, P = N(w_0, v) with w_0 fixed before the n points of the bound and v from the
grid exp(-j/100). What is descended is the quadratic bound with the cross-entropy over ln K in place of the risk; for
two classes it is above the 0-1 loss. Certified is the 0-1 loss of a network drawn anew for every input: its mean
over the points is estimated by local reparametrisation, which gives every point weights of its own, so that one pass
over n points is n independent draws. Sampling whole weights needs a pass for every draw (`sampled_risks`).

Sources: dziugaite2017computing (the method); perezortiz2021tighter (the quadratic objective); kingma2015variational,
section 2.3 (local reparametrisation); hoeffding1963probability (draws with different means).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from itdl import pacbayes
from itdl.checks import Array, BadInput
from itdl.mean_field import Posterior, preactivations
from itdl.networks import Parameters, Perceptrons

__all__ = ["Certificate", "certify", "charges", "minimise_bound", "pass_risks", "sampled_risks"]

PRIORS = 2000  # grid points looked at: standard deviations from 1 down to exp(-10)


@dataclass(frozen=True)
class Certificate:
    """Of M random networks, (M,) each: with probability 1 - delta - delta_draws the risk is at most `bound`.

    `risk` is the mean 0-1 loss of the draws on the bound's points, `risk_bound` what they promise about its
    expectation; `kl` in nats for prior `j` of the grid, `charge` what the choice of j adds to it.
    """

    risk: Array
    risk_bound: Array
    kl: Array
    j: np.ndarray
    charge: Array
    bound: Array
    n: int
    delta: float
    delta_draws: float


def charges(q: Posterior, prior_means: Parameters) -> tuple[Array, np.ndarray]:
    """KL(Q||P_j) at the j where KL + ln(pi^2 j^2/6) is least, and that j.   -> (M,), (M,)."""
    squares, volumes, k = _moments(q, prior_means)
    j = np.arange(1, PRIORS + 1)
    v = pacbayes.grid_variance(j)
    s, volume = squares.double().numpy()[:, None], volumes.double().numpy()[:, None]
    kl = np.maximum(0.5 * (s / v - k + k * np.log(v)) - volume, 0)
    best = (kl + pacbayes.grid_charge(j)).argmin(axis=1)
    return kl[np.arange(len(kl)), best], j[best]


def minimise_bound(
    networks: Perceptrons,
    start: Posterior,
    prior_means: Parameters,
    x: Tensor,
    y: Tensor,
    generator: torch.Generator,
    *,
    delta: float,
    steps: int,
    rate: float = 3e-3,
    batch: int | None = None,
) -> Posterior:
    """Q after `steps` steps of Adam on the quadratic bound, rates falling to zero as half a wave of a cosine.

    x (n, d) or (M, n, d), labels y (M, n); `batch` points a step, the same for all models. The prior's variance is the
    best one at every step, its price included; `start` is left alone. Raises `BadInput` when shapes do not fit or
    training leaves the finite numbers.
    """
    models, n = y.shape
    if x.shape[-2] != n or len(start.means[0]) != models:
        raise BadInput(
            f"x has {x.shape[-2]} points and the start {len(start.means[0])} models; y has shape {(models, n)}"
        )
    size = n if batch is None else batch
    if not 1 <= size <= n:
        raise BadInput(f"batch is {batch} with {n} points; it must lie between 1 and {n}")
    live = Posterior(*([p.detach().clone().requires_grad_() for p in part] for part in (start.means, start.log_sds)))
    optimiser = torch.optim.Adam([{"params": live.means}, {"params": live.log_sds}], lr=rate, fused=True)
    rows, slack = torch.arange(n), math.log(2 * math.sqrt(n) / delta)
    for step in range(steps):
        for group, factor in zip(optimiser.param_groups, (1, 3), strict=True):
            group["lr"] = factor * rate * math.cos(math.pi / 2 * step / steps) ** 2
        if size < n:
            rows = torch.randperm(n, generator=generator)[:size]
        optimiser.zero_grad()
        outputs = preactivations(networks, live, x[..., rows, :], generator)[-1]
        half = (_price(live, prior_means) + slack) / (2 * n)
        bound = (torch.sqrt(_surrogate(outputs, y[:, rows]) + half) + torch.sqrt(half)) ** 2
        # Adam treats every number on its own, so the gradient of the sum trains each model by its own bound.
        torch.autograd.backward(bound.sum())
        optimiser.step()
    if not all(bool(torch.isfinite(p).all()) for p in [*live.means, *live.log_sds]):
        raise BadInput(f"training left the finite numbers within {steps} steps; take a rate below {rate}")
    return Posterior([m.detach() for m in live.means], [s.detach() for s in live.log_sds])


@torch.no_grad()
def pass_risks(
    networks: Perceptrons, q: Posterior, x: Tensor, y: Tensor, generator: torch.Generator, *, passes: int
) -> Array:
    """Share of errors in each pass over the points, every point with weights of its own.   -> (M, passes)."""
    labels = y.expand(len(q.means[0]), y.shape[-1])
    outputs = (preactivations(networks, q, x, generator)[-1] for _ in range(passes))
    return np.stack([_errors(z, labels) for z in outputs], axis=1)


@torch.no_grad()
def sampled_risks(
    networks: Perceptrons, q: Posterior, x: Tensor, y: Tensor, generator: torch.Generator, *, draws: int
) -> Array:
    """Share of errors of each of `draws` networks drawn whole.   -> (M, draws)."""
    labels = y.expand(len(q.means[0]), y.shape[-1])
    outputs = (networks.forward(q.sample(generator), x) for _ in range(draws))
    return np.stack([_errors(z, labels) for z in outputs], axis=1)


def certify(
    networks: Perceptrons,
    q: Posterior,
    prior_means: Parameters,
    x: Tensor,
    y: Tensor,
    generator: torch.Generator,
    *,
    delta: float,
    delta_draws: float,
    passes: int,
) -> Certificate:
    """The kl bound of every model on these points, which the prior means must not have seen.   x as above, y (M, n)."""
    n = y.shape[-1]
    risk = pass_risks(networks, q, x, y, generator, passes=passes).mean(axis=1)
    risk_bound = pacbayes.monte_carlo_bound(risk, n * passes, delta_draws)
    kl, j = charges(q, prior_means)
    charge = pacbayes.grid_charge(j)
    bound = pacbayes.kl_bound(risk_bound, kl + charge, n, delta)
    return Certificate(risk, risk_bound, kl, j, charge, bound, n, delta, delta_draws)


def _moments(q: Posterior, prior_means: Parameters) -> tuple[Tensor, Tensor, int]:
    """sum (mu - w_0)^2 + sigma^2 and sum log sigma of every model, (M,) each, and the number of weights."""
    parts = zip(q.means, q.log_sds, prior_means, strict=True)
    squares = sum(((m - w) ** 2 + (2 * s).exp()).flatten(1).sum(dim=1) for m, s, w in parts)
    volumes = sum(s.flatten(1).sum(dim=1) for s in q.log_sds)
    return torch.as_tensor(squares), torch.as_tensor(volumes), sum(m[0].numel() for m in q.means)


def _price(q: Posterior, prior_means: Parameters) -> Tensor:
    """KL(Q||P) at the best variance within the grid, and the price of that variance as if j were any number >= 1."""
    squares, volumes, k = _moments(q, prior_means)
    v = (squares / k).clamp_max(math.exp(-1 / pacbayes.GRID_PRECISION))
    kl = 0.5 * (squares / v - k + k * v.log()) - volumes
    return kl + math.log(math.pi**2 / 6) + 2 * (-pacbayes.GRID_PRECISION * v.log()).log()


def _surrogate(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over ln K, at least the 0-1 loss for two classes.   (M, n, K), (M, n) -> (M,)."""
    losses = cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape)
    return losses.mean(dim=1) / math.log(outputs.shape[-1])


def _errors(outputs: Tensor, labels: Tensor) -> Array:
    """Share of wrong answers.   (M, n, K), (M, n) -> (M,)."""
    return np.asarray((outputs.argmax(dim=-1) != labels).double().mean(dim=1).cpu().numpy())
