"""Zipf keys with one stored bit each: sums over infinitely many keys by brute force, by simulation, by their laws."""

import math

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl.checks import BadInput
from itdl.zipf_bits import ZipfBits

ALPHAS = [0.3, 0.5, 1.0, 2.5]
FIRST = 1_000_000


def rest(alpha: float) -> float:
    """Probability of the keys beyond FIRST, by the integral that Euler and Maclaurin start from."""
    return (FIRST + 0.5) ** -alpha / alpha / float(mpmath.zeta(1 + alpha))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_keys_have_a_normalised_power_law(alpha: float) -> None:
    p = ZipfBits(alpha).p(FIRST)
    assert_allclose(p.sum() + rest(alpha), 1, rtol=1e-9)
    assert_allclose(p[0] / p[7], 8 ** (1 + alpha), rtol=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_entropy_against_the_zeta_function_in_high_precision(alpha: float) -> None:
    s = mpmath.mpf(1 + alpha)
    exact = mpmath.log(mpmath.zeta(s)) - s * mpmath.zeta(s, derivative=1) / mpmath.zeta(s)
    assert_allclose(ZipfBits(alpha).entropy(), float(exact), rtol=1e-11)
    assert_allclose(ZipfBits(alpha, chance=1.5).entropy(), float(exact) + 1.5, rtol=1e-11)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("n", [0, 1, 2, 37, 1000, 30_000])
def test_what_is_unlearned_against_a_million_keys(alpha: float, n: int) -> None:
    source = ZipfBits(alpha)
    p = source.p(FIRST)
    # Keys beyond the millionth are unseen but for a share n p of them.
    bound = 1e-10 + n * p[-1] * rest(alpha)
    assert_allclose(source.unlearned(n), math.log(2) * (np.sum(p * (1 - p) ** n) + rest(alpha)), atol=bound, rtol=0)
    different = np.sum(1 - (1 - p) ** n) + n * rest(alpha)
    assert_allclose(source.block_excess(n), math.log(2) * different, atol=n * bound, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_the_excess_of_a_block_is_the_sum_of_what_was_unlearned(alpha: float) -> None:
    """The chain rule: I(X_1..X_n; Z) = sum over symbols of what each one taught."""
    source = ZipfBits(alpha)
    assert_allclose(source.block_excess(60), source.unlearned(np.arange(60)).sum(), rtol=1e-9)


def test_what_is_forgotten_by_hand() -> None:
    # alpha = 1: zeta(2) = pi^2/6, so sum_{k > 2} p_k = 1 - 6/pi^2 (1 + 1/4)
    assert_allclose(ZipfBits(1.0).forgotten([0, 2]), [math.log(2), math.log(2) * (1 - 7.5 / math.pi**2)], rtol=1e-12)


def test_the_joint_excess_has_the_two_curves_as_its_limits() -> None:
    source = ZipfBits(0.7)
    p = source.p(3)
    assert_allclose(source.excess(3, 5), source.forgotten(3) + math.log(2) * np.sum(p * (1 - p) ** 5), rtol=1e-12)
    assert_allclose(source.excess([10, 300], 10**7), source.forgotten([10, 300]), rtol=1e-6)
    assert_allclose(source.excess(10**6, [10, 300]), source.unlearned([10, 300]), rtol=1e-3)
    assert_allclose(source.excess([[0], [4]], [0, 8]), [[math.log(2)] * 2, [math.log(2), source.excess(4, 8)]])


@pytest.mark.parametrize("alpha", [0.3, 0.5, 1.0])
def test_the_exponents_of_the_limit(alpha: float) -> None:
    source, far = ZipfBits(alpha), np.array([1e7, 2e7])
    slope = np.log2(source.forgotten(far)[1] / source.forgotten(far)[0])
    assert_allclose(slope, -alpha, atol=1e-6)
    far = np.array([1e5, 2e5])
    assert_allclose(np.log2(source.unlearned(far)[1] / source.unlearned(far)[0]), -alpha / (1 + alpha), atol=2e-3)
    assert_allclose(np.log2(source.block_excess(far)[1] / source.block_excess(far)[0]), 1 / (1 + alpha), atol=2e-2)


def test_simulated_predictors_pay_what_is_unlearned() -> None:
    source, rng = ZipfBits(0.6), np.random.default_rng(4)
    n, runs = 200, 2000
    unseen, different = np.empty(runs), np.empty(runs)
    for run in range(runs):
        keys, bits = source.sample(rng, n + 1)
        p = source.conditional(keys[:n], bits[:n], keys[n:])
        unseen[run] = -math.log(p[0] if bits[n] else 1 - p[0])
        different[run] = len(np.unique(keys[:n])) * math.log(2)
    for found, exact in ((unseen, source.unlearned(n)), (different, source.block_excess(n))):
        assert abs(found.mean() - exact) < 4 * found.std() / runs**0.5


def test_a_key_always_brings_its_bit() -> None:
    keys, bits = ZipfBits(1.0).sample(np.random.default_rng(0), 5000)
    assert keys.min() == 1
    for key in (1, 2, 3):
        assert len(set(bits[keys == key])) == 1
    assert 0.4 < bits[np.unique(keys, return_index=True)[1]].mean() < 0.6
    assert_allclose((keys == 1).mean(), 6 / math.pi**2, atol=0.03)


def test_the_predictor_knows_what_it_saw() -> None:
    assert_allclose(ZipfBits(1.0).conditional([3, 5, 3], [1, 0, 1], [3, 5, 4]), [1, 0, 0.5])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ZipfBits(0.0), "alpha is 0.0; it must be one number above zero"),
        (lambda: ZipfBits(np.nan), "alpha is nan"),
        (lambda: ZipfBits(1.0, chance=-1), "chance is -1; it must be one number zero or above"),
        (lambda: ZipfBits(1.0).unlearned([1, -2]), "n must be whole numbers, zero or above; -2 to 1 were given"),
        (lambda: ZipfBits(1.0).unlearned(1.5), "n must be whole numbers"),
        (lambda: ZipfBits(1.0).block_excess(-1), "n must be whole numbers"),
        (lambda: ZipfBits(1.0).forgotten(0.5), "stored must be whole numbers"),
        (lambda: ZipfBits(1.0).excess(2, -1), "n must be whole numbers"),
        (lambda: ZipfBits(0.1).unlearned(1e9), "needs .* keys one by one; take a smaller n"),
        (lambda: ZipfBits(1.0).sample(np.random.default_rng(0), 0), "n is 0; it must be a whole number above zero"),
    ],
)
def test_bad_input_is_named(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=words):
        call()
