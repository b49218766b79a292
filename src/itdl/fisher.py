"""Fisher matrices of small networks, whole and as products, and the divergence they are the curvature of.

Three matrices, all means over inputs of J^T M J with J the Jacobian of one input's outputs: M = diag p - p p^T is the
Fisher information F (labels drawn from the network), the Hessian of any convex loss in the outputs gives the
generalised Gauss-Newton matrix, and (p - e_y)(p - e_y)^T with observed labels y the empirical Fisher information.
The first two agree for the cross-entropy of a softmax, which is linear in its label.

Sources: martens2020new (the three matrices); amari1998natural (F as a metric).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from itdl import geometry
from itdl.checks import BadInput
from itdl.networks import Parameters, Perceptrons

__all__ = ["divergence", "empirical_fisher", "fisher", "fisher_product", "gauss_newton", "gradients", "unflatten"]


def fisher(networks: Perceptrons, parameters: Parameters, x: Tensor) -> Tensor:
    """F = (1/n) sum_i J_i^T (diag p_i - p_i p_i^T) J_i, columns as in `geometry.flatten`.   x (n, d) -> (M, P, P)."""
    factor = geometry.fisher_factor(networks, parameters, x)
    return factor.mT @ factor / x.shape[-2]


def gauss_newton(networks: Perceptrons, parameters: Parameters, x: Tensor, curvature: Tensor) -> Tensor:
    """(1/n) sum_i J_i^T C_i J_i, with the curvature C of a loss in the outputs, (M, n, K, K).   -> (M, P, P)."""
    rows = geometry.jacobian(networks, parameters, x)
    k = networks.widths[-1]
    if curvature.shape[-3:] != (x.shape[-2], k, k):
        raise BadInput(
            f"curvature is of shape {tuple(curvature.shape)} for {x.shape[-2]} inputs and {k} outputs; give one K x K "
            "matrix for each input"
        )
    j = rows.view(len(rows), -1, k, rows.shape[-1])
    weighted = (curvature @ j).flatten(1, 2)
    return rows.mT @ weighted / x.shape[-2]


def gradients(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """Gradients of -log p(y|x), one row for each input.   x (n, d), y (M, n) -> (M, n, P)."""
    rows = geometry.jacobian(networks, parameters, x)
    p = networks.forward(parameters, x).detach().softmax(dim=-1)
    if y.shape != p.shape[:-1]:
        raise BadInput(f"y is of shape {tuple(y.shape)}; give one label for each of {tuple(p.shape[:-1])} outputs")
    residual = p - functional.one_hot(y, p.shape[-1])
    return torch.einsum("mnk,mnkp->mnp", residual, rows.view(*p.shape, -1))


def empirical_fisher(networks: Perceptrons, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """Mean outer product of `gradients`, from the observed labels y (M, n).   -> (M, P, P)."""
    rows = gradients(networks, parameters, x, y)
    return rows.mT @ rows / rows.shape[1]


def fisher_product(networks: Perceptrons, parameters: Parameters, x: Tensor, vector: Tensor) -> Tensor:
    """F v without any matrix of size P: forwards J v, then (diag p - p p^T), then back J^T.   v (M, P) -> (M, P)."""
    live = [p.detach().requires_grad_() for p in parameters]
    outputs = networks.forward(live, x)
    p = outputs.detach().softmax(dim=-1)
    moved = p * _pushed(networks, parameters, unflatten(parameters, vector), x)
    weighted = moved - p * moved.sum(dim=-1, keepdim=True)
    return geometry.flatten(list(torch.autograd.grad((outputs * weighted).sum(), live))) / x.shape[-2]


def _pushed(networks: Perceptrons, parameters: Parameters, change: Parameters, x: Tensor) -> Tensor:
    """J v: how the outputs move with the weights, layer by layer, dz = dW h + db + W (phi'(z) dz).   -> (M, n, K)."""
    found = [z.detach() for z in networks.preactivations(parameters, x)]
    h, moved = x.expand(len(parameters[0]), *x.shape[-2:]), torch.zeros(())
    for layer, (w, dw, db) in enumerate(zip(parameters[::2], change[::2], change[1::2], strict=True)):
        if layer:
            live = found[layer - 1].requires_grad_()
            h = networks.activate(live)
            (slope,) = torch.autograd.grad(h.sum(), live)
            h, moved = h.detach(), (slope * moved) @ w.detach().mT
        moved = moved + h @ dw.mT + db.mT
    return moved


@torch.no_grad()
def divergence(networks: Perceptrons, parameters: Parameters, others: Parameters, x: Tensor) -> Tensor:
    """Mean over inputs of KL(p(.|x, parameters) || p(.|x, others)), in nats.   -> (M,)."""
    ours, theirs = (networks.forward(p, x).log_softmax(dim=-1) for p in (parameters, others))
    return (ours.exp() * (ours - theirs)).sum(dim=-1).mean(dim=-1)


def unflatten(parameters: Parameters, vector: Tensor) -> Parameters:
    """One row for each model, (M, P), back in the shapes of `parameters`; undoes `geometry.flatten`."""
    sizes = [p[0].numel() for p in parameters]
    if vector.shape != (len(parameters[0]), sum(sizes)):
        raise BadInput(
            f"vector is of shape {tuple(vector.shape)} for {len(parameters[0])} models of {sum(sizes)} weights; give "
            "(models, weights)"
        )
    parts = torch.split(vector, sizes, dim=1)
    return [part.reshape(p.shape) for part, p in zip(parts, parameters, strict=True)]
