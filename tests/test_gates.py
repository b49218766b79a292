"""Gates: an interval inside holds, outside fails, and across decides nothing; printed without rounding noise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import LAW
from numpy.testing import assert_allclose
from scipy import stats

from itdl.checks import BadInput
from itdl.gates import Gate, Measurement


def point(x: float) -> Measurement:
    return Measurement(x, x, x, 1)


# Measurements


def test_every_unit_counts_under_the_rule_every() -> None:
    assert Measurement.of([3, 1, 2.5], "every") == Measurement(6.5 / 3, 1, 3, 3)
    assert Measurement.of(4, "every") == Measurement(4, 4, 4, 1)
    assert Measurement.of([[1, 2], [3, 4]], "every") == Measurement(2.5, 1, 4, 4)


def test_the_mean_has_its_t_interval() -> None:
    x = [1.0, 2, 4, 8, 3]
    low, high = stats.t.interval(0.95, 4, np.mean(x), stats.sem(x))
    m = Measurement.of(x, "mean")
    assert_allclose([m.value, m.low, m.high, m.n], [3.6, low, high, 5], rtol=1e-12)
    assert Measurement.of([2.0] * 5, "mean") == Measurement(2, 2, 2, 5)


def test_the_t_interval_covers_the_truth_in_95_of_100_cases() -> None:
    rng = np.random.default_rng(0)
    covered = [m.low <= 0 <= m.high for m in (Measurement.of(rng.standard_normal(6), "mean") for _ in range(1000))]
    assert abs(np.mean(covered) - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 1000)


@pytest.mark.parametrize(
    ("x", "rule", "words"),
    [
        ([], "every", "a check was given no numbers; pass one number, or one per seed"),
        ([1, np.nan], "every", r"a check was given \[1\.0, nan\]; a claim is decided by finite numbers only"),
        (np.inf, "every", r"given \[inf\]"),
        ([1, np.nan, 1, 1, 1], "mean", "decided by finite numbers only"),
        ([1, 2, 3, 4], "mean", "the rule 'mean' was given 4 units; an interval over seeds needs 5 or more"),
    ],
)
def test_measurements_that_decide_nothing_are_refused(x: object, rule: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Measurement.of(x, rule)


# Gates

INF = math.inf


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ({"at_most": 2}, -INF, 2),
        ({"at_least": -1.5}, -1.5, INF),
        ({"at_least": 1, "at_most": 3}, 1, 3),
        ({"equals": 2, "within": 0.5}, 1.5, 2.5),
        ({"at_least": 1, "at_most": 1}, 1, 1),
    ],
)
def test_gates_are_closed_intervals(table: dict[str, float], low: float, high: float) -> None:
    assert Gate.of("here", table) == Gate(low, high)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, r"gate \{\} is none of at_most, at_least, both, or equals with within > 0"),
        ({"equals": 1}, "is none of at_most"),
        ({"within": 1}, "is none of at_most"),
        ({"equals": 1, "within": 0}, "is none of at_most"),
        ({"equals": 1, "within": -1}, "equals with within > 0"),
        ({"equals": 1, "within": 1, "at_most": 3}, "is none of at_most"),
        ({"at_most": 1, "below": 2}, "is none of at_most"),
        ({"at_least": 1, "above": 2}, "is none of at_most"),
        ({"at_least": 2, "at_most": 1}, r"gate \{.*\} is empty or not a number"),
        ({"at_most": math.nan}, "is empty or not a number"),
        ({"equals": math.nan, "within": 1}, "is empty or not a number"),
        ({"at_most": "one"}, r"gate \{'at_most': 'one'\} is not a table of numbers such as \{ at_most = 0\.1 \}"),
        ({"equals": 1, "within": "x"}, "is not a table of numbers"),
        (3, "gate 3 is not a table of numbers"),
        ([1, 2], r"gate \[1, 2\] is not a table of numbers"),
    ],
)
def test_gates_that_are_none_are_refused_by_place(table: object, words: str) -> None:
    with pytest.raises(BadInput, match=f"^07.toml, claim a: {words}|^07.toml, claim a: .*{words}"):
        Gate.of("07.toml, claim a", table)


GATE = Gate(1, 2)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (1.2, 1.8, "holds"),
        (1, 2, "holds"),
        (0.9, 1.5, "undecided"),
        (1.5, 2.1, "undecided"),
        (0.5, 2.5, "undecided"),
        (0.5, 1, "undecided"),
        (2, 3, "undecided"),
        (0.1, 0.9, "fails"),
        (2.1, 3, "fails"),
        (-INF, 0, "undecided"),
        (1.5, INF, "undecided"),
        (math.nan, 1.5, "undecided"),
        (1.5, math.nan, "undecided"),
    ],
)
def test_an_interval_inside_holds_outside_fails_and_across_decides_nothing(
    low: float, high: float, outcome: str
) -> None:
    assert GATE.outcome(Measurement(1.5, low, high, 2)) == outcome


def test_a_value_that_is_no_number_is_undecided_whatever_its_interval() -> None:
    assert GATE.outcome(Measurement(math.nan, 1.2, 1.8, 2)) == "undecided"
    assert Gate().outcome(point(0)) == "holds"


@LAW
@given(st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10), st.floats(0, 5))
def test_the_margin_has_the_sign_of_the_outcome(low: float, width: float, m: float, spread: float) -> None:
    gate, measured = Gate(low, low + width), Measurement(m, m, m + spread, 2)
    assert (gate.outcome(measured) == "holds") == (gate.margin(measured) >= 0)
    if gate.outcome(measured) == "fails":
        assert gate.margin(measured) < 0


def test_margins_by_hand() -> None:
    assert_allclose(GATE.margin(Measurement(1.5, 1.25, 1.9, 2)), 0.1)
    assert_allclose(GATE.margin(Measurement(1.5, 1.125, 1.5, 2)), 0.125)
    assert_allclose(Gate(high=2).margin(point(5)), -3)


# Text


def test_gates_read_as_they_are_written() -> None:
    assert [str(g) for g in (Gate(high=0.5), Gate(low=2), Gate(1, 2.5))] == ["≤ 0.5", "≥ 2", "1 … 2.5"]
    assert str(Gate(high=1e-9)) == "≤ 1e-09"


@pytest.mark.parametrize(
    ("gate", "resolution"),
    [
        (Gate(high=0.5), 5e-4),
        (Gate(low=-20, high=3), 0.02),
        (Gate(high=1e-9), 1e-9),
        (Gate(-1e-7, 1e-7), 1e-7),
        (Gate(high=1e-5), 1e-5),
        (Gate(high=2e-5), 2e-8),
        (Gate(high=0), 1e-12),
    ],
)
def test_what_is_nothing_to_a_gate(gate: Gate, resolution: float) -> None:
    assert_allclose(gate.resolution, resolution, rtol=1e-14)
    assert point(0.99 * resolution).text(gate) == point(-0.99 * resolution).text(gate) == "≈ 0"
    assert "≈" not in point(1.01 * resolution).text(gate)


def test_one_number_stands_alone_and_several_bring_their_interval() -> None:
    gate = Gate(high=0.5)
    assert point(0.12345).text(gate) == "0.123"
    assert Measurement(0.2, 0.1, 0.3, 4).text(gate) == "0.200 [0.100, 0.300]"
    assert Measurement(0.2, 1e-9, 0.3, 4).text(gate) == "0.200 [≈ 0, 0.300]"
    assert Measurement(1e-8, 1e-9, 1e-7, 4).text(gate) == "≈ 0"
