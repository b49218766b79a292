"""Exact information of the tasks by second roads: published values, sampling, quadrature, scipy's densities."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, covariances, joints
from numpy.testing import assert_allclose
from scipy import integrate, stats

from itdl import maps
from itdl.checks import Array, BadInput
from itdl.information_tasks import AdditiveUniform, Discrete, Gaussian, Mapped, Student, Task, dense, sparse

TABLE = np.array([[0.2, 0.1, 0.0], [0.1, 0.3, 0.3]])
TWIST = maps.spiral(1.5)
TASKS: dict[str, Task] = {
    "sparse": sparse(4, 2, 1.0),
    "dense": dense(3, 0.5),
    "lopsided": Gaussian(dense(3, 0.5).cov[:5, :5], 2),
    "student": Student(dense(2, 0.5), 3.0),
    "student, uncorrelated": Student(Gaussian(np.eye(5), 2), 2.0),
    "uniform, narrow": AdditiveUniform(0.2),
    "uniform, wide": AdditiveUniform(0.8),
    "discrete": Discrete(TABLE),
    "mapped": Mapped(Student(dense(2, 0.5), 3.0), TWIST, maps.HALF_CUBE),
}


@pytest.mark.parametrize("name", TASKS)
def test_the_mean_log_ratio_is_the_information(name: str) -> None:
    task, n = TASKS[name], 100_000
    log_ratio = task.log_ratio(*task.sample(np.random.default_rng(4), n))
    assert log_ratio.shape == (n,)
    assert abs(log_ratio.mean() - task.information()) < 4 * log_ratio.std() / math.sqrt(n)


@pytest.mark.parametrize("name", TASKS)
def test_the_ratio_has_mean_one_over_independent_pairs(name: str) -> None:
    """E_{p(x) p(y)} exp(log-ratio) = 1: it is a ratio of densities, not merely right on average"""
    task, n = TASKS[name], 200_000
    (x, _), (_, y) = (task.sample(np.random.default_rng(s), n) for s in (5, 6))
    ratio = np.exp(task.log_ratio(x, y))
    assert abs(ratio.mean() - 1) < max(5 * ratio.std() / math.sqrt(n), 0.02)


@pytest.mark.parametrize("name", TASKS)
def test_log_ratios_of_all_pairs_are_those_of_single_ones(name: str) -> None:
    task = TASKS[name]
    x, y = task.sample(np.random.default_rng(7), 5)
    table = task.log_ratio(x[None, :], y[:, None])
    assert table.shape == (5, 5)
    for i in range(5):
        assert_allclose(table[i], [task.log_ratio(x[j : j + 1], y[i : i + 1])[0] for j in range(5)], rtol=1e-12)


@pytest.mark.parametrize(("d", "value"), [(2, 0.2939), (3, 0.4133), (5, 0.5928), (25, 1.2922), (50, 1.6243)])
def test_published_values_of_equicorrelated_variables(d: int, value: float) -> None:
    assert dense(d, 0.5).information() == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(
    ("d", "dof", "value"),
    [(1, 1, 0.2242), (2, 1, 0.4319), (2, 2, 0.1931), (3, 2, 0.2909), (3, 3, 0.1787), (5, 2, 0.4482), (5, 3, 0.2985)],
)
def test_published_values_of_uncorrelated_student_variables(d: int, dof: float, value: float) -> None:
    assert Student(Gaussian(np.eye(2 * d), d), dof).information() == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(("width", "value"), [(0.1, 1.7094), (0.5, 0.5), (0.75, 1 / 3)])
def test_published_values_of_additive_uniform_noise(width: float, value: float) -> None:
    assert AdditiveUniform(width).information() == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("width", [0.05, 0.3, 0.49, 0.5, 0.51, 2.0])
def test_additive_uniform_noise_by_quadrature(width: float) -> None:
    """I = h(Y) - log(2 width), p(y) the length of the overlap"""

    def surprise(y: float) -> float:
        p = (min(y + width, 1) - max(y - width, 0)) / (2 * width)
        return -p * math.log(p) if p > 0 else 0.0

    corners = sorted([-width, width, 1 - width, 1 + width])
    h = sum(integrate.quad(surprise, a, b)[0] for a, b in pairwise(corners))
    assert AdditiveUniform(width).information() == pytest.approx(h - math.log(2 * width), abs=1e-7)


@FEW
@given(covariances(2, 5), st.integers(0, 1000))
def test_the_normal_log_ratio_by_scipys_densities(cov: Array, seed: int) -> None:
    """log p(x, y) - log p(x) - log p(y)"""
    task = Gaussian(cov, 1)
    x, y = task.sample(np.random.default_rng(seed), 3)
    parts = [stats.multivariate_normal(cov=c) for c in (cov, cov[:1, :1], cov[1:, 1:])]
    dense_form = parts[0].logpdf(np.hstack([x, y])) - parts[1].logpdf(x) - np.ravel(parts[2].logpdf(y))
    assert_allclose(task.log_ratio(x, y), dense_form, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("dof", [1.0, 2.5, 40.0])
def test_the_student_log_ratio_by_scipys_densities(dof: float) -> None:
    shape = Gaussian(np.array([[2.0, 0.3, 0.5], [0.3, 1.0, 0.2], [0.5, 0.2, 1.5]]), 1)
    task = Student(shape, dof)
    x, y = task.sample(np.random.default_rng(2), 6)
    parts = [stats.multivariate_t(shape=c, df=dof) for c in (shape.cov, shape.cov[:1, :1], shape.cov[1:, 1:])]
    exact = parts[0].logpdf(np.hstack([x, y])) - parts[1].logpdf(x) - parts[2].logpdf(y)
    assert_allclose(task.log_ratio(x, y), exact, rtol=1e-10)
    entropies = [float(p.entropy()) for p in parts]
    assert task.information() == pytest.approx(entropies[1] + entropies[2] - entropies[0], abs=1e-3)


def test_many_degrees_of_freedom_are_a_normal() -> None:
    assert Student(dense(2, 0.5), 1e7).information() == pytest.approx(dense(2, 0.5).information(), abs=1e-6)


@pytest.mark.parametrize("name", ["sparse", "dense", "lopsided"])
def test_normal_samples_have_their_covariance(name: str) -> None:
    task = TASKS[name]
    assert isinstance(task, Gaussian)
    z = np.hstack(task.sample(np.random.default_rng(3), 100_000))
    assert np.abs(np.cov(z.T) - task.cov).max() < 0.02


def test_student_samples_have_one_divisor_and_its_tails() -> None:
    x, y = Student(Gaussian(np.eye(2), 1), 3.0).sample(np.random.default_rng(1), 100_000)
    assert stats.kstest(x[:, 0], stats.t(3).cdf).pvalue > 1e-3
    assert stats.kstest(y[:, 0], stats.t(3).cdf).pvalue > 1e-3
    assert stats.spearmanr(np.abs(x[:, 0]), np.abs(y[:, 0]))[0] > 0.1


def test_sparse_pairs_share_the_information_alike() -> None:
    task = sparse(5, 2, 1.5)
    assert task.information() == pytest.approx(1.5)
    cross = task.cov[:5, 5:]
    assert_allclose(-0.5 * np.log1p(-(np.diagonal(cross)[:2] ** 2)), 0.75)
    assert np.count_nonzero(cross) == 2
    assert sparse(3, 1, 0.0).information() == pytest.approx(0, abs=1e-12)


@FEW
@given(joints())
def test_tables_by_sums(pxy: Array) -> None:
    """I = sum p log p/(p p) over the cells"""
    task = Discrete(pxy)
    cells = np.argwhere(pxy > 0).astype(float)
    log_ratio = task.log_ratio(cells[:, :1], cells[:, 1:])
    assert task.information() == pytest.approx(float(log_ratio @ pxy[pxy > 0]), abs=1e-9)


def test_tables_are_sampled_as_they_stand() -> None:
    x, y = Discrete(TABLE).sample(np.random.default_rng(0), 100_000)
    found = np.histogram2d(x[:, 0], y[:, 0], bins=[np.arange(3) - 0.5, np.arange(4) - 0.5])[0] / 100_000
    assert_allclose(found, TABLE, atol=0.01)
    assert Discrete(TABLE).log_ratio(np.array([[0.0]]), np.array([[2.0]]))[0] == -np.inf


def test_additive_noise_goes_both_ways() -> None:
    x, y = AdditiveUniform(0.3).sample(np.random.default_rng(0), 100_000)
    assert stats.kstest((y - x)[:, 0], stats.uniform(-0.3, 0.6).cdf).pvalue > 1e-3
    assert stats.kstest(x[:, 0], stats.uniform().cdf).pvalue > 1e-3


def test_points_out_of_reach_have_no_ratio() -> None:
    task = AdditiveUniform(0.25)
    got = task.log_ratio(np.array([[0.5], [0.5], [0.9], [0.1]]), np.array([[0.8], [0.5], [1.1], [-0.1]]))
    assert_allclose(got, [-np.inf, math.log(2), -math.log(0.15), -math.log(0.15)])


def test_images_carry_the_information_and_the_ratio_of_the_originals() -> None:
    task = dense(2, 0.6)
    image = Mapped(task, maps.CUBIC, TWIST)
    x, y = task.sample(np.random.default_rng(8), 50)
    assert image.information() == task.information()
    assert_allclose(image.log_ratio(x**3, TWIST.forward(y)), task.log_ratio(x, y), atol=1e-8)
    a, b = image.sample(np.random.default_rng(8), 50)
    assert_allclose(a, x**3)
    assert_allclose(b, TWIST.forward(y))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sparse(3, 4, 1.0), "pairs is 4 with d = 3; it must lie between 1 and 3"),
        (lambda: sparse(3, 0, 1.0), "pairs is 0 with d = 3"),
        (lambda: sparse(3, 1, -1.0), "information is -1.0; it must be one number zero or above"),
        (lambda: dense(3, 1.0), r"rho is 1.0; it must lie in \[0, 1\)"),
        (lambda: dense(3, -0.1), "rho is -0.1"),
        (lambda: Gaussian(np.ones((2, 2)), 1), "cov is not positive definite"),
        (lambda: Gaussian(np.eye(2), 2), "n_x is 2 for a covariance of 2 variables"),
        (lambda: Student(dense(1, 0.5), 0.0), "dof is 0.0; it must be one number above zero"),
        (lambda: AdditiveUniform(-1.0), "width is -1.0; it must be one number above zero"),
        (lambda: Discrete(np.array([[0.5, 0.6]])), "pxy sums to 1 only within"),
        (lambda: Discrete(np.array([0.5, 0.5])), r"pxy has shape \(2,\); a joint distribution is a matrix"),
    ],
)
def test_bad_input_is_refused(call: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
