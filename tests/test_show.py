"""Printed numbers: rounded, stable, the same on every machine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW

from itdl.show import number, show, table


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        (0.4471, 3, "0.447"),
        (38.94, 3, "38.9"),
        (1.2e-7, 2, "1.2e-07"),
        (0, 3, "0"),
        (-0.0, 3, "0"),
        (5, 3, "5.00"),
        (-2.5049, 3, "-2.50"),
        (1234.4, 3, "1230"),
        (999.6, 3, "1000"),
        (0.00099996, 3, "0.00100"),
        (0.0009994, 3, "9.99e-04"),
        (999499, 3, "999000"),
        (999600, 3, "1.00e+06"),
        (7.77, 1, "8"),
        (np.inf, 3, "∞"),
        (-np.inf, 3, "-∞"),
        (np.nan, 3, "nan"),
        (np.float32(0.1), 6, "0.100000"),
    ],
)
def test_number_by_hand(x: float, digits: int, text: str) -> None:
    assert number(x, digits) == text


@LAW
@given(st.floats(1e-300, 1e300), st.sampled_from([-1, 1]), st.integers(1, 6))
def test_a_number_is_rounded_to_its_digits_and_no_further(x: float, sign: int, digits: int) -> None:
    shown = float(number(sign * x, digits))
    assert abs(shown - sign * x) <= 0.5000001 * 10 ** (np.floor(np.log10(x)) + 1 - digits)
    assert number(-sign * x, digits).lstrip("-") == number(sign * x, digits).lstrip("-")


@LAW
@given(st.floats(1e-9, 1e9), st.integers(2, 5))
def test_noise_in_the_last_places_is_not_shown(x: float, digits: int) -> None:
    centre = float(number(x, digits))  # the middle of a rounding interval, where no tie is near
    assert number(centre * (1 + 1e-12), digits) == number(centre * (1 - 1e-12), digits)


@pytest.mark.parametrize("power", range(-3, 6))
def test_powers_of_ten_are_not_misplaced_by_their_logarithm(power: int) -> None:
    assert float(number(10.0**power)) == 10.0**power
    assert "e" not in number(10.0**power)


def test_show_prints_label_values_and_unit(capsys: pytest.CaptureFixture[str]) -> None:
    show("information", 0.44712, "nats")
    show("eigenvalues", [[1, 2.345], [1e-7, 3]], digits=2)
    assert capsys.readouterr().out == "information: 0.447 nats\neigenvalues: 1.0, 2.3, 1.0e-07, 3.0\n"


def test_a_table_is_aligned_and_rounds_only_fractions(capsys: pytest.CaptureFixture[str]) -> None:
    table({"n": np.array([1, 1000]), "loss": [1.41421, 2.0], "who": ["relu", "erf"]})
    assert capsys.readouterr().out == "   n  loss   who\n   1  1.41  relu\n1000  2.00   erf\n"


def test_a_column_may_mix_numbers_with_words(capsys: pytest.CaptureFixture[str]) -> None:
    table({"peak": [1.23456, "none", None], "f": np.array([1.23456, 2, 3], dtype=np.float32)})
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["peak", "f"],
        ["1.23", "1.23"],
        ["none", "2.00"],
        ["None", "3.00"],
    ]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table({"a": [1, 2], "b": [1]})
