"""What noisy weights leave of the input in the activations: Fisher and effective information, and bounds per layer.

Weights that may move by n ~ N(0, beta F_w^-1) without harm turn the map x -> f(x) into a channel, to first order

    z | x ~ N(f(x), S(x)),    S = beta J F_w^-1 J^T    (J the Jacobian of f in the weights),

whose Fisher information about the input has a term for the mean and one for the covariance. Both are written here as
we derive them; the form transcribed from the fifth version of the paper, (1/beta) A^T (J F_w J^T) A, is not theirs.

Sources: achille2019where (definition 3.1, proposition 3.2, as we derive them), achille2018emergence (propositions 5.1
and 5.2, as we derive them), brunel1998mutual (from Fisher to mutual information).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from itdl.checks import Array, BadInput, finite, matrix, positive

__all__ = [
    "EffectiveInformation",
    "InputFisher",
    "NoisyLayer",
    "effective_information",
    "input_fisher",
    "layer_information",
    "linear_layer",
    "noise_level",
    "prior_information",
    "unit_information",
    "weight_noise",
]


class InputFisher(NamedTuple):
    """Fisher information of z about x: the terms of the mean and of the covariance, each (..., d, d)."""

    mean: Array
    covariance: Array

    @property
    def total(self) -> Array:
        """Their sum (..., d, d)."""
        return self.mean + self.covariance


class NoisyLayer(NamedTuple):
    """Covariance S(x) of a layer's outputs, (..., m, m), and its derivatives dS/dx_a, (..., d, m, m)."""

    cov: Array
    slope: Array


@dataclass(frozen=True)
class EffectiveInformation:
    """An effective information in nats, -inf where it is undefined, and the least rank of the Fisher over inputs."""

    value: float
    rank: int


def weight_noise(jacobian: ArrayLike, fisher: ArrayLike, beta: float) -> Array:
    """S = beta J F_w^-1 J^T, the covariance that tolerated weight noise gives the outputs.

    jacobian (..., m, k) of the outputs in the weights, fisher (k, k) of the weights -> (..., m, m).
    Raises `BadInput` for a Fisher matrix that is not positive definite: a flat direction would tolerate any noise.
    Source: achille2019where, definition 3.1 in the limit of a wide prior.
    """
    j, factor = matrix("jacobian", jacobian), _factors("fisher", fisher)
    if factor.ndim != 2 or j.shape[-1] != len(factor):
        raise BadInput(f"jacobian has shape {j.shape} but fisher has {factor.shape}; their last axes are the weights")
    white = np.linalg.solve(factor, np.swapaxes(j, -1, -2))
    return np.asarray(positive("beta", beta) * np.swapaxes(white, -1, -2) @ white)


def linear_layer(x: ArrayLike, noise_cov: ArrayLike) -> NoisyLayer:
    """S(x)_ij = sum_ab x_a C_ia,jb x_b and its derivatives for z = (W + n) x, Cov(n) = C.

    x (..., d), noise_cov (m d, m d) over the weights row by row -> cov (..., m, m), slope (..., d, m, m).
    """
    x, c = finite("x", x), matrix("noise_cov", noise_cov)
    _factors("noise_cov", c)
    d = x.shape[-1] if x.ndim else 1
    if x.ndim == 0 or c.ndim != 2 or len(c) % d:
        raise BadInput(f"noise_cov has shape {c.shape} for inputs of shape {x.shape}; it must be (m d, m d)")
    blocks = c.reshape(len(c) // d, d, -1, d)
    half = np.einsum("iajb,...b->...aij", blocks, x)
    return NoisyLayer(np.einsum("...aij,...a->...ij", half, x), half + np.swapaxes(half, -1, -2))


def input_fisher(jacobian: ArrayLike, cov: ArrayLike, slope: ArrayLike | None = None) -> InputFisher:
    """F_z|x = A^T S^-1 A + 1/2 [tr(S^-1 dS_a S^-1 dS_b)]_ab of z | x ~ N(f(x), S(x)), with A = df/dx.

    jacobian A (..., m, d), cov S (..., m, m), slope dS_a (..., d, m, m), None for noise that x does not change.
    The first term has at most rank m. Raises `BadInput` for a covariance that is not positive definite.
    Source: achille2019where, proposition 3.2(i), as we derive it.
    """
    a, s = matrix("jacobian", jacobian), matrix("cov", cov)
    factor = _factors("cov", s)
    if a.shape[:-1] != s.shape[:-1]:
        raise BadInput(f"jacobian has shape {a.shape} but cov has {s.shape}; they share their axes of outputs")
    white = np.linalg.solve(factor, a)
    mean = np.swapaxes(white, -1, -2) @ white
    if slope is None:
        return InputFisher(mean, np.zeros_like(mean))
    ds = matrix("slope", slope)
    if ds.shape != (*a.shape[:-2], a.shape[-1], *s.shape[-2:]):
        raise BadInput(
            f"slope has shape {ds.shape}; one derivative of cov {s.shape} is needed for each input of {a.shape}"
        )
    _symmetric("slope", ds)
    left = np.linalg.solve(factor[..., None, :, :], ds)
    both = np.linalg.solve(factor[..., None, :, :], np.swapaxes(left, -1, -2))  # L^-1 dS_a L^-T, symmetric
    return InputFisher(mean, 0.5 * np.einsum("...aij,...bij->...ab", both, both))


def effective_information(entropy: float, fisher: ArrayLike) -> EffectiveInformation:
    """I_eff = h(x) - 1/2 E_x log[(2 pi e)^d / det F_z|x], in nats, and the least rank of F_z|x.

    entropy h(x) in nats, fisher (n, d, d) at n inputs. It nears I(x; z) as the noise gets small, if p(x|z)
    concentrates on one x; so it wants at least as many outputs as inputs. Where F is singular to rounding at
    any input the value is -inf, and says so instead of a huge negative number.
    Source: achille2019where, proposition 3.2(ii) after brunel1998mutual.
    """
    values = _spectra(fisher)
    d = values.shape[-1]
    rank = int((values > d * np.finfo(float).eps * values[..., -1:]).sum(axis=-1).min())
    h = float(finite("entropy", entropy))
    if rank < d:
        return EffectiveInformation(-np.inf, rank)
    logdet = float(np.log(values).sum(axis=-1).mean())
    return EffectiveInformation(h - 0.5 * (d * float(np.log(2 * np.pi * np.e)) - logdet), rank)


def prior_information(cov_x: ArrayLike, fisher: ArrayLike) -> float:
    """1/2 E_x log det(I + cov_x F_z|x), in nats: the effective information with the spread of the inputs kept in.

    cov_x (d, d), fisher (n, d, d). Exact for a linear layer with constant noise and Gaussian inputs, for any number of
    outputs; it exceeds the form without cov_x by 1/2 E log det(I + (cov_x F)^-1), finite where that is -inf.
    As we derive it.
    """
    factor = _factors("cov_x", cov_x)
    f = matrix("fisher", fisher)
    if factor.ndim != 2 or f.shape[-2:] != factor.shape:
        raise BadInput(f"fisher has shape {f.shape} but cov_x has {factor.shape}; both belong to the same inputs")
    values = _spectra(factor.T @ f @ factor)
    return 0.5 * float(np.log1p(values).sum(axis=-1).mean())


def layer_information(weights: ArrayLike, x: ArrayLike, alpha: ArrayLike) -> Array:
    """I(z_i; x) of each output of z = (eps W) x, whose sum is I(z; x) + TC(z), all marginals taken as Gaussian.

    1/2 log(W_i Cov(x) W_i^T + a W_i^2 E x^2) - 1/2 E_x log(a W_i^2 x^2) with a = e^alpha - 1, the variance of a factor
    eps of mean 1 (log-normal of log-variance alpha, or any other).   weights (m, d), x (n, d), alpha () or (m, d) ->
    (m,) in nats. Given x the outputs are independent, so what they know adds up to I + TC (total correlation).
    Source: achille2018emergence, proposition 5.1, as we derive it.
    """
    w, x = matrix("weights", weights), matrix("x", x)
    if w.ndim != 2 or x.ndim != 2 or w.shape[1] != x.shape[1]:
        raise BadInput(f"weights have shape {w.shape} and x {x.shape}; they share their last axis, the inputs")
    level = _levels(alpha)
    if level.ndim and level.shape != w.shape:
        raise BadInput(f"alpha has shape {level.shape} for weights of shape {w.shape}; one number, or one per weight")
    noise = x**2 @ (np.expm1(level) * w**2).T  # (n, m)
    if (noise == 0).any():
        i, j = np.argwhere(noise == 0)[0]
        raise BadInput(f"output {j} has no noise at input {i}; its information is infinite, so leave that row out")
    signal = np.var(x @ w.T, axis=0)
    return np.asarray(0.5 * np.log(signal + noise.mean(axis=0)) - 0.5 * np.log(noise).mean(axis=0))


def unit_information(alpha: ArrayLike) -> Array:
    """g(alpha) = -1/2 log(1 - e^-alpha), in nats: what one output can know about the input at noise level alpha.

    Source: achille2018emergence, proposition 5.2, where (I(x; z) + TC(z))/dim z lies between g and g + O(1/dim x).
    """
    return np.asarray(-0.5 * np.log(-np.expm1(-_levels(alpha))))


def noise_level(information: float, weights: int) -> float:
    """alpha = exp(-2 I/k), the noise level shared by k weights that hold I = -k/2 log alpha nats.

    Source: achille2018emergence, propositions 4.1 and 5.2; the 2 follows from the first, as we derive it.
    """
    if not isinstance(weights, int | np.integer) or weights < 1:
        raise BadInput(f"weights is {weights}; it must be a whole number above zero")
    return float(np.exp(-2 * float(finite("information", information)) / weights))


def _levels(alpha: ArrayLike) -> Array:
    level = finite("alpha", alpha)
    if (level <= 0).any():
        raise BadInput(
            f"alpha reaches down to {level.min()}; without noise the information is infinite: give alpha > 0"
        )
    return level


def _spectra(fisher: ArrayLike) -> Array:
    """Eigenvalues (..., d), ascending, of positive semidefinite matrices; small negative ones are rounding."""
    f = matrix("fisher", fisher)
    _symmetric("fisher", f)
    values = np.linalg.eigvalsh((f + np.swapaxes(f, -1, -2)) / 2)
    if (values[..., 0] < -1e-9 * np.abs(values[..., -1])).any():
        raise BadInput(f"fisher has the eigenvalue {values.min():.3g}; information is never negative")
    return np.asarray(np.maximum(values, 0))


def _factors(name: str, a: ArrayLike) -> Array:
    """Lower Cholesky factors of a batch of covariances (..., m, m)."""
    array = matrix(name, a)
    _symmetric(name, array)
    try:
        return np.asarray(np.linalg.cholesky(array))
    except np.linalg.LinAlgError:
        low = float(np.linalg.eigvalsh(array).min())
        raise BadInput(f"{name} is not positive definite: smallest eigenvalue {low:.3g}") from None


def _symmetric(name: str, a: Array) -> None:
    if a.shape[-1] != a.shape[-2]:
        raise BadInput(f"{name} has shape {a.shape}; its last two axes must be equal")
    skew = np.abs(a - np.swapaxes(a, -1, -2)).max()
    if skew > 1e-9 * np.abs(a).max():
        raise BadInput(f"{name} is not symmetric: |A - A^T| reaches {skew:.3g}; symmetrise it if that is meant")
