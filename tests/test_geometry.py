"""Fisher information of networks: sampled labels, dense Jacobians, the Hessian of a linear model, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from small_networks import NETWORKS, points, start
from torch.nn import functional

from itdl import geometry, rng, weights
from itdl.checks import BadInput
from itdl.networks import Parameters, Perceptrons


def dense(networks: Perceptrons, parameters: Parameters, x: torch.Tensor, model: int) -> torch.Tensor:
    """F by its definition: Jacobians by autograd, one input after the other."""
    one = [p[[model]] for p in parameters]
    total = torch.zeros(1)
    for point in x:
        jacobian = torch.autograd.functional.jacobian(
            lambda *w, at=point: networks.forward(list(w), at[None])[0, 0], tuple(one)
        )
        j = torch.cat([part.flatten(1) for part in jacobian], dim=1)
        p = networks.forward(one, point[None])[0, 0].softmax(dim=0)
        total = total + j.T @ (torch.diag(p) - torch.outer(p, p)) @ j
    return total / len(x)


@pytest.mark.parametrize("networks", [NETWORKS, Perceptrons([3, 4, 3], "relu"), Perceptrons([3, 3], "tanh")])
def test_the_factor_is_the_dense_fisher_information(networks: Perceptrons) -> None:
    parameters, (x, _) = start(networks), points()
    factor = geometry.fisher_factor(networks, parameters, x)
    assert factor.shape == (2, 12, sum(p[0].numel() for p in parameters))
    for model in range(2):
        assert_allclose(factor[model].T @ factor[model] / 6, dense(networks, parameters, x, model), atol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_jacobian_is_that_of_functional_differentiation(activation: str) -> None:
    networks = Perceptrons([3, 4, 5, 3], activation)
    parameters, (x, _) = start(networks), points()
    found = geometry.jacobian(networks, parameters, x)
    assert found.shape == (2, 18, sum(p[0].numel() for p in parameters))
    for model in range(2):
        parts = torch.func.jacrev(lambda w: networks.forward([p[None] for p in w], x)[0])(
            [p[model] for p in parameters]
        )
        assert_allclose(found[model], torch.cat([part.flatten(2) for part in parts], dim=2).flatten(0, 1), atol=1e-12)


def test_confident_and_undecided_outputs_keep_their_fisher_information() -> None:
    """Outputs from level to far apart: the root of the middle stays exact to rounding."""
    linear = Perceptrons([3, 3], "tanh")
    parameters, (x, _) = start(linear, models=1), points()
    for scale in (0.0, 1.0, 10.0, 40.0):
        sharp = [scale * p for p in parameters]
        factor = geometry.fisher_factor(linear, sharp, x)[0]
        p = linear.forward(sharp, x)[0].softmax(dim=-1)
        middle = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        biases = factor.view(6, 2, -1)[..., -3:]
        assert_allclose(biases.mT @ biases, middle, rtol=0, atol=1e-15)


def test_gradients_of_observed_labels_by_autograd() -> None:
    parameters, (x, y) = start(), points()
    found = geometry.gradient_gram(NETWORKS, parameters, x, y)
    for model in range(2):
        rows = [gradient(parameters, model, point, int(label)) for point, label in zip(x, y[model], strict=True)]
        assert_allclose(found[model], torch.stack(rows) @ torch.stack(rows).T, atol=1e-12)
    trace = geometry.empirical_fisher_trace(NETWORKS, parameters, x, y)
    assert_allclose(found.diagonal(dim1=1, dim2=2).mean(dim=1), trace, rtol=1e-12)


def test_the_log_determinant_is_the_one_of_all_weights() -> None:
    parameters, (x, _) = start(), points()
    factor = geometry.fisher_factor(NETWORKS, parameters, x)
    found = geometry.log_det(geometry.fisher_gram(NETWORKS, parameters, x), 0.7)
    dense = torch.linalg.slogdet(torch.eye(factor.shape[-1], dtype=torch.float64) + 0.7 * factor.mT @ factor)[1]
    assert found.shape == (2,)
    assert_allclose(found, dense, rtol=1e-12)
    exact = weights.gaussian_information(np.zeros(factor.shape[-1]), 0.7**0.5, 1.0, factor=factor[0].numpy())
    assert_allclose(found[0], 2 * exact.cost, rtol=1e-10)
    single = geometry.log_det(geometry.fisher_gram(NETWORKS, [p.float() for p in parameters], x.float()), 0.7)
    assert single.dtype == torch.float64
    assert_allclose(single, dense, rtol=1e-5)


def test_a_log_determinant_needs_a_gram_matrix() -> None:
    with pytest.raises(
        BadInput, match="I \\+ 1 gram is not positive definite; pass a Gram matrix and a scale above zero"
    ):
        geometry.log_det(torch.stack([torch.eye(2), -2 * torch.eye(2)]))


def test_trace_and_gram_matrix_need_no_factor() -> None:
    parameters, (x, _) = start(), points()
    factor = geometry.fisher_factor(NETWORKS, parameters, x)
    assert_allclose(geometry.fisher_gram(NETWORKS, parameters, x), factor @ factor.mT, atol=1e-12)
    assert_allclose(geometry.fisher_trace(NETWORKS, parameters, x), (factor**2).sum(dim=(1, 2)) / 6, rtol=1e-12)


def test_models_may_have_inputs_of_their_own() -> None:
    parameters, (x, _) = start(), points()
    own = torch.stack([x, 2 * x])
    second = geometry.fisher_trace(NETWORKS, [p[[1]] for p in parameters], 2 * x)
    assert_allclose(geometry.fisher_trace(NETWORKS, parameters, own)[1], second[0], rtol=1e-12)


def gradient(parameters: Parameters, model: int, x: torch.Tensor, label: int) -> torch.Tensor:
    live = [p[[model]].detach().requires_grad_() for p in parameters]
    loss = functional.cross_entropy(NETWORKS.forward(live, x[None])[0], torch.tensor([label]))
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, live)])


def test_the_trace_is_the_mean_squared_gradient_of_the_models_own_labels() -> None:
    parameters, (x, y) = start(), points()
    for model in range(2):
        p = NETWORKS.forward([q[[model]] for q in parameters], x)[0].softmax(dim=-1)
        own = [[float((gradient(parameters, model, point, k) ** 2).sum()) for k in range(3)] for point in x]
        assert_allclose(geometry.fisher_trace(NETWORKS, parameters, x)[model], (p.numpy() * own).sum() / 6, rtol=1e-10)
        seen = np.mean([own[i][int(label)] for i, label in enumerate(y[model])])
        assert_allclose(geometry.empirical_fisher_trace(NETWORKS, parameters, x, y)[model], seen, rtol=1e-10)


def test_without_hidden_layer_the_hessian_is_the_fisher_information() -> None:
    linear = Perceptrons([3, 3], "tanh")
    parameters, (x, y) = start(linear, models=1), points()
    factor = geometry.fisher_factor(linear, parameters, x)[0]
    assert_allclose(geometry.hessian(linear, parameters, x, y[0]), factor.T @ factor, atol=1e-12)


def test_the_hessian_by_finite_differences() -> None:
    parameters, (x, y) = start(models=1), points()
    found = geometry.hessian(NETWORKS, parameters, x, y[0])
    vector = geometry.flatten(parameters)[0]
    direction = torch.randn(len(vector), generator=rng.torch_stream(4, "direction"), dtype=torch.float64)

    def loss(step: float) -> float:
        parts = torch.split(vector + step * direction, [p.numel() for p in parameters])
        moved = [part.view(p.shape) for part, p in zip(parts, parameters, strict=True)]
        return float(functional.cross_entropy(NETWORKS.forward(moved, x)[0], y[0], reduction="sum"))

    second = (loss(1e-3) - 2 * loss(0) + loss(-1e-3)) / 1e-6
    assert_allclose(direction @ found @ direction, second, rtol=1e-4)


def test_the_hessian_is_of_one_network() -> None:
    with pytest.raises(BadInput, match="hessian was given 2 networks; pass one"):
        geometry.hessian(NETWORKS, start(), points()[0], points()[1][0])
