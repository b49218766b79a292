"""`itdl.runner.parameters`: read without running, checked by name, type and range."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itdl.checks import BadInput
from itdl.runner.parameters import Parameter, nearest, parse, resolve, spoken

CELL = """seed = 7  # root of the streams, whole number [0..]
sigma_w = [1.5, 0.5]  # scales of the weights, none [0.1..4.5]
activation = "erf"  # nonlinearity, name {erf|relu}
noise = 1e-3  # standard deviation, none [..1]
real = True  # digits too, yes or no
"""


@pytest.fixture
def parameters() -> dict[str, Parameter]:
    return parse(CELL, "06_x.py")


# Exact


def test_name_default_comment_range_and_choices_are_read(parameters: dict[str, Parameter]) -> None:
    assert parameters == {
        "seed": Parameter("seed", 7, "root of the streams, whole number [0..]", low=0),
        "sigma_w": Parameter("sigma_w", [1.5, 0.5], "scales of the weights, none [0.1..4.5]", 0.1, 4.5),
        "activation": Parameter("activation", "erf", "nonlinearity, name {erf|relu}", choices=("erf", "relu")),
        "noise": Parameter("noise", 1e-3, "standard deviation, none [..1]", high=1),
        "real": Parameter("real", True, "digits too, yes or no"),
    }


def test_a_value_over_two_lines_takes_the_comment_behind_it() -> None:
    cell = "seed = 1  # root\nx = [\n    1,\n    2,\n]  # counts [1..3]\n"
    assert parse(cell, "x.py")["x"].high == 3


def test_assignments_are_split_also_when_lists_hold_spaces() -> None:
    assert spoken(["seed=3 sigma_w=[1, 0.5] activation=relu", "real=False noise=1e-3"]) == {
        "seed": 3,
        "sigma_w": [1, 0.5],
        "activation": "relu",
        "real": False,
        "noise": 1e-3,
    }


def test_given_values_come_over_the_defaults_in_the_defaults_type(parameters: dict[str, Parameter]) -> None:
    values = resolve(parameters, {"sigma_w": [1, 2], "seed": 0}, "06_x")
    assert values == {"seed": 0, "sigma_w": [1.0, 2.0], "activation": "erf", "noise": 1e-3, "real": True}
    assert isinstance(values["sigma_w"], list)
    assert all(type(v) is float for v in values["sigma_w"])


# Laws


@given(low=st.floats(-9, 9), width=st.floats(0, 9), x=st.floats(-20, 20))
def test_a_number_is_accepted_exactly_inside_its_range(low: float, width: float, x: float) -> None:
    parameter = Parameter("x", low, "a number", low, low + width)
    if low <= x <= low + width:
        assert parameter.accept(x) == x
    else:
        with pytest.raises(BadInput, match="must lie in"):
            parameter.accept(x)


def test_every_default_is_accepted(parameters: dict[str, Parameter]) -> None:
    assert resolve(parameters, {n: p.default for n, p in parameters.items()}, "06_x") == resolve(parameters, {}, "06_x")


# Limits


def test_the_ends_of_a_range_belong_to_it(parameters: dict[str, Parameter]) -> None:
    assert parameters["sigma_w"].accept([0.1, 4.5]) == [0.1, 4.5]
    assert parameters["noise"].low == -math.inf


def test_the_end_of_a_sentence_about_an_unknown_name() -> None:
    assert nearest("sed", ["seed", "n"]) == "; did you mean 'seed'? known: n, seed"
    assert nearest("zzz", ["seed"]) == "; known: seed"
    assert nearest("zzz", []) == "; known: none"


# Bad input


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sed", 3, "has no parameter 'sed'; did you mean 'seed'?"),
        ("seed", -1, "seed is -1; it must lie in [0, inf]"),
        ("seed", True, "seed is True; it must be a whole number like 7"),
        ("seed", 3.0, "seed is 3.0; it must be a whole number"),
        ("seed", None, "seed is None; it must be a whole number"),
        ("noise", "1e-3", "YAML reads 1e-3 as text: write it with a point, as in 1.0e-3"),
        ("noise", "much", "noise is 'much'; it must be a number like 0.001"),
        ("noise", float("nan"), "noise is nan; it must be a finite number"),
        ("noise", float("inf"), "noise is inf; it must be a finite number"),
        ("noise", False, "noise is False; it must be a number"),
        ("activation", "tanh", "activation is 'tanh'; it must be one of erf, relu"),
        ("activation", 3, "activation is 3; it must be text like 'erf'; quote it"),
        ("real", 1, "real is 1; it must be True or False"),
        ("sigma_w", 1.0, "sigma_w is 1.0; it must be a list like [1.5, 0.5]"),
        ("sigma_w", [], "sigma_w is []; it must be a list"),
        ("sigma_w", [1.0, 9.0], "sigma_w[1] is 9.0; it must lie in [0.1, 4.5]"),
        ("sigma_w", [1.0, "x"], "sigma_w[1] is 'x'; it must be a number"),
    ],
)
def test_a_wrong_value_is_refused_in_words(parameters: dict[str, Parameter], name: str, value: Any, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(parameters, {name: value}, "06_x")
    assert str(caught.value).startswith("06_x")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("n = 3", "parameter n has no comment; add `# meaning, unit [low..high]`"),
        ("n = 2 * 3  # count [1..9]", "parameter n is computed; it must be a plain literal"),
        ("import os  # no", "'import os' is not `name = literal`"),
        ("a = b = 1  # two", "is not `name = literal`"),
        ("n = None  # nothing", "parameter n is None; use a number"),
        ("n = [1, 2.0]  # mixed", "parameter n is [1, 2.0]"),
        ("n = []  # empty", "parameter n is []"),
        ("n = {'a': 1}  # dict", "parameter n is {'a': 1}"),
        ("n = 5  # count [1..few]", "range end 'few', which is not a number"),
        ("n = 5  # count [6..9]", "n is 5; it must lie in [6, 9]"),
    ],
)
def test_a_wrong_cell_is_refused_in_words(line: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(f"seed = 1  # root\n{line}\n", "06_x.py")
    assert words in str(caught.value)


def test_a_cell_without_a_seed_is_refused() -> None:
    with pytest.raises(BadInput, match="has no `seed`"):
        parse("n = 3  # count [1..9]\n", "06_x.py")


@pytest.mark.parametrize("text", ["seed", "seed=", "=3", "seed 3"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not of the form name=value"):
        spoken([text])
