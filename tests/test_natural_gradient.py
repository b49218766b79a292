"""Natural gradients: dense solutions, linear regression in one step, invariance, torch's Adam, refusals."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import integrate, stats

from itdl import rng
from itdl.checks import Array, BadInput
from itdl.natural_gradient import Moments, expected_square, natural_gradient, normal_fisher, pulled_back


def problem(rows: int, columns: int) -> tuple[Array, Array]:
    g = rng.stream(1, "natural gradient", rows, columns)
    return g.standard_normal((rows, columns)), g.standard_normal(columns)


@pytest.mark.parametrize(("rows", "columns", "damping"), [(20, 5, 0.0), (20, 5, 0.3), (4, 9, 0.3), (6, 6, 0.1)])
def test_the_step_solves_the_damped_system(rows: int, columns: int, damping: float) -> None:
    a, g = problem(rows, columns)
    n = 7
    dense = a.T @ a / n + damping * np.eye(columns)
    found = natural_gradient(a, g, n=n, damping=damping)
    assert_allclose(found.step, np.linalg.solve(dense, g), rtol=1e-9)
    assert found.residual == pytest.approx(np.linalg.norm(dense @ found.step - g) / np.linalg.norm(g), abs=1e-13)
    assert found.residual < 1e-12


def test_the_residual_tells_of_lost_digits() -> None:
    """The small Gram matrix pays for a tiny damping with cancellation, and the certificate says so."""
    a, g = problem(4, 9)
    assert natural_gradient(a, g, n=4, damping=1e-13).residual > 1e-6
    assert natural_gradient(a, np.zeros(9), n=4, damping=1.0).residual == 0


def test_linear_regression_needs_one_step() -> None:
    """Mean squared error/2 has the gradient F (w - w*), so that w - F^-1 g is the least-squares solution."""
    x, w = problem(30, 4)
    y = rng.stream(2, "labels").standard_normal(30)
    step = natural_gradient(x, x.T @ (x @ w - y) / 30, n=30).step
    assert_allclose(w - step, np.linalg.lstsq(x, y, rcond=None)[0], rtol=1e-10)


def test_the_motion_is_the_same_in_all_linear_coordinates() -> None:
    a, g = problem(20, 5)
    t = rng.stream(3, "change").standard_normal((5, 5)) + 2 * np.eye(5)
    assert_allclose(t @ natural_gradient(a @ t, t.T @ g, n=20).step, natural_gradient(a, g, n=20).step, rtol=1e-10)
    assert_allclose(pulled_back(a.T @ a, t), (a @ t).T @ (a @ t), rtol=1e-12)
    column = t[:, :1]
    assert pulled_back(a.T @ a, column).shape == (1, 1)


def test_the_fisher_information_of_a_normal_distribution_by_quadrature() -> None:
    mean, sd = 0.3, 1.7

    def entry(i: int, j: int) -> float:
        def score(x: float) -> tuple[float, float]:
            z = (x - mean) / sd
            return z / sd, (z**2 - 1) / sd

        value: float = integrate.quad(lambda x: score(x)[i] * score(x)[j] * stats.norm.pdf(x, mean, sd), -25, 25)[0]
        return value

    assert_allclose(normal_fisher(sd), [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]], atol=1e-9)
    assert normal_fisher([1.0, 2.0]).shape == (2, 2, 2)
    assert_allclose(normal_fisher([1.0, 2.0])[1], np.diag([0.25, 0.5]))
    # In log sd the second entry is 2 everywhere: dsd/du = sd.
    assert_allclose(pulled_back(normal_fisher(sd), np.diag([1.0, sd])), np.diag([1 / sd**2, 2]))


@pytest.mark.parametrize("batch", [1, 2, 3, 6])
def test_the_expected_square_by_all_minibatches(batch: int) -> None:
    rows, _ = problem(6, 3)
    means = [rows[list(chosen)].mean(axis=0) for chosen in combinations(range(6), batch)]
    assert_allclose(expected_square(rows, batch), np.mean(np.square(means), axis=0), rtol=1e-12)


def test_one_example_has_one_gradient() -> None:
    assert_allclose(expected_square([[2.0, -3.0]], 1), [4, 9])


def test_adam_is_torchs() -> None:
    g = rng.stream(4, "gradients").standard_normal((30, 5))
    weights = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.1, betas=(0.8, 0.95), eps=1e-3)
    moments, w = Moments.zeros(5, (0.8, 0.95)), np.zeros(5)
    for row in g:
        weights.grad = torch.from_numpy(row)
        optimiser.step()
        moments = moments.seen(row)
        w -= 0.1 * moments.step(eps=1e-3)
    assert_allclose(w, weights.detach(), rtol=1e-12)
    assert moments.count == 30


def test_the_defaults_are_adams() -> None:
    moments = Moments.zeros((2, 3)).seen(np.ones((2, 3)))
    assert moments.betas == (0.9, 0.999)
    assert moments.first[0, 0] == pytest.approx(0.1)
    assert moments.second[0, 0] == pytest.approx(0.001)
    assert_allclose(moments.variance, 1)
    assert_allclose(moments.step(), 1 / (1 + 1e-8), rtol=1e-15)
    assert_allclose(moments.seen(np.full((2, 3), 2.0)).variance, (0.999 + 4) / 1.999, rtol=1e-12)


def test_powers_and_rescaled_gradients() -> None:
    """Gradients scaled by s: Adam's step stays, that without the root is divided by s."""
    g, s = rng.stream(5, "gradients").standard_normal((8, 4)), np.array([10.0, 0.1, 1.0, 3.0])
    plain, scaled = Moments.zeros(4), Moments.zeros(4)
    for row in g:
        plain, scaled = plain.seen(row), scaled.seen(s * row)
    assert_allclose(scaled.step(eps=0), plain.step(eps=0), rtol=1e-12)
    assert_allclose(scaled.step(power=1, eps=0), plain.step(power=1, eps=0) / s, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: natural_gradient(np.eye(3), [1.0, 2.0], n=3), r"gradient has shape \(2,\) with a factor of shape"),
        (lambda: natural_gradient(np.eye(3), np.ones(3), n=0), "n is 0; F is a mean over n inputs, at least one"),
        (lambda: natural_gradient(np.ones((2, 3)), np.ones(3), n=2), "F has rank 2 at most with 3 parameters; pass a"),
        (
            lambda: natural_gradient(np.ones((4, 2)), np.ones(2), n=4),
            "a Gram matrix of 2 rows is not positive definite",
        ),
        (lambda: natural_gradient(np.eye(2), np.ones(2), n=2, damping=-1), "damping is -1; it must be one number zero"),
        (lambda: natural_gradient([[np.nan]], [1.0], n=1), "factor.*is nan"),
        (lambda: natural_gradient([[1.0]], [np.inf], n=1), "gradient.*is inf"),
        (lambda: pulled_back(np.eye(3), np.eye(2)), r"fisher has shape \(3, 3\) with a change of shape \(2, 2\)"),
        (lambda: pulled_back([[np.nan]], [[1.0]]), "fisher.*is nan"),
        (lambda: pulled_back([[1.0]], [[np.nan]]), "change.*is nan"),
        (lambda: normal_fisher([1.0, 0.0]), "sd reaches 0; a standard deviation is above zero"),
        (lambda: normal_fisher(np.nan), "sd is nan"),
        (lambda: expected_square(np.ones((3, 2)), 0), "batch is 0 with 3 gradients; it must lie between 1 and 3"),
        (lambda: expected_square(np.ones((3, 2)), 4), "batch is 4 with 3 gradients"),
        (lambda: expected_square([[np.nan]], 1), "gradients.*is nan"),
        (lambda: Moments.zeros(2, (0.9, 1.0)), r"betas are \(0.9, 1.0\); both lie in \[0, 1\)"),
        (lambda: Moments.zeros(2, (-0.1, 0.9)), "both lie in"),
        (lambda: Moments.zeros(2).variance, "these moments have seen no gradient; call `seen` first"),
        (lambda: Moments.zeros(2).step(), "these moments have seen no gradient"),
    ],
)
def test_refusals(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=message):
        call()
