"""A chapter's parameters: read from its one tagged cell without running it, checked before a kernel starts.

papermill accepts a misspelt name, a wrong type and a notebook without the tagged cell, and then runs with the
defaults. So each parameter states its meaning and its allowed values in the comment behind it, `n = 500  #
training examples [1..10000]`, and every value given by a reader or a profile is held against it.
"""

from __future__ import annotations

import ast
import difflib
import io
import math
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from itdl.checks import BadInput

__all__ = ["Parameter", "Value", "nearest", "parse", "resolve", "spoken"]

Scalar = int | float | str | bool
Value = Scalar | list[Scalar]

RANGE = re.compile(r"\[\s*([^\[\]]*?)\s*\.\.\s*([^\[\]]*?)\s*\]")
CHOICES = re.compile(r"\{([^{}|]+(?:\|[^{}|]+)+)\}")


@dataclass(frozen=True)
class Parameter:
    """One parameter: its default, the comment that explains it, and what it may be."""

    name: str
    default: Value
    comment: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def accept(self, value: object) -> Value:
        """`value` in the default's type; `BadInput` when it is of another type or outside what is allowed."""
        if not isinstance(self.default, list):
            scalar: Scalar = self._one(value, self.default, self.name)
            return scalar
        if not isinstance(value, list) or not value:
            raise BadInput(f"{self.name} is {value!r}; it must be a list like {self.default}")
        return [self._one(v, self.default[0], f"{self.name}[{i}]") for i, v in enumerate(value)]

    def _one(self, value: object, like: Any, where: str) -> Any:
        kind = type(like)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise BadInput(f"{where} is {value!r}; it must be {KIND[kind]} like {like!r}{_hint(value, kind)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise BadInput(f"{where} is {value}; it must be a finite number")
        if kind in (int, float) and not self.low <= value <= self.high:  # type: ignore[operator]
            raise BadInput(f"{where} is {value}; it must lie in [{self.low:g}, {self.high:g}]")
        if self.choices and value not in self.choices:
            raise BadInput(f"{where} is {value!r}; it must be one of {', '.join(self.choices)}")
        return value


KIND = {int: "a whole number", float: "a number", str: "text", bool: "True or False"}


def parse(source: str, where: str) -> dict[str, Parameter]:
    """The parameters written in the cell `source`. Raises `BadInput` naming `where` and the faulty line."""
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for statement in ast.parse(source).body:
        line = ast.get_source_segment(source, statement)
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                comment = comments.get(statement.end_lineno or 0, "")
            case _:
                raise BadInput(f"{where}: {line!r} is not `name = literal`; keep only those in the parameters cell")
        if not comment:
            raise BadInput(f"{where}: parameter {name} has no comment; add `# meaning, unit [low..high]`")
        found[name] = _parameter(where, name, value, comment)
    if "seed" not in found:
        raise BadInput(f"{where}: the parameters cell has no `seed`; every chapter has one")
    return found


def resolve(parameters: Mapping[str, Parameter], given: Mapping[str, object], where: str) -> dict[str, Value]:
    """The value of each parameter, `given` over the defaults; `BadInput` naming `where` for a wrong one."""
    for name in given:
        if name not in parameters:
            raise BadInput(f"{where} has no parameter {name!r}{nearest(name, parameters)}")
    try:
        return {n: p.accept(given[n]) if n in given else p.default for n, p in parameters.items()}
    except BadInput as error:
        raise BadInput(f"{where}: parameter {error}") from None


def spoken(assignments: Iterable[str]) -> dict[str, object]:
    """Values from texts like `seed=3 sigma_w=[1, 0.5] activation=erf`; what is no literal is text."""
    given: dict[str, object] = {}
    for text in assignments:
        for part in re.split(r"\s+(?=[A-Za-z_]\w*\s*=)", text.strip()):
            name, equals, value = part.partition("=")
            if not (equals and name.strip() and value.strip()):
                raise BadInput(f"parameter {part!r} is not of the form name=value; write for instance seed=3")
            given[name.strip()] = _literal(value.strip())
    return given


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'seed'? known: n, seed`, the end of a sentence about an unknown name."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return (f"; did you mean {close[0]!r}?" if close else ";") + f" known: {', '.join(names) or 'none'}"


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}


def _parameter(where: str, name: str, value: ast.expr, comment: str) -> Parameter:
    try:
        default = ast.literal_eval(value)
    except ValueError:
        raise BadInput(f"{where}: parameter {name} is computed; it must be a plain literal") from None
    kinds = {type(v) for v in default} if isinstance(default, list) else {type(default)}
    if len(kinds) != 1 or not kinds <= KIND.keys():
        raise BadInput(f"{where}: parameter {name} is {default!r}; use a number, text, bool or a list of one kind")
    interval, choices = RANGE.search(comment), CHOICES.search(comment)
    low, high = (_end(where, name, end) for end in interval.groups()) if interval else (None, None)
    parameter = Parameter(
        name,
        default,
        comment,
        -math.inf if low is None else low,
        math.inf if high is None else high,
        tuple(c.strip() for c in choices[1].split("|")) if choices else (),
    )
    parameter.accept(default)
    return parameter


def _end(where: str, name: str, text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise BadInput(f"{where}: parameter {name} has the range end {text!r}, which is not a number") from None


def _hint(value: object, kind: type) -> str:
    if kind is float and isinstance(value, str) and isinstance(_literal(value), int | float):
        return f"; YAML reads {value} as text: write it with a point, as in 1.0e-3"
    return "; quote it" if kind is str else ""
