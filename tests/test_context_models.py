"""The model that counts: by hand, as a distribution, its two roads, learning what can be learned, and bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW, SEEDS
from numpy.testing import assert_allclose

from itdl import compressor
from itdl.checks import BadInput
from itdl.context_models import ContextModel, context_lengths


def walked(x: np.ndarray, letters: int, order: int, discount: float) -> np.ndarray:
    model, nats = ContextModel(letters, order, discount), []
    for symbol in x:
        p = model.predict()
        assert p.shape == (1, letters)
        assert_allclose(p.sum(), 1, rtol=1e-12)
        assert (p > 0).all()
        nats.append(-np.log(p[0, symbol]))
        model.update(np.array([symbol]))
    return np.array(nats)


def test_three_letters_by_hand() -> None:
    model = ContextModel(2, 1, 0.5)
    assert_allclose(model.predict(), [[0.5, 0.5]])
    model.update(np.array([1]))  # after a 0: a new letter, so it counts in both orders
    # order 0: 1 seen once: (1 - d)/1 + d 1/2 = 0.75; the context 1 was never seen
    assert_allclose(model.predict(), [[0.25, 0.75]])
    model.update(np.array([0]))
    # order 0 is even again; after 0 came 1 once: (1 - d) + d/2
    assert_allclose(model.predict(), [[0.25, 0.75]])
    model.update(np.array([1]))  # known after a 0: counted there alone
    model.update(np.array([0]))
    # order 0 still has one of each; after 0 came 1 twice: (2 - d + d/2)/2
    assert_allclose(model.predict(), [[0.125, 0.875]])


@LAW
@given(SEEDS, st.integers(2, 5), st.integers(0, 4), st.sampled_from([0.25, 0.5, 0.75]))
def test_both_roads_agree_and_are_distributions(seed: int, letters: int, order: int, discount: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(letters, size=80) * (rng.random(80) < 0.7)
    assert_allclose(context_lengths(x, letters, order, discount), walked(x, letters, order, discount), rtol=1e-12)


def test_a_repeated_stretch_costs_little_and_noise_what_it_must() -> None:
    rng = np.random.default_rng(1)
    once = rng.integers(8, size=500)
    again = np.tile(once, 10)
    assert context_lengths(again, 8, 6)[600:].mean() < 0.05 * np.log(8)
    assert context_lengths(rng.integers(8, size=5000), 8, 6).mean() > np.log(8)


def test_with_long_memory_a_chain_costs_its_entropy_rate() -> None:
    flips = np.random.default_rng(2).random(20_000) < 0.1
    x = np.cumsum(flips) % 2
    rate = -0.1 * np.log(0.1) - 0.9 * np.log(0.9)
    assert_allclose(context_lengths(x, 2, 1).mean(), rate, rtol=0.03)
    assert context_lengths(x, 2, 0).mean() > 2 * rate


def test_it_compresses_and_is_replayed() -> None:
    x = np.tile(np.random.default_rng(3).integers(5, size=40), 20)[:, None]
    data = compressor.compress(x, ContextModel(5, 3))
    assert (compressor.decompress(data, ContextModel(5, 3)) == x).all()
    ideal = context_lengths(x[:, 0], 5, 3).sum() / np.log(2)
    assert 0 <= compressor.payload_bits(data) - ideal <= 64


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((1, 2, 0.5), "letters is 1; it must be a whole number, 2 or more"),
        ((2, -1, 0.5), "order is -1; it must be a whole number, 0 or more"),
        ((2, 1.5, 0.5), "order is 1.5"),
        ((2, 1, 1.0), "discount is 1.0; it must lie between 0 and 1"),
        ((2, 1, 0.0), "discount is 0.0"),
    ],
)
def test_bad_settings_are_refused(settings: tuple[int, int, float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        ContextModel(*settings)
    with pytest.raises(BadInput, match=words):
        context_lengths([0, 1], *settings)


@pytest.mark.parametrize("x", [[2], [-1], [0.5], [[0]]])
def test_bad_symbols_are_refused(x: list[float]) -> None:
    with pytest.raises(BadInput, match="symbols must be one row of whole numbers from 0 to 1"):
        context_lengths(x, 2, 1)
