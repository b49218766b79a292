"""Laws of the loss in parameters N and tokens D, and what they advise: the best use of a budget, and isoFLOP parabolas.

    ln(L - E) = s ln[ (A N^-alpha)^(1/s) + (B D^-beta)^(1/s) ]

s = 1 adds the two terms (hoffmann2022training, approach 3), s = beta couples them (kaplan2020scaling, section 1.2),
and s -> 0 leaves the larger one alone. Losses are in nats per token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite, positive

__all__ = ["FLOPS", "Allocation", "Law", "compute_optimal", "isoflop_optimum", "parabola", "variables"]

FLOPS = 6.0  # C = 6 N D: floating-point operations per parameter and token, forward and backward


@dataclass(frozen=True)
class Law:
    """E, A, B, alpha, beta and the coupling s of the formula at the head of this module."""

    e: float
    a: float
    b: float
    alpha: float
    beta: float
    coupling: float = 1.0

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            finite(name, getattr(self, name))
        positive("e", self.e, zero=True)
        for name in ("a", "b", "coupling"):
            positive(name, getattr(self, name))

    def excess(self, n_params: ArrayLike, n_tokens: ArrayLike) -> Array:
        """L - E in nats; N and D broadcast."""
        n, d = variables(n_params, n_tokens)
        s = self.coupling
        return np.asarray(
            np.exp(s * np.logaddexp((np.log(self.a) - self.alpha * n) / s, (np.log(self.b) - self.beta * d) / s))
        )

    def loss(self, n_params: ArrayLike, n_tokens: ArrayLike) -> Array:
        """L in nats; N and D broadcast."""
        return np.asarray(self.e + self.excess(n_params, n_tokens))


@dataclass(frozen=True)
class Allocation:
    """Parameters, tokens and loss at each budget, N ~ C^exponent_n, D ~ C^exponent_d, L - E ~ C^-exponent_loss."""

    n_params: Array
    n_tokens: Array
    loss: Array
    exponent_n: float
    exponent_d: float
    exponent_loss: float


def compute_optimal(law: Law, compute: ArrayLike, *, flops: float = FLOPS) -> Allocation:
    """The N and D with `flops` N D = C that minimise the law, for each budget C.

    Where alpha times the share of N's term equals beta times the share of D's, so that
    N = G (C/flops)^(beta/(alpha + beta)) with G = [(alpha/beta)^s A/B]^(1/(alpha + beta)); hoffmann2022training, eq. 4.
    """
    if min(law.alpha, law.beta) <= 0:
        raise BadInput(
            f"alpha and beta are {law.alpha:g} and {law.beta:g}; only with both above zero is there an optimum"
        )
    budget = _logs("compute", compute) - np.log(positive("flops", flops))
    total = law.alpha + law.beta
    scale = np.log(law.a / law.b) + law.coupling * np.log(law.alpha / law.beta)
    n = (scale + law.beta * budget) / total
    n_params, n_tokens = np.exp(n), np.exp(budget - n)
    exponents = law.beta / total, law.alpha / total, law.alpha * law.beta / total
    return Allocation(n_params, n_tokens, law.loss(n_params, n_tokens), *exponents)


def parabola(log_n: ArrayLike, loss: ArrayLike) -> tuple[Array, Array]:
    """Vertex of the least-squares parabola through `loss` over ln N, per row.   (..., k), (..., k) -> ln N, L (...).

    Source: hoffmann2022training, approach 2. Raises `BadInput` where a parabola opens downwards.
    """
    x, y = np.broadcast_arrays(finite("log_n", log_n), finite("loss", loss))
    if x.ndim == 0 or x.shape[-1] < 3:
        raise BadInput(f"log_n has shape {x.shape}; a parabola needs three points or more per row")
    centre = x.mean(axis=-1, keepdims=True)
    design = np.stack([np.ones_like(x), x - centre, (x - centre) ** 2], axis=-1)
    c0, c1, c2 = np.moveaxis((np.linalg.pinv(design) @ y[..., None])[..., 0], -1, 0)
    if (c2 <= 0).any():
        raise BadInput(f"{int(np.sum(c2 <= 0))} of {c2.size} parabolas have no minimum; widen the range of sizes")
    return np.asarray(centre[..., 0] - c1 / (2 * c2)), np.asarray(c0 - c1**2 / (4 * c2))


def isoflop_optimum(
    law: Law, compute: ArrayLike, sizes: ArrayLike, *, relative: bool = True, flops: float = FLOPS
) -> Array:
    """N at the vertex of the parabola through noise-free losses of the law, for each budget C (c,).   -> (c,)

    The sizes (k,) are factors of the true optimum, or with `relative=False` the same numbers of parameters throughout.
    """
    c = np.atleast_1d(finite("compute", compute))[:, None]
    n = np.asarray(np.exp(_logs("sizes", sizes))[None])
    n = n * compute_optimal(law, c, flops=flops).n_params if relative else np.broadcast_to(n, (len(c), n.shape[1]))
    return np.asarray(np.exp(parabola(np.log(n), law.loss(n, c / flops / n))[0]))


def variables(n_params: ArrayLike, n_tokens: ArrayLike) -> tuple[Array, Array]:
    """ln N and ln D; refuses what is not above zero."""
    return _logs("n_params", n_params), _logs("n_tokens", n_tokens)


def _logs(name: str, x: ArrayLike) -> Array:
    array = finite(name, x)
    if (array <= 0).any():
        raise BadInput(f"{name} reaches down to {array.min():g}; only numbers above zero have a place on a power law")
    return np.asarray(np.log(array))
