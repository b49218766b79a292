"""The compressor: lengths against their ideal, there and back, learning models on both sides, and every refusal."""

import struct
from dataclasses import dataclass, field

import constriction
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW, SEEDS

from itdl import compressor
from itdl.checks import Array, BadInput, DataError


def task(seed: int = 0, n: int = 2000, letters: int = 6) -> tuple[np.ndarray, Array]:
    """Rows of probabilities and one symbol drawn from each."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(letters, 0.5), n) * 0.99 + 0.01 / letters
    return np.array([rng.choice(letters, p=row / row.sum()) for row in rows]), rows


@dataclass
class Counts:
    """Laplace's rule for every place in a step on its own."""

    width: int
    letters: int
    counts: Array = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.ones((self.width, self.letters))

    def predict(self) -> Array:
        return np.asarray(self.counts / self.counts.sum(axis=1, keepdims=True))

    def update(self, symbols: np.ndarray) -> None:
        self.counts[np.arange(self.width), symbols] += 1


# Lengths


@pytest.mark.parametrize("seed", range(5))
def test_the_length_is_the_ideal_one_and_at_most_two_words(seed: int) -> None:
    x, rows = task(seed, n=20_000)
    ideal = -np.log2(rows[np.arange(len(x)), x]).sum()
    assert 0 <= compressor.payload_bits(compressor.encode(x, rows)) - ideal <= 64


def test_a_table_that_lies_column_by_column_in_memory_costs_the_same() -> None:
    x, rows = task()
    lying = np.asfortranarray(rows)
    assert compressor.encode(x, lying) == compressor.encode(x, rows)
    assert (compressor.decode(compressor.encode(x, rows), lying) == x).all()


def test_a_certain_message_costs_one_word_and_an_unlikely_one_what_it_should() -> None:
    rows = np.tile([1 - 1e-5, 1e-5], (1000, 1))
    assert compressor.payload_bits(compressor.encode(np.zeros(1000), rows)) == 32
    unlikely = compressor.payload_bits(compressor.encode(np.ones(1000), rows))
    assert unlikely == pytest.approx(1e3 * np.log2(1e5), rel=0.01)


def test_no_symbol_costs_more_than_some_24_bits() -> None:
    rows = np.tile([1 - 1e-30, 1e-30], (1000, 1))
    assert 20e3 < compressor.payload_bits(compressor.encode(np.ones(1000), rows)) < 25e3


def test_the_header_has_its_documented_fields() -> None:
    x, rows = task(n=10)
    data = compressor.encode(x, rows)
    assert compressor.HEADER_BYTES == 28
    assert struct.unpack("<4sIQI", data[:20]) == (b"ITRC", 6, 10, 1)
    assert compressor.payload_bits(data) == 8 * (len(data) - 28)


# There and back


@LAW
@given(SEEDS, st.integers(1, 200), st.integers(2, 9))
def test_what_is_encoded_is_decoded(seed: int, n: int, letters: int) -> None:
    x, rows = task(seed, n, letters)
    assert (compressor.decode(compressor.encode(x, rows), rows) == x).all()


def test_the_words_are_those_of_a_plain_range_coder() -> None:
    x, rows = task()
    words = np.frombuffer(compressor.encode(x, rows)[28:], dtype="<u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    assert (decoder.decode(constriction.stream.model.Categorical(perfect=False), rows) == x).all()


@LAW
@given(SEEDS, st.integers(1, 50), st.integers(1, 5), st.integers(2, 5))
def test_a_learning_model_is_replayed(seed: int, steps: int, width: int, letters: int) -> None:
    x = np.random.default_rng(seed).integers(letters, size=(steps, width))
    data = compressor.compress(x, Counts(width, letters))
    assert (compressor.decompress(data, Counts(width, letters)) == x).all()


def test_a_learning_model_pays_what_it_predicted() -> None:
    x = np.random.default_rng(3).choice(4, p=[0.7, 0.2, 0.05, 0.05], size=(3000, 2))
    model, ideal = Counts(2, 4), 0.0
    for step in x:
        ideal -= np.log2(model.predict()[[0, 1], step]).sum()
        model.update(step)
    assert 0 <= compressor.payload_bits(compressor.compress(x, Counts(2, 4))) - ideal <= 64


def test_nothing_is_changed() -> None:
    x, rows = task(n=50)
    before = x.copy(), rows.copy()
    data = compressor.encode(x, rows)
    compressor.decode(data, rows)
    assert (x == before[0]).all()
    assert (rows == before[1]).all()


# Refusals


def test_every_damaged_byte_is_noticed() -> None:
    x, rows = task(n=30)
    data = compressor.encode(x, rows)
    for i in range(len(data)):
        with pytest.raises(DataError, match=r"damaged|do not begin"):
            compressor.decode(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :], rows)


def test_every_missing_tail_is_noticed() -> None:
    x, rows = task(n=30)
    data = compressor.encode(x, rows)
    for cut in range(len(data)):
        with pytest.raises(DataError, match=r"cut short or damaged; take a fresh copy|do not begin"):
            compressor.decode(data[:cut], rows)
    with pytest.raises(DataError, match="cut short or damaged"):
        compressor.decode(data + b"\0" * 4, rows)


def test_damage_is_noticed_before_a_model_is_asked() -> None:
    data = compressor.compress(np.zeros((5, 2)), Counts(2, 3))
    with pytest.raises(DataError, match="cut short or damaged"):
        compressor.decompress(data[:-1], Counts(2, 3))


def test_another_model_is_noticed() -> None:
    x, rows = task()
    off = rows * 0.999 + 0.001 / 6
    with pytest.raises(DataError, match="not the one that was coded: the probabilities differ"):
        compressor.decode(compressor.encode(x, rows), off)


@pytest.mark.parametrize("steps", [30, 2000])
def test_a_model_that_starts_from_elsewhere_is_noticed(steps: int) -> None:
    x, _ = task()
    for letter in range(6):
        learned = Counts(1, 6)
        learned.counts[0, letter] += 50
        with pytest.raises(DataError, match="use the same model, from the same start"):
            compressor.decompress(compressor.compress(x[:steps, None], Counts(1, 6)), learned)


def test_a_zero_is_refused_even_where_its_symbol_does_not_occur() -> None:
    with pytest.raises(BadInput, match=r"probabilities\[1, 0\] is 0; no code word is long enough"):
        compressor.encode([0, 1], [[0.5, 0.5], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0.5, 0.4]], "sums to 1 only within 0.1"),
        ([[1.5, -0.5]], "probabilities cannot be negative"),
        ([[np.nan, 0.5]], "not finite"),
        ([0.5, 0.5], "must be a matrix"),
        ([[[0.5, 0.5]]], r"shape \(1, 1, 2\); they must be \(symbols, letters\)"),
        ([[1.0]], "two letters at least"),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(rows: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        compressor.encode([0], rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("symbols", [[2], [-1], [0.5]])
def test_what_is_no_symbol_is_refused(symbols: list[float]) -> None:
    with pytest.raises(BadInput, match="symbols must be whole numbers from 0 to 1"):
        compressor.encode(symbols, [[0.5, 0.5]])


def test_shapes_that_do_not_match_are_refused() -> None:
    half = [[0.5, 0.5]]
    with pytest.raises(BadInput, match=r"symbols have shape \(2,\) with 1 rows"):
        compressor.encode([0, 1], half)
    with pytest.raises(BadInput, match=r"symbols have shape \(1, 1\) with 1 rows"):
        compressor.encode([[0]], half)
    with pytest.raises(BadInput, match=r"probabilities have shape \(2, 2\); this message needs \(1, 2\)"):
        compressor.decode(compressor.encode([0], half), half * 2)
    with pytest.raises(BadInput, match=r"shape \(3,\); it must be \(steps, symbols in a step\)"):
        compressor.compress([0, 1, 0], Counts(1, 2))
    with pytest.raises(BadInput, match="none of them empty"):
        compressor.compress(np.zeros((0, 2)), Counts(2, 2))
    with pytest.raises(BadInput, match="predicts 2 symbols in a step; this message has 1"):
        compressor.compress([[0], [1]], Counts(2, 2))
    data = compressor.compress([[0], [1]], Counts(1, 2))
    with pytest.raises(BadInput, match="the model predicts 3 letters; this message was coded with 2"):
        compressor.decompress(data, Counts(1, 3))
    with pytest.raises(BadInput, match="predicts 2 symbols in a step"):
        compressor.decompress(data, Counts(2, 2))
