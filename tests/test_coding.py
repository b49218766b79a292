"""Code lengths: by hand, by enumeration, by sequential rules, by their laws, against scipy, and bad input."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW, SEEDS, distributions
from numpy.testing import assert_allclose
from scipy import optimize, special

from itdl import coding, entropy
from itdl.checks import Array, BadInput

DYADIC = [0.5, 0.25, 0.125, 0.125]


def messages(n: int, letters: int) -> list[tuple[int, ...]]:
    return list(itertools.product(range(letters), repeat=n))


def tally(x: tuple[int, ...], letters: int) -> list[int]:
    return [x.count(letter) for letter in range(letters)]


# Words


def test_four_words_by_hand() -> None:
    lengths = coding.shannon_lengths(DYADIC)
    assert lengths.tolist() == [1, 2, 3, 3]
    assert coding.kraft(lengths) == 1
    assert coding.prefix_code(lengths) == ["0", "10", "110", "111"]
    assert coding.prefix_code([3, 1, 3, 2]) == ["110", "0", "111", "10"]
    assert coding.prefix_code([4]) == ["0000"]


@LAW
@given(distributions())
def test_shannon_words_exist_and_cost_less_than_a_bit_too_much(p: Array) -> None:
    p = p[p > 0] / p[p > 0].sum()
    lengths = coding.shannon_lengths(p)
    # Tiny probabilities round away beside a sum of one, and the sum of their words with them.
    assert coding.kraft(np.maximum(lengths, 1)) <= 1 + 1e-9
    if (lengths >= 1).all() and p.min() > 1e-9:
        words = coding.prefix_code(lengths)
        assert [len(word) for word in words] == lengths.tolist()
        assert not any(b.startswith(a) for a, b in itertools.permutations(words, 2))
    h = entropy.bits(entropy.entropy(p))
    assert h - 1e-9 <= p @ lengths < h + 1


def test_a_power_of_two_is_not_rounded_up() -> None:
    for k in range(1, 50):
        assert coding.shannon_lengths([2.0**-k, 1 - 2.0**-k])[0] == k


# Lengths of messages


def test_lengths_by_hand() -> None:
    assert_allclose(coding.code_lengths([0, 1], [[0.5, 0.5], [0.9, 0.1]]), [math.log(2), math.log(10)])
    assert_allclose(coding.code_lengths([0, 1, 1], [0.25, 0.75]), -np.log([0.25, 0.75, 0.75]))
    assert coding.code_lengths([1], [1.0, 0.0]) == [np.inf]


@LAW
@given(SEEDS, distributions(4))
def test_the_mean_length_is_the_cross_entropy_with_the_frequencies(seed: int, q: Array) -> None:
    x = np.random.default_rng(seed).integers(4, size=50)
    frequencies = np.bincount(x, minlength=4) / 50
    with np.errstate(invalid="ignore"):
        assert_allclose(coding.code_lengths(x, q).mean(), entropy.cross_entropy(frequencies, q), rtol=1e-12)


def test_hindsight_is_the_least_over_all_fixed_probabilities() -> None:
    counts = np.array([7, 2, 1])
    grid = np.array([(a, b, 1 - a - b) for a in np.arange(0.01, 1, 0.01) for b in np.arange(0.01, 1 - a, 0.01)])
    lengths = -np.log(np.maximum(grid, 1e-9)) @ counts
    assert_allclose(coding.hindsight(counts), lengths.min(), rtol=1e-12)
    assert_allclose(grid[lengths.argmin()], counts / 10, atol=1e-9)
    assert_allclose(coding.hindsight([10, 0, 0]), 0, atol=1e-12)
    assert coding.hindsight([0, 0]) == 0


@pytest.mark.parametrize("add", [0.5, 1.0, 0.1])
@pytest.mark.parametrize("letters", [2, 3])
def test_the_mixture_is_the_sequential_rule_and_sums_to_one(add: float, letters: int) -> None:
    total = 0.0
    for x in messages(5, letters):
        k, p = np.zeros(letters), 1.0
        for letter in x:
            p *= (k[letter] + add) / (k.sum() + add * letters)
            k[letter] += 1
        assert_allclose(coding.mixture_length(tally(x, letters), add), -math.log(p), rtol=1e-12)
        assert_allclose(coding.online_lengths(x, letters, add=add).sum(), -math.log(p), rtol=1e-12)
        total += p
    assert_allclose(total, 1, rtol=1e-12)


def test_the_first_letters_of_krichevsky_and_trofimov_by_hand() -> None:
    # 1/2, then (1/2)/2, then (3/2)/3
    assert_allclose(np.exp(-coding.online_lengths([0, 1, 0], 2)), [1 / 2, 1 / 4, 1 / 2])


def test_the_mixture_is_an_average_over_coins() -> None:
    """KT is the average of p^k (1 - p)^(n - k) over the arcsine law, Laplace that over the uniform law."""
    p = (np.arange(200_000) + 0.5) / 200_000
    uniform = (p**3 * (1 - p) ** 2).mean()
    arcsine = (np.sin(np.pi * p / 2) ** 6 * np.cos(np.pi * p / 2) ** 4).mean()
    assert_allclose(coding.mixture_length([3, 2], 1.0), -math.log(uniform), rtol=1e-6)
    assert_allclose(coding.mixture_length([3, 2], 0.5), -math.log(arcsine), rtol=1e-6)


# Regret


@pytest.mark.parametrize(("n", "letters"), [(1, 2), (6, 2), (5, 3), (4, 4), (3, 6), (4, 1)])
def test_the_shtarkov_sum_by_listing_every_message(n: int, letters: int) -> None:
    best = [math.exp(-coding.hindsight(tally(x, letters))) for x in messages(n, letters)]
    assert_allclose(coding.shtarkov(n, letters), math.log(sum(best)), rtol=1e-10, atol=1e-12)


def test_no_code_has_a_smaller_worst_regret_than_shtarkov_and_one_has_it() -> None:
    lengths = coding.hindsight([tally(x, 2) for x in messages(6, 2)]) + coding.shtarkov(6)
    assert_allclose(np.exp(-lengths).sum(), 1, rtol=1e-12)  # a code of constant regret exists; any other has a larger
    for add in (0.1, 0.3, 0.5, 1.0, 2.0):
        worst = max(float(coding.regret(tally(x, 2), add)) for x in messages(6, 2))
        assert worst >= coding.shtarkov(6) - 1e-12


@pytest.mark.parametrize(("n", "nml", "kt", "middle"), [(10, 2.2204, 2.5047, 2.0227), (1000, 5.3328, 5.8088, 5.3090)])
def test_regrets_in_bits(n: int, nml: float, kt: float, middle: float) -> None:
    k = np.arange(n + 1)
    counts = np.stack([k, n - k], axis=-1)
    assert_allclose(entropy.bits(coding.shtarkov(n)), nml, atol=5e-5)
    assert_allclose(entropy.bits(coding.regret(counts, 0.5).max()), kt, atol=5e-5)
    assert_allclose(entropy.bits(coding.regret([n // 2, n - n // 2], 0.5)), middle, atol=5e-5)
    assert_allclose(coding.regret(counts, 1.0).max(), math.log(n + 1), rtol=1e-12)


def test_large_alphabets_do_not_overflow() -> None:
    assert 0 < coding.shtarkov(10**5, 500) < 500 * math.log(10**5)


# Contexts


def test_contexts_by_counting() -> None:
    x = np.random.default_rng(1).integers(3, size=300)
    for order in (0, 1, 2, 3):
        padded, expected = [0] * order + x.tolist(), []
        visits: Counter[tuple[int, ...]] = Counter()
        pairs: Counter[tuple[tuple[int, ...], int]] = Counter()
        for t, letter in enumerate(x.tolist()):
            context = tuple(padded[t : t + order])
            expected.append(math.log((visits[context] + 0.9) / (pairs[context, letter] + 0.3)))
            visits[context] += 1
            pairs[context, letter] += 1
        assert_allclose(coding.online_lengths(x, 3, order=order, add=0.3), expected, rtol=1e-12)


def test_a_known_alternation_costs_the_logarithm_of_its_length_alone() -> None:
    x = np.tile([0, 1], 500)
    nats = coding.online_lengths(x, 2, order=1)
    # The zeros before the stretch make one exception: its first 0 follows a 0.
    assert_allclose(nats.sum(), coding.mixture_length([[1, 500], [499, 0]], 0.5).sum(), rtol=1e-12)
    assert coding.online_lengths(x, 2).sum() > 600


# Temperature


@LAW
@given(SEEDS, st.floats(0.1, 10))
def test_tempered_is_the_softmax_of_scipy(seed: int, temperature: float) -> None:
    z = np.random.default_rng(seed).standard_normal((3, 4)) * 30
    assert_allclose(coding.tempered(z, temperature), special.softmax(z / temperature, axis=-1), rtol=1e-10, atol=1e-300)


def test_temperature_has_its_limits() -> None:
    z = [1.0, 2.0, 0.0]
    assert_allclose(coding.tempered(z, 1e9), [1 / 3] * 3, rtol=1e-8)
    assert_allclose(coding.tempered(z, 1e-3), [0, 1, 0], atol=1e-12)
    assert_allclose(coding.tempered([1e4, 0.0], 1.0), [1, 0])


def test_the_gradient_of_a_length_is_prediction_minus_fact() -> None:
    z, step = np.array([0.3, -1.0, 2.0]), 1e-6
    lengths = [coding.code_lengths([1], coding.tempered(z + d, 1.0))[0] for d in step * np.eye(3)]
    slope = (np.array(lengths) - coding.code_lengths([1], coding.tempered(z, 1.0))[0]) / step
    assert_allclose(slope, coding.tempered(z, 1.0) - [0, 1, 0], atol=1e-5)


@LAW
@given(SEEDS)
def test_the_best_temperature_is_where_a_search_finds_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((200, 4)) * 3
    y = (rng.random((200, 1)) > np.cumsum(coding.tempered(z, 2.0), axis=1)).sum(axis=1).clip(0, 3)
    found = coding.best_temperature(z, y)

    def length(log_t: float) -> float:
        return float(coding.code_lengths(y, coding.tempered(z, math.exp(log_t))).sum())

    assert length(math.log(found)) <= optimize.minimize_scalar(length, bounds=(-5, 5), method="bounded").fun + 1e-9
    assert coding.best_temperature(5 * z, y) == pytest.approx(5 * found, rel=1e-9)


# Bad input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: coding.code_lengths([2], [0.5, 0.5]), "symbols must be whole numbers from 0 to 1"),
        (lambda: coding.code_lengths([-1], [0.5, 0.5]), "symbols must be whole numbers from 0 to 1"),
        (lambda: coding.code_lengths([0.5], [0.5, 0.5]), "symbols must be whole numbers from 0 to 1"),
        (lambda: coding.code_lengths([0, 1], [[0.5, 0.5]]), r"q has shape \(1, 2\) for symbols of shape \(2,\)"),
        (lambda: coding.code_lengths([[0]], [[0.5, 0.5]]), "give one row for each, or one row"),
        (lambda: coding.code_lengths([0], [0.5, 0.6]), "q sums to 1 only within 0.1"),
        (lambda: coding.shannon_lengths([1.0, 0.0]), "p has a zero; a letter that never comes has no word"),
        (lambda: coding.kraft([0, 1]), "lengths must be a list of whole numbers of bits"),
        (lambda: coding.kraft([1.5]), "lengths must be a list of whole numbers of bits"),
        (lambda: coding.kraft([[1]]), "lengths must be a list of whole numbers of bits"),
        (lambda: coding.prefix_code([1, 1, 2]), "have a Kraft sum of 1.25; no prefix code has more than 1"),
        (lambda: coding.hindsight([-1, 2]), "counts must be whole numbers, none negative"),
        (lambda: coding.hindsight([0.5]), "counts must be whole numbers"),
        (lambda: coding.hindsight(3), "counts must be whole numbers"),
        (lambda: coding.mixture_length([1, 2], 0), "add is 0; it must be one number above zero"),
        (lambda: coding.shtarkov(0), "n is 0; it must be a whole number above zero"),
        (lambda: coding.shtarkov(5, 0), "letters is 0; it must be a whole number above zero"),
        (lambda: coding.shtarkov(2.5), "n is 2.5; it must be a whole number above zero"),  # type: ignore[arg-type]
        (lambda: coding.online_lengths([0, 1], 2, order=-1), r"shape \(2,\) and order is -1; pass one row"),
        (lambda: coding.online_lengths([[0, 1]], 2), r"symbols have shape \(1, 2\)"),
        (lambda: coding.online_lengths([0, 2], 2), "symbols must be whole numbers from 0 to 1"),
        (lambda: coding.online_lengths([0], 2, add=0), "add is 0"),
        (lambda: coding.tempered([1, 2], 0), "temperature is 0; it must be one number above zero"),
        (lambda: coding.tempered(3, 1), "logits is a single number"),
        (lambda: coding.tempered([np.inf, 0], 1), "not finite"),
        (lambda: coding.best_temperature([[1.0, 0.0]], [0]), "no temperature between 0.001 and 1000 is best"),
        (lambda: coding.best_temperature([[1.0, 0.0]], [1]), "no temperature between 0.001 and 1000 is best"),
        (lambda: coding.best_temperature([[1.0, 0.0]], [0, 1]), r"shape \(1, 2\) for labels of shape \(2,\)"),
        (lambda: coding.best_temperature([1.0, 0.0], [0, 1]), "give one row for each label"),
        (lambda: coding.best_temperature([[1.0, 0.0]], [2]), "labels must be whole numbers from 0 to 1"),
    ],
)
def test_bad_input_is_refused_by_name(call: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()  # type: ignore[operator]
