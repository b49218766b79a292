"""Gatekeepers at the public boundary: each returns a clean float64 array or raises one sentence.

The sentence names what was wrong, where, what was found and the remedy. numpy, scipy and torch let most of these
inputs through silently (NaN in a Cholesky factor, one triangle read of an asymmetric matrix, probabilities
renormalised), so every public function of `itdl` asks here first. Inputs are never modified.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Array", "BadInput", "DataError", "finite", "matrix", "positive", "simplex", "spd", "times"]

Array = NDArray[np.float64]


class BadInput(ValueError):
    """The caller's input cannot be used; the message says what, where, found and remedy (exit code 2)."""


class DataError(RuntimeError):
    """A file or record is missing, damaged or not the one expected (exit code 3)."""


def finite(name: str, x: ArrayLike) -> Array:
    """`x` as a float64 array of any shape; refuses empty arrays, NaN and infinities."""
    array = _numbers(name, x)
    if array.size == 0:
        raise BadInput(f"{name} is empty, shape {array.shape}; it needs at least one entry")
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise BadInput(
            f"{name}{list(where) if where else ''} is {array[where]}; {bad.sum()} of {array.size} entries are not "
            "finite; remove or mend them first"
        )
    return array


def matrix(name: str, x: ArrayLike, *, columns: int | None = None) -> Array:
    """`x` as a finite matrix (rows, columns), leading batch axes allowed."""
    array = finite(name, x)
    if array.ndim < 2:
        raise BadInput(f"{name} has shape {array.shape}; it must be a matrix (rows, columns): reshape it first")
    if columns is not None and array.shape[-1] != columns:
        raise BadInput(f"{name} has {array.shape[-1]} columns, shape {array.shape}; it must have {columns}")
    return array


def positive(name: str, x: Any, *, zero: bool = False) -> float:
    """`x` as one finite number above zero (or, with `zero=True`, not below it)."""
    value = finite(name, x)
    allowed = "zero or above" if zero else "above zero"
    if value.ndim or value < 0 or (value == 0 and not zero):
        raise BadInput(f"{name} is {x}; it must be one number {allowed}")
    return float(value)


def times(name: str, t: ArrayLike) -> Array:
    """`t` as a one-dimensional array of times in [0, inf]; infinity is allowed, NaN and negatives are not."""
    array = np.atleast_1d(_numbers(name, t))
    if array.ndim != 1 or array.size == 0:
        raise BadInput(f"{name} has shape {array.shape}; it must be one time or a list of times")
    wrong = ~(array >= 0)
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise BadInput(f"{name}[{i}] is {array[i]}; training times lie in [0, inf]")
    return array


def simplex(name: str, p: ArrayLike, *, axis: int | None = -1, tol: float = 1e-9) -> Array:
    """`p` as probabilities that sum to one along `axis` (over all entries when None); never renormalised."""
    array = finite(name, p)
    if array.ndim == 0:
        raise BadInput(f"{name} is the single number {array}; a distribution is a list of probabilities")
    if (array < 0).any():
        where = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise BadInput(f"{name}{list(where)} is {array[where]}; probabilities cannot be negative")
    gap = float(np.max(np.abs(array.sum(axis=axis) - 1)))
    if gap > tol:
        raise BadInput(
            f"{name} sums to 1 only within {gap:.3g} (allowed {tol:g}); divide it by its sum first if that is meant"
        )
    return array


def spd(name: str, a: ArrayLike, *, tol: float = 1e-10) -> Array:
    """The lower Cholesky factor of a symmetric positive definite `a` (n, n); adds no jitter of its own."""
    array = matrix(name, a)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise BadInput(f"{name} has shape {array.shape}; it must be square")
    skew = float(np.max(np.abs(array - array.T)))
    if skew > tol * float(np.max(np.abs(array))):
        raise BadInput(f"{name} is not symmetric: |A - A^T| reaches {skew:.3g}; symmetrise it if that is meant")
    try:
        return np.asarray(np.linalg.cholesky(array), dtype=np.float64)
    except np.linalg.LinAlgError:
        low = float(np.linalg.eigvalsh(array)[0])
        raise BadInput(
            f"{name} is not positive definite: smallest eigenvalue {low:.3g}; add jitter if that is meant"
        ) from None


def _numbers(name: str, x: Any) -> Array:
    """A float64 copy of `x`, entries unchecked."""
    # A torch tensor that carries gradients cannot become an array; its values can.
    values = x.detach().cpu() if hasattr(x, "detach") else x
    try:
        raw = np.asarray(values)
        if raw.dtype.kind == "c":  # numpy would drop the imaginary part with no more than a warning
            raise TypeError("it is complex")
        return np.array(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} is not an array of numbers ({error}); pass a rectangular numeric array") from None
