"""Contenders for log-determinants of the curvature of a softmax network: ours by layers, the peers by weights.

Two matrices of the same network and data: the Gram matrix of the n gradients of observed labels (the empirical Fisher
information), and the Fisher information, which is the generalised Gauss-Newton matrix (GGN) of the cross-entropy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

SCALE = 0.1  # log det(I + SCALE G), G of the summed loss


@dataclass(frozen=True)
class Curvature:
    """n inputs of a tanh network with these layer widths; all standard normal, labels even."""

    n: int
    widths: tuple[int, ...]
    times: int = 0

    @property
    def setting(self) -> str:
        return "-".join(map(str, self.widths))

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (n, d) and labels (n,)."""
        rng = np.random.default_rng([self.n, *self.widths])
        return rng.standard_normal((self.n, self.widths[0])), rng.integers(self.widths[-1], size=self.n)

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(W, b) of each layer, W (out, in) of deviation 1/sqrt(in)."""
        rng = np.random.default_rng([1, *self.widths])
        shapes = list(pairwise(self.widths))
        return [(rng.standard_normal((o, i)) / np.sqrt(i), 0.1 * rng.standard_normal(o)) for i, o in shapes]


def _ours(problem: Curvature, matrix: str, dtype: str) -> Callable[[], float]:
    import torch

    from itdl import geometry
    from itdl.networks import Perceptrons

    x, y = (torch.tensor(array) for array in problem.data())
    x, labels = x.to(getattr(torch, dtype)), y[None]
    layers = [torch.tensor(a).to(x.dtype)[None] for w, b in problem.weights() for a in (w, b[:, None])]
    networks = Perceptrons(problem.widths, "tanh")
    if matrix == "gradients":
        return lambda: float(geometry.log_det(geometry.gradient_gram(networks, layers, x, labels), SCALE))
    return lambda: float(geometry.log_det(geometry.fisher_gram(networks, layers, x), SCALE))


def module(problem: Curvature) -> tuple[Any, Any, Any]:
    """The same network as an ordinary torch module, in single precision, its inputs and its labels."""
    import torch

    torch.manual_seed(0)  # what the peers draw to probe themselves
    layers = [torch.nn.Linear(i, o) for i, o in pairwise(problem.widths)]
    with torch.no_grad():
        for layer, (w, b) in zip(layers, problem.weights(), strict=True):
            layer.weight.copy_(torch.tensor(w))
            layer.bias.copy_(torch.tensor(b))
    stack = [part for layer in layers for part in (layer, torch.nn.Tanh())][:-1]
    x, y = problem.data()
    return torch.nn.Sequential(*stack), torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def _log_det(matrix: Any) -> float:
    """log det(I + SCALE G) by Cholesky in double precision, for the peers as for us."""
    import torch

    shifted = SCALE * matrix.double()
    shifted.diagonal().add_(1)
    return float(2 * torch.linalg.cholesky(shifted).diagonal().log().sum())


def _per_sample(problem: Curvature) -> Callable[[], float]:
    """torch.func: the gradient of every sample by vmap, then G G^T."""
    import torch
    from torch.func import functional_call, grad, vmap

    model, x, y = module(problem)
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(p: Any, one: Any, label: Any) -> Any:
        return torch.nn.functional.cross_entropy(functional_call(model, p, (one[None],)), label[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))

    def call() -> float:
        rows = torch.cat([g.flatten(1) for g in gradients(parameters, x, y).values()], dim=1)
        return _log_det(rows @ rows.T)

    return call


def _backpack(problem: Curvature) -> Callable[[], float]:
    """BackPACK's per-sample gradients, then G G^T."""
    import warnings

    import torch
    from backpack import backpack, extend
    from backpack.extensions import BatchGrad

    model, x, y = module(problem)
    extend(model)
    loss = extend(torch.nn.CrossEntropyLoss(reduction="sum"))
    warnings.filterwarnings("ignore", message="Full backward hook is firing")  # the inputs need no gradient

    def call() -> float:
        with backpack(BatchGrad()):
            loss(model(x), y).backward()
        rows = torch.cat([p.grad_batch.flatten(1) for p in model.parameters()], dim=1)
        return _log_det(rows @ rows.T)

    return call


def _curvlinops(problem: Curvature) -> Callable[[], float]:
    """curvlinops: the GGN as a linear operator, made dense."""
    parts = module(problem)
    return lambda: _log_det(curvlinops_dense("GGNLinearOperator", *parts))


def curvlinops_dense(operator: str, model: Any, x: Any, y: Any) -> Any:
    """One of its operators for the summed cross-entropy, by its products with the unit vectors, in blocks."""
    import curvlinops
    import torch

    loss, parameters = torch.nn.CrossEntropyLoss(reduction="sum"), list(model.parameters())
    matrix = getattr(curvlinops, operator)(model, loss, parameters, [(x, y)], check_deterministic=False)
    unit = torch.eye(matrix.shape[0], dtype=x.dtype)
    return torch.cat([matrix @ block for block in unit.split(256, dim=1)], dim=1)


def _nngeometry(problem: Curvature) -> Callable[[], float]:
    """nngeometry: the dense Fisher information, a mean over the inputs."""
    import torch
    from nngeometry.metrics import FIM
    from nngeometry.object import PMatDense

    model, x, y = module(problem)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=100)

    def call() -> float:
        fisher = FIM(model=model, loader=loader, representation=PMatDense, variant="classif_logits")
        return _log_det(len(x) * fisher.to_torch())

    return call


BUILDERS: dict[str, Callable[[Any], Callable[[], float]]] = {
    "ours: gradients, single": lambda p: _ours(p, "gradients", "float32"),
    "ours: gradients, double": lambda p: _ours(p, "gradients", "float64"),
    "peer: gradients, torch.func": _per_sample,
    "peer: gradients, BackPACK": _backpack,
    "ours: curvature, single": lambda p: _ours(p, "curvature", "float32"),
    "ours: curvature, double": lambda p: _ours(p, "curvature", "float64"),
    "peer: curvature, curvlinops": _curvlinops,
    "peer: curvature, nngeometry": _nngeometry,
}
