"""Curvature of softmax networks: Fisher information about the weights, its trace, its Gram matrix, and the Hessian.

The Fisher information of one network over its inputs is F = (1/N) sum_i J_i^T (diag p_i - p_i p_i^T) J_i, with J the
Jacobian of the outputs: labels are drawn from the network itself, none is observed. It is also the generalised
Gauss-Newton matrix of the mean cross-entropy. The middle has a root of K - 1 columns, so N F = A^T A with K - 1 rows in
A for each input. The gradient of a layer is an outer product, delta a^T; traces and inner products of gradients
therefore need no gradient, only deltas and activations.

Source: achille2019where, lemma 2.4 (Hessian and Fisher information); the layer-wise form is the chain rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from itdl.checks import BadInput
from itdl.networks import Parameters, Perceptrons

__all__ = [
    "empirical_fisher_trace",
    "fisher_factor",
    "fisher_gram",
    "fisher_trace",
    "flatten",
    "gradient_gram",
    "hessian",
    "jacobian",
    "log_det",
]


def fisher_trace(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """tr F = mean over inputs of sum over layers (|a|^2 + 1) |delta|^2.   x (n, d) or (M, n, d) -> (M,)."""
    layers = _layers(networks, parameters, x)
    return _trace(layers, _root(layers[-1][2]))


def empirical_fisher_trace(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """Mean over inputs of |grad -log p(y|x)|^2, with the observed labels y (M, n).   -> (M,)."""
    layers = _layers(networks, parameters, x)
    return _trace(layers, _residuals(layers[-1][2], y))


def jacobian(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """Derivatives of the outputs, one row per input and output, columns as in `flatten`.   -> (M, n K, P)."""
    layers = _layers(networks, parameters, x)
    outputs = layers[-1][2]
    return _factor(layers, torch.diag_embed(torch.ones_like(outputs)))


def fisher_factor(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """A with N F = A^T A, K - 1 rows for each input, columns as in `flatten`.   -> (M, n (K - 1), P)."""
    layers = _layers(networks, parameters, x)
    return _factor(layers, _root(layers[-1][2]))


def fisher_gram(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """A A^T without A, with the spectrum of N F.   -> (M, n (K - 1), n (K - 1))."""
    layers = _layers(networks, parameters, x)
    return _gram(layers, _root(layers[-1][2]))


def gradient_gram(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """Inner products of the gradients of -log p(y|x) of any two inputs; N times the empirical Fisher information has
    its spectrum.   y (M, n) -> (M, n, n)."""
    layers = _layers(networks, parameters, x)
    return _gram(layers, _residuals(layers[-1][2], y))


def log_det(gram: Tensor, scale: float = 1.0) -> Tensor:
    """log det(I + scale G) by Cholesky in double precision, whatever the precision of G.   (M, m, m) -> (M,).

    With G = `fisher_gram` and scale = lambda^2/beta it is twice the shape's part of the least trade-off in
    `weights.gaussian_information`. Raises `BadInput` where I + scale G is not positive definite.
    """
    shifted = scale * gram.double()
    shifted.diagonal(dim1=-2, dim2=-1).add_(1)
    lower, failed = torch.linalg.cholesky_ex(shifted)
    if bool(failed.any()):
        raise BadInput(f"I + {scale:g} gram is not positive definite; pass a Gram matrix and a scale above zero")
    total: Tensor = 2 * lower.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    return total


def hessian(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """Hessian of the summed cross-entropy of ONE network, columns as in `flatten`; for small ones.   -> (P, P)."""
    if len(parameters[0]) != 1:
        raise BadInput(
            f"hessian was given {len(parameters[0])} networks; pass one, as parameters with a leading axis of 1"
        )
    shapes = [p.shape for p in parameters]

    def loss(vector: Tensor) -> Tensor:
        parts = torch.split(vector, [shape.numel() for shape in shapes])
        rebuilt = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        return functional.cross_entropy(networks.forward(rebuilt, x)[0], y, reduction="sum")

    # Not torch.func.hessian: forward mode compiles decompositions, with a deprecation warning.
    curvature: Tensor = torch.func.jacrev(torch.func.jacrev(loss))(flatten(parameters)[0])
    return curvature


def flatten(parameters: Parameters) -> Tensor:
    """All weights of each model in one row: W_1 row by row, b_1, W_2, ...   -> (M, P)."""
    return torch.cat([p.flatten(1) for p in parameters], dim=1)


Layer = tuple[Tensor, Tensor, Tensor]  # inputs a (M, n, d), weights W (M, out, d), slopes of its inputs or the outputs


def _layers(networks: Perceptrons, parameters: Parameters, x: Tensor) -> list[Layer]:
    """For each layer its inputs, its weights, and the slope of the activation that made its inputs (outputs: last)."""
    found = [z.detach() for z in networks.preactivations(parameters, x)]
    inputs = [x.expand(len(parameters[0]), *x.shape[-2:])] + [networks.activate(z) for z in found[:-1]]
    slopes = [_slope(networks, z) for z in found[:-1]] + [found[-1]]
    return list(zip(inputs, [w.detach() for w in parameters[::2]], slopes, strict=True))


def _slope(networks: Perceptrons, z: Tensor) -> Tensor:
    """Derivative of the activation at z, entry by entry."""
    live = z.detach().requires_grad_()
    (slope,) = torch.autograd.grad(networks.activate(live).sum(), live)
    return slope


def _root(outputs: Tensor) -> Tensor:
    """K - 1 rows s_k with sum_k s_k s_k^T = diag p - p p^T, p = softmax.   (M, n, K) -> (M, n, K - 1, K).

    With q = sqrt(p), a unit vector, it is diag q (I - q q^T) diag q; the reflection that sends q to the first axis has
    the other axes' images in its columns, e_k - (q + e_1) q_k/(1 + q_1).
    """
    q = outputs.softmax(dim=-1).sqrt()
    first = torch.zeros_like(q)
    first[..., 0] = 1
    images = torch.diag_embed(torch.ones_like(q))[..., 1:, :]
    images = images - (q[..., 1:] / (1 + q[..., :1]))[..., :, None] * (q + first)[..., None, :]
    return images * q[..., None, :]


def _residuals(outputs: Tensor, y: Tensor) -> Tensor:
    """Gradient of -log p(y|x) by the outputs, p - e_y, as the one row of each input.   -> (M, n, 1, K)."""
    return (outputs.softmax(dim=-1) - functional.one_hot(y, outputs.shape[-1]))[:, :, None]


def _deltas(layers: Sequence[Layer], last: Tensor) -> list[Tensor]:
    """Gradients by every layer's sums, from R of them by the outputs.   (M, n, R, K) -> (M, n, R, width) each."""
    found = [last]
    for (_, _, slope), (_, w, _) in zip(reversed(layers[:-1]), reversed(layers[1:]), strict=True):
        found.insert(0, (found[0] @ w[:, None]) * slope[:, :, None])
    return found


def _trace(layers: Sequence[Layer], last: Tensor) -> Tensor:
    """Mean over inputs of sum over rows and layers of (|a|^2 + 1) |delta|^2.   -> (M,)."""
    pairs = zip(layers, _deltas(layers, last), strict=True)
    parts = [((a**2).sum(dim=-1) + 1) * (delta**2).sum(dim=(2, 3)) for (a, _, _), delta in pairs]
    return torch.stack(parts).sum(dim=0).mean(dim=1)


def _factor(layers: Sequence[Layer], last: Tensor) -> Tensor:
    """Gradients by all weights, of R rows by the outputs for each input.   (M, n, R, K) -> (M, n R, P)."""
    blocks = []
    for (inputs, _, _), delta in zip(layers, _deltas(layers, last), strict=True):
        weights = delta[..., :, None] * inputs[:, :, None, None, :]
        blocks += [weights.flatten(3).flatten(1, 2), delta.flatten(1, 2)]
    return torch.cat(blocks, dim=-1)


def _gram(layers: Sequence[Layer], last: Tensor) -> Tensor:
    """Their inner products, sum over layers of (a_i.a_j + 1)(delta_ir.delta_js).   (M, n, R, K) -> (M, n R, n R)."""
    models, n, rows = last.shape[:3]
    total = last.new_zeros(models, n, rows, n, rows)
    for (inputs, _, _), delta in zip(layers, _deltas(layers, last), strict=True):
        flat = delta.flatten(1, 2)
        total += (flat @ flat.mT).view_as(total).mul_((inputs @ inputs.mT + 1)[:, :, None, :, None])
    return total.view(models, n * rows, n * rows)
