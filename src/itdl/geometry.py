"""Curvature of softmax networks: Fisher information about the weights, its trace, its Gram matrix, and the Hessian.

The Fisher information of one network over its inputs is F = (1/N) sum_i J_i^T (diag p_i - p_i p_i^T) J_i, with J the
Jacobian of the outputs: labels are drawn from the network itself, none is observed. A root of the middle is known,
diag sqrt(p) - p sqrt(p)^T, so N F = A^T A with K rows in A for each input. The gradient of a layer is an outer product,
delta a^T; traces and inner products of gradients therefore need no gradient, only deltas and activations.

Source: achille2019where, lemma 2.4 (Hessian and Fisher information); the layer-wise form is the chain rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from itdl.checks import BadInput
from itdl.networks import Parameters, Perceptrons

__all__ = ["empirical_fisher_trace", "fisher_factor", "fisher_gram", "fisher_trace", "flatten", "hessian"]


def fisher_trace(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """tr F = mean over inputs of sum over layers (|a|^2 + 1) |delta|^2.   x (n, d) or (M, n, d) -> (M,)."""
    layers = _layers(networks, parameters, x)
    return _trace(layers, _root(layers[-1][2]))


def empirical_fisher_trace(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """Mean over inputs of |grad -log p(y|x)|^2, with the observed labels y (M, n).   -> (M,)."""
    layers = _layers(networks, parameters, x)
    outputs = layers[-1][2]
    residual = outputs.softmax(dim=-1) - functional.one_hot(y, outputs.shape[-1])
    return _trace(layers, residual[:, :, None])


def fisher_factor(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """A with N F = A^T A, one row per input and class, columns as in `flatten`.   -> (M, n K, P)."""
    layers = _layers(networks, parameters, x)
    blocks = []
    for (inputs, _, _), delta in zip(layers, _deltas(layers, _root(layers[-1][2])), strict=True):
        weights = delta[..., :, None] * inputs[:, :, None, None, :]
        blocks += [weights.flatten(3).flatten(1, 2), delta.flatten(1, 2)]
    return torch.cat(blocks, dim=-1)


def fisher_gram(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """A A^T without A: sum over layers (a_i.a_j + 1)(delta_ik.delta_jl); the spectrum of N F.   -> (M, n K, n K)."""
    layers = _layers(networks, parameters, x)
    total: Tensor | None = None
    for (inputs, _, _), delta in zip(layers, _deltas(layers, _root(layers[-1][2])), strict=True):
        n, classes = delta.shape[1:3]
        pairs = inputs @ inputs.mT + 1
        rows = delta.flatten(1, 2)
        block = (rows @ rows.mT).view(len(rows), n, classes, n, classes) * pairs[:, :, None, :, None]
        total = block if total is None else total + block
    assert total is not None
    return total.flatten(3).flatten(1, 2)


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
    """Rows s_k with sum_k s_k s_k^T = diag p - p p^T, p = softmax.   (M, n, K) -> (M, n, K, K)."""
    p = outputs.softmax(dim=-1)
    root = p.sqrt()
    return torch.diag_embed(root) - root[..., :, None] * p[..., None, :]


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
