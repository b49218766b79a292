"""Variational bottlenecks: a stochastic encoder, a decoder, and the losses that weigh one against the other.

Many models at once: every tensor has a leading axis M over models, then points n. The encoder is
p(z|x) = N(mean(x), diag sd(x)^2), the decoder q(y|z) a softmax of a linear map. What a model pays is its rate, the
divergence of p(z|x) from a prior that is either N(0, I) or, label by label, b(z|y); what it gains is measured against
targets p~(y|x), clean or noisy. VIB minimises rate + beta E[-sum p~ log q], VdualIB rate + beta E D[q || p~].

Only the rate against a prior that does not see the label is an upper bound on I(X;Z); against b(z|y) it bounds
I(X;Z|Y), as we derive it. I(X;Z) itself comes from `pair_scores`, by comparing every z with every x.

Sources: alemi2017deep (VIB), fischer2020conditional (label-conditional prior), piran2020dual (VdualIB; the forms of
prior and divergence as we read them in its public code).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softplus

from itdl.checks import BadInput

__all__ = [
    "Encoding",
    "VariationalNetworks",
    "cross_entropy",
    "label_information",
    "pair_scores",
    "predicted_information",
    "rate",
    "reverse_kl",
    "sample",
    "vdib",
    "vib",
]

LEAST_SD = 1e-3  # of an encoder; keeps densities finite
LEAST_PRIOR_SD = 1e-2


class Encoding(NamedTuple):
    """A diagonal Gaussian at every point: mean and standard deviation, (M, n, latent) each."""

    mean: Tensor
    sd: Tensor


@dataclass(frozen=True)
class VariationalNetworks:
    """One architecture: x -> relu layers `hidden` -> (mean, sd) of z in `latent` dimensions -> logits of `classes`.

    With `conditional` the prior is b(z|y), one trained diagonal Gaussian a class: a table is as general as any network
    that is fed the label alone. Otherwise it is N(0, I).
    """

    inputs: int
    hidden: Sequence[int]
    latent: int
    classes: int
    conditional: bool = False

    def __post_init__(self) -> None:
        sizes = [self.inputs, *self.hidden, self.latent, self.classes - 1]
        if min(sizes) < 1:
            raise BadInput(
                f"sizes are inputs {self.inputs}, hidden {list(self.hidden)}, latent {self.latent}, classes "
                f"{self.classes}; each must be at least 1 and classes at least 2"
            )

    def initialise(self, models: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> list[Tensor]:
        """W, b of each encoder layer, then of the decoder, uniform within 1/sqrt(fan_in); with b(z|y), its table.

        Drawn in double precision whatever the dtype, one start for each of the M models.
        """
        layers = [*pairwise([self.inputs, *self.hidden, 2 * self.latent]), (self.latent, self.classes)]
        shapes = [(shape, i**-0.5) for i, o in layers for shape in ((models, i, o), (models, 1, o))]
        parameters = [(2 * _uniform(shape, generator) - 1) * bound for shape, bound in shapes]
        if self.conditional:
            # Means apart from the start, else all classes share one gradient; softplus(0.54) is about 1.
            means = torch.randn((models, self.classes, self.latent), generator=generator, dtype=torch.float64)
            parameters.append(torch.cat([means, torch.full_like(means, 0.54)], dim=-1))
        return [p.to(dtype) for p in parameters]

    def encode(self, parameters: Sequence[Tensor], x: Tensor) -> Encoding:
        """p(z|x).   x (n, inputs), the same for every model, or (M, n, inputs) -> (M, n, latent) twice."""
        if x.shape[-1] != self.inputs:
            raise BadInput(f"x has {x.shape[-1]} columns but the encoder takes {self.inputs} inputs")
        h = x.expand(len(parameters[0]), *x.shape[-2:])
        layers = len(self.hidden) + 1
        for layer in range(layers):
            h = torch.baddbmm(parameters[2 * layer + 1], torch.relu_(h) if layer else h, parameters[2 * layer])
        mean, raw = h.chunk(2, dim=-1)
        return Encoding(mean, LEAST_SD + softplus(raw))

    def decode(self, parameters: Sequence[Tensor], z: Tensor) -> Tensor:
        """log q(.|z).   z (M, n, latent) -> (M, n, classes)."""
        at = 2 * (len(self.hidden) + 1)
        return log_softmax(torch.baddbmm(parameters[at + 1], z, parameters[at]), dim=-1)

    def prior(self, parameters: Sequence[Tensor], labels: Tensor) -> Encoding | None:
        """b(z|y) at the labels (M, n) of each point, or None for N(0, I)."""
        if not self.conditional:
            return None
        table = parameters[-1]
        models = torch.arange(len(table), device=table.device)[:, None]
        mean, raw = table[models, labels].chunk(2, dim=-1)
        return Encoding(mean, LEAST_PRIOR_SD + softplus(raw))


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def sample(encoding: Encoding, noise: Tensor) -> Tensor:
    """z = mean + sd * noise, noise standard normal: a draw of p(z|x) through which gradients pass."""
    return encoding.mean + encoding.sd * noise


def rate(encoding: Encoding, prior: Encoding | None = None) -> Tensor:
    """D[p(z|x) || prior] in nats at every point, in closed form; the prior is N(0, I) unless given.   -> (M, n).

    sum over dimensions of log(s/sd) + (sd^2 + (mean - m)^2) / (2 s^2) - 1/2 for the prior N(m, s^2).
    """
    if prior is None:
        terms = 0.5 * (encoding.sd**2 + encoding.mean**2 - 1) - encoding.sd.log()
    else:
        gap = (encoding.mean - prior.mean) / prior.sd
        ratio = encoding.sd / prior.sd
        terms = 0.5 * (ratio**2 + gap**2 - 1) - ratio.log()
    return terms.sum(dim=-1)


def cross_entropy(log_q: Tensor, target: Tensor) -> Tensor:
    """-sum_y p~(y|x) log q(y|z).   log_q (..., K), target (..., K), one-hot for clean labels -> (...)."""
    return -(target * log_q).sum(dim=-1)


def reverse_kl(log_q: Tensor, log_target: Tensor) -> Tensor:
    """D[q(.|z) || p~(.|x)] = sum_y q (log q - log p~).   (..., K) twice -> (...).

    Raises `BadInput` where a target is zero: then the divergence is infinite for every decoder, which is why the dual
    bottleneck needs labels with noise.
    """
    if not bool(torch.isfinite(log_target).all()):
        raise BadInput(
            "log_target has entries that are not finite; D[q || p~] needs p~ > 0 everywhere: add label noise"
        )
    return (log_q.exp() * (log_q - log_target)).sum(dim=-1)


def vib(rates: Tensor, cross_entropies: Tensor, beta: Tensor) -> Tensor:
    """E[rate] + beta E[-sum p~ log q] of each model.   (M, n) twice, beta (M,) -> (M,)."""
    return rates.mean(dim=-1) + beta * cross_entropies.mean(dim=-1)


def vdib(rates: Tensor, reverse_kls: Tensor, beta: Tensor) -> Tensor:
    """E[rate] + beta E D[q || p~] of each model.   (M, n) twice, beta (M,) -> (M,)."""
    return rates.mean(dim=-1) + beta * reverse_kls.mean(dim=-1)


def pair_scores(encoding: Encoding, z: Tensor) -> Tensor:
    """log p(z_i | x_j) of every z with every x, the critic that `itdl.estimators` needs.   z (M, n, d) -> (M, n, n).

    A quadratic form in z, hence one matrix product; in double precision, since it cancels where sd is small.
    """
    mean, sd, z = (t.double() for t in (encoding.mean, encoding.sd, z))
    precision = sd**-2
    # About the average mean: the cancellation is then as small as the data allow.
    centre = mean.mean(dim=1, keepdim=True)
    mean, z = mean - centre, z - centre
    quadratic = torch.cat([z**2, z], dim=-1) @ torch.cat([-0.5 * precision, mean * precision], dim=-1).mT
    constant = (0.5 * mean**2 * precision + sd.log() + 0.5 * torch.log(torch.tensor(2 * torch.pi))).sum(dim=-1)
    return quadratic - constant[:, None, :]


def label_information(log_q: Tensor, labels: Tensor) -> Tensor:
    """H(Y) - E[-log q(y|z)] <= I(Y;Z), in nats, H(Y) that of `labels` themselves.   log_q (..., n, K), (n,) -> (...).

    log K in place of H(Y), as the public code of piran2020dual has it, is a bound for balanced labels only.
    Source: barber2003im.
    """
    shares = torch.bincount(labels, minlength=log_q.shape[-1]).to(log_q.dtype) / len(labels)
    entropy: Tensor = torch.special.entr(shares).sum()
    return entropy + log_q[..., torch.arange(len(labels)), labels].mean(dim=-1)


def predicted_information(log_q: Tensor) -> Tensor:
    """I(Z;Yh) = H(E q) - E H(q) for a prediction drawn from q(.|z).   log_q (..., n, K) -> (...)."""
    q = log_q.exp()
    whole: Tensor = torch.special.entr(q.mean(dim=-2)).sum(dim=-1)
    return whole + (q * log_q).sum(dim=-1).mean(dim=-1)
