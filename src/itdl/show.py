"""One way to print a number: rounded to stated digits, with its unit, the same on every machine.

nbval compares printed text exactly, so the last digits of a float never reach a page; a residual far below its
tolerance is noise, and is printed as the tolerance it stays under.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["number", "show", "table"]


def number(x: float, digits: int = 3) -> str:
    """`x` with `digits` significant digits, plainly written between 1e-3 and 1e6: 0.447, 38.9, 1.2e-07."""
    value = float(x)
    if not np.isfinite(value):
        return {True: "∞", False: "-∞"}.get(value > 0, "nan") if np.isinf(value) else "nan"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    if 1e-3 <= abs(rounded) < 1e6:
        places = max(0, digits - 1 - int(np.floor(np.log10(abs(rounded)))))
        return f"{rounded:.{places}f}"
    return f"{rounded:.{digits - 1}e}"


def show(label: str, x: ArrayLike, unit: str = "", digits: int = 3) -> None:
    """Print `label: value unit`; an array is printed entry by entry."""
    text = ", ".join(number(v, digits) for v in np.ravel(np.asarray(x, dtype=float)))
    print(f"{label}: {text} {unit}".rstrip())


def table(columns: Mapping[str, Sequence[object] | ArrayLike], digits: int = 3) -> None:
    """Print named columns as an aligned text table; numbers are rounded, everything else printed as it is."""
    cells = [
        [name, *(_cell(v, digits) for v in np.asarray(values, dtype=object).tolist())]
        for name, values in columns.items()
    ]
    widths = [max(map(len, column)) for column in cells]
    for row in zip(*cells, strict=True):
        print("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)))


def _cell(value: object, digits: int) -> str:
    return number(value, digits) if isinstance(value, float) else str(value)
