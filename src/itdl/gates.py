"""Gates: the closed interval that a measured interval must lie in, and how both are printed.

What is measured is the range over seeds or the 95 % t-interval of their mean. Inside the gate it holds, outside it
fails, anything else is undecided; NaN is refused before it comes to that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from itdl.checks import BadInput
from itdl.show import number

__all__ = ["UNDECIDED", "Gate", "Measurement"]

UNDECIDED = "undecided"
NOISE = 1e-12  # the tolerance of tier T0: below it a digit is rounding, and differs from machine to machine
ROUNDING = 1e-5  # a gate as tight as this measures rounding errors


@dataclass(frozen=True)
class Measurement:
    """A number with the interval that must lie inside the gate: [low, high] over `n` units (seeds)."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, x: ArrayLike, rule: str) -> Measurement:
        """`every`: mean and range over units; `mean`: mean and its 95 % t-interval, which needs 5 units or more."""
        units = np.atleast_1d(np.asarray(x, dtype=float)).ravel()
        if units.size == 0:
            raise BadInput("a check was given no numbers; pass one number, or one per seed")
        if not np.isfinite(units).all():
            raise BadInput(f"a check was given {units.tolist()}; a claim is decided by finite numbers only")
        value = float(units.mean())
        if rule == "every":
            return cls(value, float(units.min()), float(units.max()), units.size)
        if units.size < 5:
            raise BadInput(f"the rule 'mean' was given {units.size} units; an interval over seeds needs 5 or more")
        half = float(stats.t.ppf(0.975, units.size - 1) * stats.sem(units))
        return cls(value, value - half, value + half, units.size)

    def text(self, gate: Gate) -> str:
        """`0.12 [0.10, 0.14]`; what is nothing at the scale of the gate is printed as `≈ 0`, not as its noise."""
        value, low, high = ("≈ 0" if abs(x) < gate.resolution else number(x) for x in (self.value, self.low, self.high))
        return value if self.n == 1 or value == low == high == "≈ 0" else f"{value} [{low}, {high}]"


@dataclass(frozen=True)
class Gate:
    """The closed interval [low, high] that a measurement must lie in."""

    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, where: str, table: Mapping[str, float]) -> Gate:
        """From `{at_most = x}`, `{at_least = x}`, both, or `{equals = x, within = tol}`."""
        if not isinstance(table, Mapping) or not all(isinstance(x, int | float) for x in table.values()):
            raise BadInput(f"{where}: gate {table!r} is not a table of numbers such as {{ at_most = 0.1 }}")
        match dict(table):
            case {"equals": x, "within": tol, **rest} if not rest and tol > 0:
                gate = cls(x - tol, x + tol)
            case {"at_least": low, **rest} if not set(rest) - {"at_most"}:
                gate = cls(low, rest.get("at_most", math.inf))
            case {"at_most": high, **rest} if not rest:
                gate = cls(high=high)
            case found:
                raise BadInput(f"{where}: gate {found} is none of at_most, at_least, both, or equals with within > 0")
        if not gate.low <= gate.high:
            raise BadInput(f"{where}: gate {dict(table)} is empty or not a number")
        return gate

    def outcome(self, m: Measurement) -> str:
        """`holds`, `fails` or `undecided`; anything not finite is undecided."""
        if not all(map(math.isfinite, (m.value, m.low, m.high))):
            return UNDECIDED
        if self.low <= m.low and m.high <= self.high:
            return "holds"
        return "fails" if m.high < self.low or m.low > self.high else UNDECIDED

    def margin(self, m: Measurement) -> float:
        """Distance from the measured interval to the nearer end of the gate; negative outside."""
        return min(m.low - self.low, self.high - m.high)

    def narrow(self, m: Measurement) -> bool:
        """Whether the units spread further than the margin: one seed more could well end on the other side."""
        return self.outcome(m) != UNDECIDED and abs(self.margin(m)) < m.high - m.low

    @property
    def resolution(self) -> float:
        """Below it a number is nothing to this gate: a thousandth of its bounds, or a whole tolerance for rounding."""
        bound = max(abs(x) for x in (self.low, self.high) if math.isfinite(x))
        return bound if 0 < bound <= ROUNDING else max(1e-3 * bound, NOISE)

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"≤ {self.high:g}"
        if math.isinf(self.high):
            return f"≥ {self.low:g}"
        return f"{self.low:g} … {self.high:g}"
