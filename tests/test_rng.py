"""Named streams: fixed by seed and names alone, different for every other name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW, SEEDS
from numpy.testing import assert_array_equal

from itdl import rng
from itdl.checks import BadInput

GOLDEN_NUMPY = [286, 802, 481]
GOLDEN_TORCH = [553, 386, 412]
NAMES = st.lists(st.one_of(st.integers(-5, 5), st.text("ab", max_size=3)), max_size=3).map(tuple)


def test_streams_are_what_they_were_when_the_book_was_made() -> None:
    # Golden: a change here changes every number in the book.
    assert rng.stream(7, "teacher", 3).integers(1000, size=3).tolist() == GOLDEN_NUMPY
    torch_draw = torch.randint(1000, (3,), generator=rng.torch_stream(7, "teacher", 3))
    assert torch_draw.tolist() == GOLDEN_TORCH


@LAW
@given(SEEDS, NAMES)
def test_the_same_names_give_the_same_numbers(seed: int, names: tuple[str | int, ...]) -> None:
    assert_array_equal(rng.stream(seed, *names).random(4), rng.stream(seed, *names).random(4))


@LAW
@given(SEEDS, NAMES, NAMES)
def test_other_names_give_other_numbers(seed: int, one: tuple[str | int, ...], two: tuple[str | int, ...]) -> None:
    same = bool((rng.stream(seed, *one).random(4) == rng.stream(seed, *two).random(4)).all())
    assert same == (one == two)


def test_number_and_text_order_and_grouping_of_names_matter() -> None:
    draws = [
        rng.stream(*key).random()
        for key in [(1, 2), (1, "2"), (2, 1), (1,), (1, "a", "b"), (1, "b", "a"), (1, "ab"), (1, "a", "b", "")]
    ]
    assert len(set(draws)) == len(draws)


def test_whole_numbers_of_numpy_name_the_same_stream_as_those_of_python() -> None:
    assert rng.stream(np.int64(5), np.int32(3)).random() == rng.stream(5, 3).random()


def test_drawing_from_one_stream_moves_no_other() -> None:
    untouched = rng.stream(0, "b").random()
    rng.stream(0, "a").random(1000)
    assert rng.stream(0, "b").random() == untouched


def test_neighbouring_streams_are_uncorrelated() -> None:
    draws = np.stack([rng.stream(0, "unit", i).standard_normal(4000) for i in range(10)])
    off = np.corrcoef(draws)[~np.eye(10, dtype=bool)]
    assert np.abs(off).max() < 4.5 / np.sqrt(4000)
    assert abs(draws.mean()) < 4 / np.sqrt(draws.size)


def test_no_global_generator_is_touched() -> None:
    before = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    rng.stream(0, "a").random()
    torch.rand(3, generator=rng.torch_stream(0, "a"))
    assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert_array_equal(torch.random.get_rng_state(), before[1])


def test_torch_streams_follow_seed_and_names_too() -> None:
    def draw(*key: str | int) -> float:
        return float(torch.rand(1, generator=rng.torch_stream(*key)))

    assert draw(3, "w") == draw(3, "w")
    assert len({draw(3, "w"), draw(4, "w"), draw(3, "v"), draw(3, "w", 0)}) == 4


@pytest.mark.parametrize("seed", [-1, 1.5, True, "7", None, np.float64(3)])
@pytest.mark.parametrize("make", [rng.stream, rng.torch_stream])
def test_a_seed_that_is_no_whole_number_is_refused(make: Callable[..., Any], seed: object) -> None:
    with pytest.raises(BadInput, match=r"seed is .*; it must be a whole number, zero or above"):
        make(seed, "a")
