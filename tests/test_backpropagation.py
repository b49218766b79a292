"""The gradient written out against autograd, against finite differences and in one case by hand; laws and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional

from itdl import rng
from itdl.backpropagation import cross_entropy
from itdl.checks import BadInput
from itdl.networks import Parameters, Perceptrons

MODELS, POINTS = 3, 11


def task(activation: str, classes: int = 4) -> tuple[Perceptrons, Parameters, torch.Tensor, torch.Tensor]:
    draw = rng.torch_stream(2, "backpropagation")
    networks = Perceptrons([5, 6, 3, classes], activation)
    parameters = networks.initialise([draw] * MODELS, dtype=torch.float64)
    parameters = [p + 0.1 * torch.randn(p.shape, generator=draw, dtype=p.dtype) for p in parameters]
    x = torch.randn((MODELS, POINTS, 5), generator=draw, dtype=torch.float64)
    return networks, parameters, x, torch.randint(0, classes, (MODELS, POINTS), generator=draw)


def gradients(losses: torch.Tensor, parameters: Parameters, weights: torch.Tensor) -> Parameters:
    return list(torch.autograd.grad((weights * losses).sum(), parameters))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("classes", [2, 4])
def test_loss_and_gradient_are_those_of_autograd(activation: str, classes: int) -> None:
    networks, parameters, x, labels = task(activation, classes)
    live = [p.requires_grad_() for p in parameters]
    ours = cross_entropy(networks, live, x, labels)
    theirs = functional.cross_entropy(networks.forward(live, x).mT, labels, reduction="none").mean(dim=1)
    assert_allclose(ours.detach(), theirs.detach(), rtol=1e-13)
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    pairs = zip(gradients(ours, live, weights), gradients(theirs, live, weights), strict=True)
    for ours_p, theirs_p in pairs:
        assert_allclose(ours_p, theirs_p, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_gradient_is_the_limit_of_differences(activation: str) -> None:
    networks, parameters, x, labels = task(activation)
    assert torch.autograd.gradcheck(
        lambda *p: cross_entropy(networks, list(p), x, labels), [p.requires_grad_() for p in parameters]
    )


def test_one_unit_by_hand() -> None:
    # h = tanh(w x), z = (v h, 0): the loss at label 0 is log(1 + exp(-v h)).
    networks, w, v, x = Perceptrons([1, 1, 2], "tanh"), 0.7, 1.3, 0.4
    start = [torch.tensor([[[w]]]), torch.zeros(1, 1, 1), torch.tensor([[[v], [0.0]]]), torch.zeros(1, 2, 1)]
    live = [p.double().requires_grad_() for p in start]
    loss = cross_entropy(networks, live, torch.tensor([[[x]]], dtype=torch.float64), torch.tensor([[0]]))
    h = np.tanh(w * x)
    p = 1 / (1 + np.exp(v * h))
    assert_allclose(loss.detach(), [np.log1p(np.exp(-v * h))], rtol=1e-7)
    found = torch.autograd.grad(loss.sum(), live)
    expected = [-p * v * (1 - h**2) * x, -p * v * (1 - h**2), [-p * h, p * h], [-p, p]]
    for gradient, value in zip(found, expected, strict=True):
        assert_allclose(gradient.flatten(), np.ravel(value), rtol=1e-6)


def test_a_step_downhill_lowers_every_loss_and_models_do_not_meet() -> None:
    networks, parameters, x, labels = task("tanh")
    live = [p.requires_grad_() for p in parameters]
    losses = cross_entropy(networks, live, x, labels)
    slopes = torch.autograd.grad(losses[1], live)
    moved = [p.detach() - 0.05 * g for p, g in zip(live, slopes, strict=True)]
    after = cross_entropy(networks, moved, x, labels)
    assert after[1] < losses[1]
    assert torch.equal(after[[0, 2]], losses[[0, 2]])
    assert not after.requires_grad


def test_precision_is_that_of_the_parameters() -> None:
    networks, parameters, x, labels = task("relu")
    single = [p.float().requires_grad_() for p in parameters]
    losses = cross_entropy(networks, single, x.float(), labels)
    assert losses.dtype == torch.float32
    assert {g.dtype for g in torch.autograd.grad(losses.sum(), single)} == {torch.float32}


def test_a_certain_mistake_costs_what_it_is_and_stays_finite() -> None:
    networks = Perceptrons([1, 2], "tanh")
    live = [torch.tensor([[[1e4], [0.0]]]).requires_grad_(), torch.zeros(1, 2, 1).requires_grad_()]
    loss = cross_entropy(networks, live, torch.ones(1, 1, 1), torch.ones(1, 1, dtype=torch.long))
    assert loss.item() == pytest.approx(1e4)
    assert_allclose(torch.autograd.grad(loss.sum(), live)[0].flatten(), [1, -1])


@pytest.mark.parametrize("cut", ["points", "models of the labels", "models"])
def test_inputs_and_labels_of_other_shapes_are_refused(cut: str) -> None:
    networks, parameters, x, labels = task("tanh")
    given = {
        "points": (x, labels[:, 1:]), "models of the labels": (x, labels[1:]), "models": (x[1:], labels[1:])
    }[cut]  # fmt: skip
    with pytest.raises(BadInput, match=r"for 3 models; give \(models, points, inputs\) and \(models, points\)"):
        cross_entropy(networks, parameters, *given)


def test_a_second_derivative_is_refused() -> None:
    networks, parameters, x, labels = task("tanh")
    live = [p.requires_grad_() for p in parameters]
    squares = cross_entropy(networks, live, x, labels) ** 2  # whose slopes depend on the parameters by themselves
    slopes = torch.autograd.grad(squares.sum(), live, create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        slopes[0].sum().backward()


def test_some_parameters_may_stay_where_they_are() -> None:
    networks, parameters, x, labels = task("tanh")
    live = [p.clone().requires_grad_(i == 0) for i, p in enumerate(parameters)]
    alone = torch.autograd.grad(cross_entropy(networks, live, x, labels).sum(), live[0])[0]
    every = [p.requires_grad_() for p in parameters]
    assert_allclose(alone, torch.autograd.grad(cross_entropy(networks, every, x, labels).sum(), every)[0])
