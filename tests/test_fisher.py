"""Fisher matrices: autograd and enumeration of labels, the divergence's second order, products, refusals."""

from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_allclose
from small_networks import NETWORKS, points, start
from torch.nn import functional

from itdl import fisher, geometry, rng
from itdl.checks import BadInput
from itdl.networks import Parameters, Perceptrons

ALL = [NETWORKS, Perceptrons([3, 4, 3], "relu"), Perceptrons([3, 3], "tanh")]


def by_autograd(networks: Perceptrons, parameters: Parameters, model: int, x: torch.Tensor, y: int) -> torch.Tensor:
    live = [p[[model]].detach().requires_grad_() for p in parameters]
    loss = functional.cross_entropy(networks.forward(live, x[None])[0], torch.tensor([y]))
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, live)])


@pytest.mark.parametrize("networks", ALL)
def test_fisher_is_the_mean_over_the_networks_own_labels(networks: Perceptrons) -> None:
    parameters, (x, _) = start(networks), points()
    found = fisher.fisher(networks, parameters, x)
    for model in range(2):
        p = networks.forward([q[[model]] for q in parameters], x)[0].softmax(dim=-1)
        total = torch.zeros_like(found[0])
        for i, point in enumerate(x):
            for k in range(3):
                g = by_autograd(networks, parameters, model, point, k)
                total += p[i, k] * torch.outer(g, g) / len(x)
        assert_allclose(found[model], total, atol=1e-13)


@pytest.mark.parametrize("networks", ALL)
def test_gradients_and_empirical_fisher_by_autograd(networks: Perceptrons) -> None:
    parameters, (x, y) = start(networks), points()
    found = fisher.gradients(networks, parameters, x, y)
    for model in range(2):
        rows = [by_autograd(networks, parameters, model, a, int(b)) for a, b in zip(x, y[model], strict=True)]
        assert_allclose(found[model], torch.stack(rows), atol=1e-13)
        dense = torch.stack(rows).T @ torch.stack(rows) / len(x)
        assert_allclose(fisher.empirical_fisher(networks, parameters, x, y)[model], dense, atol=1e-13)


def test_gauss_newton_with_the_softmax_curvature_is_fisher_and_with_another_is_not() -> None:
    parameters, (x, _) = start(), points()
    outputs = NETWORKS.forward(parameters, x)

    def loss(z: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(z[None], torch.tensor([0]))

    by_loss = [torch.autograd.functional.hessian(loss, z) for z in outputs.flatten(0, 1)]
    curvature = torch.stack(by_loss).view(2, 6, 3, 3)
    assert_allclose(
        fisher.gauss_newton(NETWORKS, parameters, x, curvature), fisher.fisher(NETWORKS, parameters, x), atol=1e-13
    )
    rows = geometry.jacobian(NETWORKS, parameters, x)
    squared = fisher.gauss_newton(NETWORKS, parameters, x, torch.eye(3, dtype=torch.float64).expand(2, 6, 3, 3))
    assert_allclose(squared, rows.mT @ rows / 6, atol=1e-13)


@pytest.mark.parametrize("networks", ALL)
def test_products_are_those_of_the_matrix(networks: Perceptrons) -> None:
    parameters, (x, _) = start(networks), points()
    dense = fisher.fisher(networks, parameters, x)
    v = torch.randn(2, dense.shape[-1], generator=rng.torch_stream(4, "vector"), dtype=torch.float64)
    found = fisher.fisher_product(networks, parameters, x, v)
    assert not found.requires_grad
    assert_allclose(found, (dense @ v[..., None])[..., 0], atol=1e-13)
    assert not any(p.requires_grad for p in parameters)


def test_the_divergence_is_half_the_square_in_the_metric_to_third_order() -> None:
    parameters, (x, _) = start(), points()
    f, flat = fisher.fisher(NETWORKS, parameters, x), geometry.flatten(parameters)
    d = torch.randn(flat.shape, generator=rng.torch_stream(5, "direction"), dtype=torch.float64)
    rest = []
    for h in (2e-3, 1e-3):
        moved = fisher.unflatten(parameters, flat + h * d)
        exact = fisher.divergence(NETWORKS, parameters, moved, x)
        rest.append(exact - 0.5 * h**2 * torch.einsum("mp,mpq,mq->m", d, f, d))
    assert_allclose((rest[0] / rest[1]).abs().log2(), 3, atol=0.05)


def test_the_divergence_by_its_sum() -> None:
    parameters, (x, _) = start(), points()
    others = [1.5 * p for p in parameters]
    p, q = (NETWORKS.forward(w, x).softmax(dim=-1) for w in (parameters, others))
    assert_allclose(
        fisher.divergence(NETWORKS, parameters, others, x), (p * (p / q).log()).sum(dim=-1).mean(dim=-1), rtol=1e-10
    )
    assert_allclose(fisher.divergence(NETWORKS, parameters, parameters, x), 0, atol=1e-15)


def test_unflatten_undoes_flatten() -> None:
    parameters = start()
    back = fisher.unflatten(parameters, geometry.flatten(parameters))
    assert all(torch.equal(a, b) for a, b in zip(parameters, back, strict=True))


def test_refusals() -> None:
    parameters, (x, y) = start(), points()
    with pytest.raises(BadInput, match=r"vector is of shape \(2, 5\) for 2 models of 59 weights; give"):
        fisher.unflatten(parameters, torch.zeros(2, 5))
    with pytest.raises(BadInput, match=r"vector is of shape \(1, 59\) for 2 models"):
        fisher.fisher_product(NETWORKS, parameters, x, torch.zeros(1, 59))
    with pytest.raises(BadInput, match=r"y is of shape \(6,\); give one label for each of \(2, 6\) outputs"):
        fisher.gradients(NETWORKS, parameters, x, y[0])
    with pytest.raises(BadInput, match=r"curvature is of shape \(2, 6, 4, 4\) for 6 inputs and 3 outputs; give one"):
        fisher.gauss_newton(NETWORKS, parameters, x, torch.zeros(2, 6, 4, 4))
