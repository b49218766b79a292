"""Information through Gaussian encoders: by hand, laws, quadrature and sampling, limits, and bad input."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import FEW, LAW, SEEDS
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats

from itdl import encoders, gaussian
from itdl.checks import Array, BadInput

LOG_2PI = math.log(2 * math.pi)
# Two times, three inputs, two outputs: nothing symmetric, nothing equal to one.
MEAN = np.array([[[0.5, 1], [2, -1], [0, 3]], [[1, 1], [0.5, 0], [-2, 0.3]]])
VAR = np.array([[0.2, 0.5, 2], [0.1, 3, 0.7]])
TARGET = np.array([[1.0, 0.5], [1, -1], [-1, 2]])


@st.composite
def encoder(draw: st.DrawFn, outputs: int | None = 1) -> tuple[Array, Array, Array]:
    """mean (T, m, k), var (T, m), y (m, k) of ordinary size, from a seed."""
    rng = np.random.default_rng(draw(SEEDS))
    t, m = draw(st.integers(1, 3)), draw(st.integers(2, 8))
    k = outputs or draw(st.integers(1, 3))
    scale = 10 ** draw(st.floats(-2, 1))
    mean = scale * rng.standard_normal((t, m, k)) + rng.standard_normal(k)
    return mean, rng.uniform(0.01, 2, (t, m)), rng.standard_normal((m, k))


# By hand


def test_gibbs_loss_by_hand() -> None:
    errors = np.array([[0.25 + 0.25, 1 + 0, 1 + 1], [0 + 0.25, 0.25 + 1, 1 + 1.7**2]])
    expected = (0.5 * errors + VAR + LOG_2PI).mean(axis=1)
    assert_allclose(encoders.gibbs_loss(MEAN, VAR, TARGET), expected, rtol=1e-14)
    assert_allclose(encoders.gibbs_loss(MEAN, VAR, TARGET, noise_var=0.3), expected + 0.3, rtol=1e-14)


def test_the_untrained_loss_of_the_published_figure() -> None:
    # E y^2 = 2.445, log 2 pi / 2 = 0.919: Fig. 1 starts at 2.141 for a silent network.
    assert_allclose(encoders.gibbs_loss([[[0.0]]], [[0.0]], [math.sqrt(1.445)], noise_var=1), 2.1414, atol=1e-4)


def test_bayes_loss_by_hand() -> None:
    expected = 0.5 * ((0.25 + 0.3) / 1.5 + math.log(1.5) + LOG_2PI)
    assert_allclose(encoders.bayes_loss([[[1.5]]], [[0.5]], [1.0], noise_var=0.3), expected, rtol=1e-14)


def test_calibrated_information_by_hand() -> None:
    # y = (0, 1, 5), mean = (0, 2, 4): covariance 10/3 - 0, variances 14/3 and 8/3.
    mean, var = np.array([[[0.0], [2], [4]]]), np.array([[0.5, 1, 1.5]])
    covariance = (0 * 0 + 1 * 2 + 5 * 4) / 3 - 2 * 2
    rho2 = covariance**2 / ((14 / 3 + 0.25) * (8 / 3 + 1))
    out = encoders.calibrated_label_information(mean, var, [0, 1, 5], noise_var=0.25)
    assert_allclose(out, -0.5 * math.log(1 - rho2), rtol=1e-14)


def test_logistic_information_by_hand_without_noise() -> None:
    out = encoders.logistic_label_information([[[0.5], [-1], [2], [1]]], np.zeros((1, 4)), [1, -1, 1, 1], 0.7)
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    loss = np.mean([math.log1p(math.exp(-1.4 * margin)) for margin in (0.5, 1, 2, 1)])
    assert_allclose(out, entropy - loss, rtol=1e-13)


def test_max_entropy_bound_by_hand() -> None:
    mean, var = np.array([[[0.0, 0], [3, 1], [0, 2]]]), np.array([[0.5, 1, 3.0]])
    cov = np.array([[2, 0], [0, 2 / 3]]) + 1.5 * np.eye(2)
    expected = 0.5 * math.log(cov[0, 0] * cov[1, 1]) - np.log([0.5, 1, 3.0]).mean()
    assert_allclose(encoders.max_entropy_bound(mean, var), expected, rtol=1e-14)


def test_divergence_from_the_prior_by_hand() -> None:
    assert_allclose(encoders.kl_to_prior([[[2.0]]], [[0.5]], 2.0), 0.5 * (math.log(4) + 0.25 - 1) + 1, rtol=1e-14)


def test_output_entropy_by_hand() -> None:
    expected = 0.5 * np.log(2 * math.pi * math.e * VAR).mean(axis=1)
    assert_allclose(encoders.output_entropy(VAR), expected, rtol=1e-14)
    assert_allclose(encoders.output_entropy(VAR, outputs=3), 3 * expected, rtol=1e-14)


# Laws


@LAW
@given(encoder(outputs=None), st.floats(0, 2))
def test_a_committee_is_better_than_its_members(e: tuple[Array, Array, Array], noise: float) -> None:
    """-log E p <= -E log p: the Bayes loss is below the Gibbs loss"""
    assert (encoders.bayes_loss(*e, noise_var=noise) <= encoders.gibbs_loss(*e, noise_var=noise) + 1e-12).all()


def test_a_certain_committee_is_its_members() -> None:
    assert_allclose(encoders.bayes_loss(MEAN, 0 * VAR, TARGET), encoders.gibbs_loss(MEAN, 0 * VAR, TARGET), rtol=1e-14)
    assert_allclose(
        encoders.gibbs_loss(MEAN, 1e-4 + 0 * VAR, TARGET) - encoders.bayes_loss(MEAN, 1e-4 + 0 * VAR, TARGET),
        0.5e-4 * ((MEAN - TARGET) ** 2).sum(axis=-1).mean(axis=1),
        rtol=1e-3,
    )


@LAW
@given(encoder(), st.floats(0, 2))
def test_a_calibrated_decoder_is_at_least_as_good_as_the_fixed_one(e: tuple[Array, Array, Array], noise: float) -> None:
    """H(Y) - E[-log N(y; z, 1)] <= -1/2 log(1 - rho^2), H(Y) the entropy of a Gaussian with the variance of Y"""
    label_entropy = gaussian.entropy([[e[2].var() + noise + 1e-9]])
    fixed = label_entropy - encoders.gibbs_loss(*e, noise_var=noise)
    assert (fixed <= encoders.calibrated_label_information(*e, noise_var=noise) + 1e-6).all()


def test_the_fixed_decoder_is_as_good_where_it_is_the_calibrated_one() -> None:
    # y = mean + independent rest, E var = 0, rest of variance 1: regression of y on z has slope 1 and residual 1.
    mean = np.array([-1.0, -1, 1, 1])[None, :, None] * 1.5
    y = mean[0, :, 0] + [1, -1, 1, -1] + 7
    y = y - y.mean()
    fixed = gaussian.entropy([[y.var()]]) - encoders.gibbs_loss(mean, np.zeros((1, 4)), y)
    calibrated = encoders.calibrated_label_information(mean, np.zeros((1, 4)), y)
    assert_allclose(fixed, calibrated, rtol=1e-13)
    assert_allclose(calibrated, 0.5 * math.log(1 + 1.5**2), rtol=1e-13)


@LAW
@given(encoder(), st.floats(0.1, 5), st.floats(-3, 3))
def test_calibration_ignores_the_units_of_output_and_label(e: tuple[Array, Array, Array], c: float, b: float) -> None:
    mean, var, y = e
    one = encoders.calibrated_label_information(mean, var, y, noise_var=0.5)
    two = encoders.calibrated_label_information(-c * mean + b, c**2 * var, 2 * y + b, noise_var=2)
    assert_allclose(one, two, rtol=1e-7, atol=1e-9)


@LAW
@given(encoder(outputs=None), st.floats(0.2, 4))
def test_outputs_may_be_rotated_and_scaled_without_loss(e: tuple[Array, Array, Array], c: float) -> None:
    """I(Z;X) bounds and KL to a prior scaled alike are the same for c U z"""
    mean, var, _ = e
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((mean.shape[-1],) * 2))[0]
    other = c * mean @ turn
    assert_allclose(encoders.max_entropy_bound(mean, var), encoders.max_entropy_bound(other, c**2 * var), atol=1e-8)
    assert_allclose(
        encoders.kl_to_prior(mean, var, 0.7), encoders.kl_to_prior(other, c**2 * var, 0.7 * c**2), rtol=1e-8
    )


@LAW
@given(encoder(outputs=None))
def test_the_divergence_from_the_prior_bounds_the_information_that_escapes(e: tuple[Array, Array, Array]) -> None:
    """KL >= 0; averaged over x it exceeds 1/2 log det(cov(mean)/prior + ...) only up to the best prior"""
    mean, var, _ = e
    best = (mean**2).sum(axis=-1).mean(axis=1) / mean.shape[-1] + var.mean(axis=1)
    for t in range(len(mean)):
        at_best = encoders.kl_to_prior(mean[t : t + 1], var[t : t + 1], best[t])
        assert at_best >= 0
        assert at_best <= encoders.kl_to_prior(mean[t : t + 1], var[t : t + 1], 1.1 * best[t])
        assert at_best <= encoders.kl_to_prior(mean[t : t + 1], var[t : t + 1], 0.9 * best[t])
        # Any prior gives an upper bound on I(Z; X); the Gaussian with the right covariance is the tightest Gaussian.
        assert encoders.max_entropy_bound(mean[t : t + 1], var[t : t + 1]) <= at_best + 1e-9


def test_the_prior_itself_diverges_by_nothing_and_its_neighbour_quadratically() -> None:
    mean, var = np.zeros((1, 3, 2)), np.full((1, 3), 0.4)
    assert_allclose(encoders.kl_to_prior(mean, var, 0.4), 0, atol=1e-15)
    assert_allclose(encoders.kl_to_prior(mean, var * 1.001, 0.4), 2 * 1e-6 / 4, rtol=1e-2)


@LAW
@given(encoder(outputs=None), SEEDS)
def test_info_nce_stays_below_log_n_and_below_the_upper_bound(e: tuple[Array, Array, Array], seed: int) -> None:
    low, high = encoders.sample_bounds(e[0], e[1], np.random.default_rng(seed))
    assert (low <= math.log(e[0].shape[1]) + 1e-12).all()
    assert low.shape == high.shape == (len(e[0]),)


@LAW
@given(encoder(), st.floats(0.01, 1.5), SEEDS)
def test_logistic_information_never_exceeds_the_entropy_of_the_labels(
    e: tuple[Array, Array, Array], scale: float, seed: int
) -> None:
    mean, var, _ = e
    labels = np.random.default_rng(seed).choice([-1, 1], mean.shape[1])
    share = (labels > 0).mean()
    assert (
        encoders.logistic_label_information(mean, var, labels, scale) <= stats.bernoulli(share).entropy() + 1e-4
    ).all()


# Independent paths


def mixture_information(mean: Array, var: Array) -> float:
    """I(Z; index) of m equally likely one-dimensional Gaussians, by quadrature of h(Z) - h(Z | index)."""
    nodes = np.linspace((mean - 9 * np.sqrt(var)).min(), (mean + 9 * np.sqrt(var)).max(), 20_001)
    p = stats.norm.pdf(nodes[:, None], mean, np.sqrt(var)).mean(axis=1)
    integrand = np.where(p > 0, -p * np.log(np.maximum(p, 1e-300)), 0)
    return float(integrate.simpson(integrand, x=nodes) - 0.5 * np.log(2 * np.pi * np.e * var).mean())


@FEW
@given(encoder())
def test_the_maximum_entropy_bound_is_above_the_information_itself(e: tuple[Array, Array, Array]) -> None:
    bounds = encoders.max_entropy_bound(e[0], e[1])
    for mean, var, bound in zip(e[0], e[1], bounds, strict=True):
        assert mixture_information(mean[:, 0], var) <= bound + 1e-6


def test_for_gaussian_inputs_every_bound_meets_the_channel_capacity() -> None:
    x = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    exact = 0.5 * math.log(1 + 1 / 0.3)
    mean, var = x[None, :, None], np.full((1, 2000), 0.3)
    assert_allclose(encoders.max_entropy_bound(mean, var), exact, rtol=2e-3)
    draws = [encoders.sample_bounds(mean, var, np.random.default_rng(s)) for s in range(5)]
    low, high = np.mean(draws, axis=0)[:, 0]
    error = 4 * np.std(draws, axis=0)[0, 0] / math.sqrt(5) + 2e-3
    assert low - error < exact < high + error
    assert_allclose(encoders.calibrated_label_information(mean, var, x), exact, rtol=2e-3)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_losses_by_sampling_members_and_labels(noise: float) -> None:
    rng, draws = np.random.default_rng(1), 20_000
    z = MEAN[:, None] + np.sqrt(VAR)[:, None, :, None] * rng.standard_normal((2, draws, 3, 2))
    y = TARGET + math.sqrt(noise) * rng.standard_normal((draws, 3, 2))
    gibbs = (0.5 * (y - z) ** 2 + 0.5 * LOG_2PI).sum(axis=-1).mean(axis=-1)
    bayes = -stats.norm.logpdf(y, MEAN[:, None], np.sqrt(1 + VAR)[:, None, :, None]).sum(axis=-1).mean(axis=-1)
    for sample, loss in ((gibbs, encoders.gibbs_loss), (bayes, encoders.bayes_loss)):
        error = 4 * sample.std(axis=1) / math.sqrt(draws) + 1e-12
        assert (np.abs(sample.mean(axis=1) - loss(MEAN, VAR, TARGET, noise_var=noise)) < error).all()


@FEW
@given(encoder())
def test_calibrated_information_is_that_of_the_best_decoder_found_by_regression(e: tuple[Array, Array, Array]) -> None:
    # Each (input, z) pair: y on z by least squares, z replaced by the two points mean +- sd that have its moments.
    for mean, var, out in zip(e[0], e[1], encoders.calibrated_label_information(*e), strict=True):
        z = np.concatenate([mean[:, 0] - np.sqrt(var.mean()), mean[:, 0] + np.sqrt(var.mean())])
        y = np.tile(e[2][:, 0], 2)
        fit = stats.linregress(z, y)
        assert_allclose(out, -0.5 * math.log(1 - fit.rvalue**2), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.5])
def test_logistic_information_by_adaptive_quadrature(scale: float) -> None:
    mean, var, labels = MEAN[:, :, :1], VAR / 2, [1, -1, 1]
    entropy = stats.bernoulli(1 / 3).entropy()
    out = encoders.logistic_label_information(mean, var, labels, scale)
    for t in range(2):
        loss = 0.0
        for m, v, y in zip(mean[t, :, 0], var[t], labels, strict=True):
            weight = stats.norm(m, math.sqrt(v)).pdf
            loss += integrate.quad(lambda z, y=y, w=weight: np.logaddexp(0, -2 * scale * y * z) * w(z), -20, 20)[0]
        assert_allclose(out[t], entropy - loss / 3, atol=1e-5)


def test_one_scale_for_each_time() -> None:
    mean, var, labels = MEAN[:, :, :1], VAR, [1, -1, 1]
    each = encoders.logistic_label_information(mean, var, labels, [0.3, 1.1])
    assert_allclose(each[1], encoders.logistic_label_information(mean, var, labels, 1.1)[1], rtol=1e-14)
    assert_allclose(each[0], encoders.logistic_label_information(mean, var, labels, 0.3)[0], rtol=1e-14)


@FEW
@given(encoder(outputs=None))
def test_the_divergence_is_the_mean_of_dense_gaussian_ones(e: tuple[Array, Array, Array]) -> None:
    mean, var, _ = e
    k = mean.shape[-1]
    prior = np.linspace(0.5, 2, mean.shape[1])
    dense = [
        np.mean([gaussian.kl(m, v * np.eye(k), np.zeros(k), p * np.eye(k)) for m, v, p in zip(*at, prior, strict=True)])
        for at in zip(mean, var, strict=True)
    ]
    assert_allclose(encoders.kl_to_prior(mean, var, prior), dense, rtol=1e-9, atol=1e-12)


def test_densities_agree_with_scipy_row_by_row() -> None:
    z = MEAN[1] + 0.3
    out = encoders.log_density(z, MEAN[0], VAR[0])
    for i in range(3):
        for j in range(3):
            expected = stats.multivariate_normal(MEAN[0, j], VAR[0, j] * np.eye(2)).logpdf(z[i])
            assert_allclose(out[i, j], expected, rtol=1e-12)


def test_scores_are_densities_of_one_draw_that_serves_every_time() -> None:
    drawn = list(encoders.scores(MEAN, VAR, np.random.default_rng(0)))
    noise = np.random.default_rng(0).standard_normal((3, 2))
    for t in range(2):
        z = MEAN[t] + np.sqrt(VAR[t])[:, None] * noise
        assert_array_equal(drawn[t], encoders.log_density(z, MEAN[t], VAR[t]))
    low, high = encoders.sample_bounds(MEAN, VAR, np.random.default_rng(0))
    assert_allclose(low[1], np.mean(np.diagonal(drawn[1]) - np.log(np.exp(drawn[1]).mean(axis=1))), rtol=1e-12)
    assert high[1] != low[1]


def test_output_entropy_agrees_with_scipy() -> None:
    expected = stats.norm(0, np.sqrt(VAR)).entropy().mean(axis=1)
    assert_allclose(encoders.output_entropy(VAR), expected, rtol=1e-12)


# Limits


def test_an_encoder_that_ignores_its_input_carries_nothing() -> None:
    mean, var, y = np.full((1, 4, 1), 2.5), np.full((1, 4), 0.3), [1, -1, 2, 0]
    assert_allclose(encoders.calibrated_label_information(mean, var, y), 0, atol=1e-15)
    assert_allclose(encoders.max_entropy_bound(mean, var), 0, atol=1e-15)
    assert_allclose(encoders.sample_bounds(mean, var, np.random.default_rng(0)), 0, atol=1e-14)
    assert_array_equal(encoders.calibrated_label_information(0 * mean, 0 * var, y), 0)


def test_the_fixed_decoder_is_below_zero_where_the_network_is_silent() -> None:
    # What an upper bound on I(Z;Y) could not be: the printed inequality is the other way round.
    fixed = gaussian.entropy([[2.445]]) - encoders.gibbs_loss([[[0.0]]], [[0.0]], [math.sqrt(2.445)])
    assert_allclose(fixed, -0.2754, atol=1e-3)


def test_a_silent_network_has_no_logistic_information_where_the_printed_axis_has_some() -> None:
    silent = np.zeros((1, 2, 1))
    assert_allclose(encoders.logistic_label_information(silent, silent[..., 0], [1, -1], 1.0), 0, atol=1e-15)
    assert_allclose(encoders.logistic_label_information(MEAN[:, :2, :1], VAR[:, :2], [1, -1], 0.0), 0, atol=1e-15)
    printed = math.log(2) - (encoders.gibbs_loss(silent, silent[..., 0], [1, -1]) - 0.5 * LOG_2PI)
    assert_allclose(printed, 0.193, atol=5e-4)


def test_sure_and_right_the_logistic_bound_is_all_entropy() -> None:
    out = encoders.logistic_label_information([[[40.0], [-40]]], [[0.01, 0.01]], [1, -1], 1.0)
    assert_allclose(out, math.log(2), rtol=1e-12)


def test_a_mean_that_is_the_label_without_noise_carries_infinitely_much() -> None:
    y = np.array([0.1, 0.2, 0.7])
    assert_array_equal(encoders.calibrated_label_information(y[None, :, None], np.zeros((1, 3)), y), np.inf)
    for seed in range(50):  # among them are some whose rho^2 comes out as 1 + 2e-16
        other = np.random.default_rng(seed).standard_normal(3)
        mean = (3 * other + 1)[None, :, None]
        assert (encoders.calibrated_label_information(mean, np.zeros((1, 3)), other) > 15).all()
    with_noise = encoders.calibrated_label_information(y[None, :, None], np.zeros((1, 3)), y, noise_var=1.0)
    assert_allclose(with_noise, 0.5 * math.log(1 + y.var()), rtol=1e-12)


def test_the_leave_one_out_bound_blows_up_where_the_others_saturate() -> None:
    mean, var = np.linspace(0, 1, 50)[None, :, None], np.full((1, 50), 1e-8)
    low, high = encoders.sample_bounds(mean, var, np.random.default_rng(0))
    assert_allclose(low, math.log(50))
    assert high > 1000
    assert low < encoders.max_entropy_bound(mean, var) < 10


@pytest.mark.parametrize("tiny", [1e-300, 1e-12])
def test_tiny_noise_gives_large_but_finite_information(tiny: float) -> None:
    out = encoders.max_entropy_bound(MEAN, np.full((2, 3), tiny))
    assert np.isfinite(out).all()
    assert_allclose(out - encoders.max_entropy_bound(MEAN, np.full((2, 3), 1e-13)), math.log(1e-13 / tiny), rtol=1e-6)


# Bad input: argument x rule

CALLS = {
    "gibbs_loss": lambda m, v, y: encoders.gibbs_loss(m, v, y),
    "bayes_loss": lambda m, v, y: encoders.bayes_loss(m, v, y),
    "calibrated_label_information": lambda m, v, y: encoders.calibrated_label_information(m, v, y),
    "logistic_label_information": lambda m, v, y: encoders.logistic_label_information(m, v, y, 1.0),
    "max_entropy_bound": lambda m, v, y: encoders.max_entropy_bound(m, v),
    "sample_bounds": lambda m, v, y: encoders.sample_bounds(m, v, np.random.default_rng(0)),
    "scores": lambda m, v, y: encoders.scores(m, v, np.random.default_rng(0)),
    "kl_to_prior": lambda m, v, y: encoders.kl_to_prior(m, v, 1.0),
}
GOOD = (np.zeros((2, 3, 1)), np.ones((2, 3)), np.array([1.0, -1, 1]))
ENCODER_RULES = [
    (0, np.zeros((2, 3)), r"mean has shape \(2, 3\) and var \(2, 3\); they must be \(T, m, k\) and \(T, m\)"),
    (0, np.zeros((2, 4, 1)), r"mean has shape \(2, 4, 1\) and var \(2, 3\)"),
    (0, np.full((2, 3, 1), np.nan), r"mean\[0, 0, 0\] is nan"),
    (0, np.zeros((2, 3, 0)), "mean is empty"),
    (1, np.ones(3), r"mean has shape \(2, 3, 1\) and var \(3,\)"),
    (1, np.ones((1, 3)), r"var \(1, 3\)"),
    (1, np.full((2, 3), np.inf), r"var\[0, 0\] is inf"),
]
LABEL_RULES = [
    (2, np.ones(4), r"y has shape \(4, 1\); for means of shape \(2, 3, 1\) it must be \(3, 1\)"),
    (2, np.ones((3, 2)), r"y has shape \(3, 2\)"),
    (2, 1.0, r"y has shape \(\)"),
    (2, [1, np.nan, 1], r"y\[1\] is nan"),
]
WITH_LABELS = [name for name in CALLS if "loss" in name or "label" in name]
MATRIX = [(name, *rule) for name in CALLS for rule in ENCODER_RULES]
MATRIX += [(name, *rule) for name in WITH_LABELS for rule in LABEL_RULES]


@pytest.mark.parametrize(("name", "argument", "bad", "words"), MATRIX)
def test_arrays_that_do_not_fit_together_are_refused(name: str, argument: int, bad: object, words: str) -> None:
    values = [*GOOD]
    values[argument] = bad
    with pytest.raises(BadInput, match=words):
        CALLS[name](*values)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: encoders.max_entropy_bound(GOOD[0], v),
        lambda v: encoders.sample_bounds(GOOD[0], v, np.random.default_rng(0)),
        lambda v: encoders.scores(GOOD[0], v, np.random.default_rng(0)),
        lambda v: encoders.kl_to_prior(GOOD[0], v, 1.0),
        lambda v: encoders.output_entropy(v),
    ],
)
@pytest.mark.parametrize(("low", "shown"), [(0.0, "0"), (-1e-9, "-1e-09")])
def test_an_encoder_without_noise_is_refused_where_information_would_be_infinite(
    call: Callable[..., Any], low: float, shown: str
) -> None:
    var = GOOD[1].copy()
    var[1, 2] = low
    with pytest.raises(BadInput, match=f"var reaches down to {shown}; these quantities are finite only where"):
        call(var)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: encoders.gibbs_loss(*GOOD, noise_var=-1), "noise_var is -1; it must be one number zero or above"),
        (lambda: encoders.bayes_loss(*GOOD, noise_var=np.nan), "noise_var is nan"),
        (lambda: encoders.calibrated_label_information(*GOOD, noise_var=-0.1), "noise_var is -0.1"),
        (
            lambda: encoders.calibrated_label_information(np.zeros((2, 3, 2)), GOOD[1], np.zeros((3, 2))),
            "mean has 2 outputs; the calibrated bound is for one output",
        ),
        (
            lambda: encoders.logistic_label_information(np.zeros((2, 3, 2)), GOOD[1], np.ones((3, 2)), 1),
            "the logistic bound is for one output and labels -1 and",
        ),
        (lambda: encoders.logistic_label_information(*GOOD[:2], [0, 1, 1], 1), "recode the labels"),
        (lambda: encoders.logistic_label_information(*GOOD, [1, 2, 3]), r"scale has shape \(3,\); .* each of 2 times"),
        (lambda: encoders.logistic_label_information(*GOOD, np.nan), "scale is nan"),
        (lambda: encoders.kl_to_prior(*GOOD[:2], 0.0), r"prior_var has shape \(\), minimum 0; it must be one variance"),
        (lambda: encoders.kl_to_prior(*GOOD[:2], [1, -1, 1]), r"prior_var has shape \(3,\), minimum -1"),
        (lambda: encoders.kl_to_prior(*GOOD[:2], [1, 1]), r"prior_var has shape \(2,\), minimum 1.*for each input"),
        (lambda: encoders.kl_to_prior(*GOOD[:2], np.nan), "prior_var is nan"),
        (lambda: encoders.output_entropy([[np.nan]]), r"var\[0, 0\] is nan"),
        (
            lambda: encoders.sample_bounds(np.zeros((1, 1, 1)), np.ones((1, 1)), np.random.default_rng(0)),
            "N pairs against each other, N >= 2",
        ),
    ],
)
def test_other_bad_input_is_named(call: Callable[..., Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()


# The information of a uniform mixture


def test_the_mixture_information_is_one_bit_for_two_distant_inputs_and_nothing_for_equal_ones() -> None:
    mean, var = np.array([[[-50.0], [50.0]], [[1.0], [1.0]]]), np.ones((2, 2))
    assert_allclose(encoders.mixture_information(mean, var), [np.log(2), 0], atol=1e-9)


def test_the_mixture_information_lies_between_the_bounds_and_agrees_with_a_finer_rule() -> None:
    rng = np.random.default_rng(4)
    mean, var = rng.standard_normal((3, 200, 1)), rng.uniform(0.05, 2, (3, 200))
    exact = encoders.mixture_information(mean, var)
    assert (exact <= encoders.max_entropy_bound(mean, var)).all()
    assert_allclose(exact, encoders.mixture_information(mean, var, nodes=9001), atol=1e-8)
    draws = [encoders.sample_bounds(mean, var, np.random.default_rng(i))[0] for i in range(40)]
    assert (np.abs(np.mean(draws, axis=0) - exact) < 4 * np.std(draws, axis=0) / np.sqrt(40)).all()


def test_a_mixture_too_narrow_for_its_nodes_is_refused() -> None:
    with pytest.raises(BadInput, match=r"200 nodes are .* apart but a spread is 0.001; ask for more nodes"):
        encoders.mixture_information([[[-1.0], [1.0]]], [[1e-6, 1e-6]], nodes=200)
    with pytest.raises(BadInput, match="mean has 2 outputs"):
        encoders.mixture_information(np.zeros((1, 3, 2)), np.ones((1, 3)))
