"""Claims: what a source says, the gate that decides it, and the verdict; together they make the ledger.

A claim is written down in `notebooks/claims/NN_slug.toml` before its number is known. The chapter decides it in one
line, `ledger.check("ntk-law-01", measured, control=planted)`, and the records travel inside the executed notebook
(as output metadata), so no second file can disagree with the page. Readers of a notebook judge the stored numbers
again instead of trusting the stored verdict.

A gate is a closed interval. What is measured is an interval too: the range over seeds (`rule = "every"`) or the
95 % t-interval of their mean (`rule = "mean"`). Inside the gate it holds, outside it fails, anything else (a NaN,
seeds that disagree) is undecided, and undecided is never a verdict. Every check brings a control, a planted
violation, which must come out the other way: a gate that cannot fail decides nothing.
"""

from __future__ import annotations

import html
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from itdl import project
from itdl.checks import BadInput, DataError
from itdl.show import number

__all__ = ["VERDICTS", "Claim", "Gate", "Ledger", "Measurement", "Record", "differences", "read", "registry"]

REPRODUCED, LIMIT, CONTRADICTED, UNTESTABLE = VERDICTS = (
    "reproduced",
    "reproduced in a limit",
    "contradicted",
    "not testable here",
)
UNDECIDED = "undecided"
WITHIN = "within"
KINDS = ("exact", "numeric", "trend", "bound", "comparison")
TIERS = ("T0", "T1", "T2", "T3")
METADATA_KEY = "itdl_claims"
NOISE = 1e-12  # the tolerance of tier T0: below it a digit is rounding, and differs from machine to machine


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

    def __str__(self) -> str:
        value, low, high = (number(x if abs(x) >= NOISE else 0) for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]" if self.n > 1 else value


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

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"≤ {number(self.high)}"
        if math.isinf(self.high):
            return f"≥ {number(self.low)}"
        return f"{number(self.low)} … {number(self.high)}"


@dataclass(frozen=True)
class Claim:
    """One published statement in our words, with its source, its gate and the verdict we committed to."""

    id: str
    chapter: str
    statement: str
    source: str
    locator: str
    kind: str
    verdict: str
    quantity: str = ""
    unit: str = ""
    tier: str = "T1"
    rule: str = "every"
    gate: Gate = Gate()
    control: str = ""
    limit: Gate | None = None
    setting: str = ""
    note: str = ""

    def judge(self, measured: Measurement, control: Measurement, limit: Measurement | None = None) -> str:
        """The verdict these numbers give; `undecided` when a gate is straddled or the control is not caught."""
        outcome, planted = self.gate.outcome(measured), self.gate.outcome(control)
        if outcome == "holds":
            return REPRODUCED if planted == "fails" else UNDECIDED
        if outcome == "fails" and self.limit is None:
            return CONTRADICTED if planted == "holds" else UNDECIDED
        if self.limit is not None and limit is not None:
            in_limit, planted = self.limit.outcome(limit), self.limit.outcome(control)
            if in_limit == "holds" and planted == "fails":
                return LIMIT
        return UNDECIDED


@dataclass(frozen=True)
class Record:
    """What one chapter measured for one claim, and the verdict that follows."""

    id: str
    verdict: str
    measured: Measurement | None = None
    control: Measurement | None = None
    limit: Measurement | None = None


class Ledger:
    """The claims of one chapter while it runs: `check` each of them, then `close`."""

    def __init__(self, chapter: str) -> None:
        self.claims = {c.id: c for c in registry() if c.chapter.startswith(chapter)}
        if not self.claims:
            raise BadInput(f"no claims are registered for chapter {chapter}; add notebooks/claims/{chapter}_*.toml")
        self.records: dict[str, Record] = {}

    def check(
        self, claim_id: str, measured: ArrayLike, *, control: ArrayLike, limit: ArrayLike | None = None
    ) -> Record:
        """Decide one claim from what was measured (one number, or one per seed) and from a planted violation.

        `limit` is the same quantity in the restricted setting the registry names; it decides between "reproduced in
        a limit" and no verdict at all. Prints one rounded line; raises `BadInput` for an unknown or repeated id.
        """
        if claim_id not in self.claims or self.claims[claim_id].verdict == UNTESTABLE:
            raise BadInput(f"claim {claim_id!r} has no gate in the registry; registered: {', '.join(self.claims)}")
        if claim_id in self.records:
            raise BadInput(f"claim {claim_id} was checked twice; one chapter decides it once")
        claim = self.claims[claim_id]
        if (claim.limit is None) != (limit is None):
            raise BadInput(f"claim {claim_id}: pass `limit` exactly when the registry has a limit gate")
        m, c = Measurement.of(measured, claim.rule), Measurement.of(control, claim.rule)
        restricted = None if limit is None else Measurement.of(limit, claim.rule)
        record = Record(claim_id, claim.judge(m, c, restricted), m, c, restricted)
        self.records[claim_id] = record
        print(f"{claim_id}  {record.verdict}: {describe(claim, record)}")
        return record

    def close(self) -> _Table:
        """The chapter's table of verdicts, and the record the runner looks for. Raises if a claim was left out."""
        testable = [c for c in self.claims.values() if c.verdict != UNTESTABLE]
        if missing := [c.id for c in testable if c.id not in self.records]:
            raise BadInput(f"the chapter ends without deciding {', '.join(missing)}; check them before closing")
        untested = [Record(c.id, UNTESTABLE) for c in self.claims.values() if c.verdict == UNTESTABLE]
        return _Table(self.claims, [*self.records.values(), *untested])


@dataclass(frozen=True)
class _Table:
    """Shown as the last output of a chapter; its output metadata hold the records in full precision."""

    claims: Mapping[str, Claim]
    records: Sequence[Record]

    def _rows(self) -> list[tuple[str, ...]]:
        rows = [(r.id, r.verdict, describe(self.claims[r.id], r)) for r in sorted(self.records, key=lambda r: r.id)]
        return [("claim", "verdict", "measured"), *rows]

    def __repr__(self) -> str:
        return "\n".join("  ".join(cells) for cells in self._rows())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        head, *rows = [[html.escape(cell) for cell in row] for row in self._rows()]
        thead = "".join(f'<th scope="col">{cell}</th>' for cell in head)
        body = "".join(
            f'<tr><th scope="row">{r[0]}</th>' + "".join(f"<td>{c}</td>" for c in r[1:]) + "</tr>" for r in rows
        )
        page = f'<table class="verdicts"><thead><tr>{thead}</tr></thead><tbody>{body}</tbody></table>'
        records = [asdict(r) for r in sorted(self.records, key=lambda r: r.id)]
        # Round trip through strict JSON: a NaN must not reach the notebook as invalid JSON.
        metadata = json.loads(json.dumps(records, allow_nan=False))
        return {"text/plain": repr(self), "text/html": page}, {METADATA_KEY: metadata}


def describe(claim: Claim, record: Record) -> str:
    """`0.12 [0.1, 0.14] nats (gate ≤ 0.2; control 3.1 [3, 3.2])`, rounded so that it is the same on every machine."""
    if record.measured is None or record.control is None:
        return claim.note
    gate, measured = (claim.limit, record.limit) if record.verdict == LIMIT else (claim.gate, record.measured)
    assert gate is not None
    assert measured is not None
    value, control = _rounded(measured, gate), _rounded(record.control, gate)
    unit = f" {claim.unit}" if claim.unit and value != WITHIN else ""
    where = f" for {claim.setting}" if record.verdict == LIMIT else ""
    return f"{value}{unit}{where} (gate {gate}; control {control})"


def _rounded(m: Measurement, gate: Gate) -> str:
    """`m` as text; under a tiny tolerance there is only rounding noise, and no digit of it is printed."""
    tiny = 0 < gate.high <= 1e-5 and max(abs(m.low), abs(m.high)) <= gate.high
    return WITHIN if tiny else str(m)


def registry(folder: Path | None = None) -> list[Claim]:
    """All registered claims, in the order of their files. Raises `BadInput` naming file, claim and mistake."""
    claims: list[Claim] = []
    for path in sorted((folder or project.find().claims).glob("[0-9][0-9]_*.toml")):
        try:
            entries = tomllib.loads(path.read_text(encoding="utf-8")).get("claim")
        except ValueError as error:
            raise BadInput(f"{path.name} is not a list of [[claim]] tables: {error}") from None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise BadInput(f"{path.name} is not a list of [[claim]] tables: it has {entries!r} as its claims")
        claims += [_claim(path.stem, entry) for entry in entries]
    repeated = {c.id for c in claims if sum(d.id == c.id for d in claims) > 1}
    if repeated:
        raise BadInput(f"claim ids must be unique; repeated: {', '.join(sorted(repeated))}")
    return claims


def _claim(chapter: str, entry: dict[str, Any]) -> Claim:
    where = f"{chapter}.toml, claim {entry.get('id', '?')}"
    entry = dict(entry, chapter=chapter)
    if "gate" in entry:
        entry["gate"] = Gate.of(where, entry["gate"])
    if "limit" in entry:
        entry["limit"] = Gate.of(where, entry["limit"])
    try:
        claim = Claim(**entry)
    except TypeError as error:
        raise BadInput(f"{where}: {error}") from None
    choices = [
        (claim.verdict, VERDICTS),
        (claim.kind, KINDS),
        (claim.tier, TIERS),
        (claim.rule, ("every", "mean")),
    ]
    for value, allowed in choices:
        if value not in allowed:
            raise BadInput(f"{where}: {value!r} is none of {', '.join(allowed)}")
    needed = ["note"] if claim.verdict == UNTESTABLE else ["gate", "control", "quantity"]
    if claim.verdict == LIMIT:
        needed += ["limit", "setting"]
    if absent := [name for name in needed if name not in entry]:
        raise BadInput(f"{where}: {claim.verdict!r} needs {', '.join(absent)}")
    return claim


def read(notebook: Path, known: Iterable[Claim] | None = None) -> list[Record]:
    """The records inside an executed notebook, judged again from their numbers.

    Raises `DataError` when the notebook holds no record or a damaged one, a stored verdict does not follow from its
    stored numbers, or its claims are not the registered ones.
    """
    claims = {c.id: c for c in (registry() if known is None else known) if c.chapter == notebook.stem}
    try:
        records = _stored(notebook)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{notebook.name} is damaged ({error!r}); execute it again") from None
    if not records:
        raise DataError(f"{notebook.name} holds no claims record; execute it again")
    if sorted(r.id for r in records) != sorted(claims):
        raise DataError(f"{notebook.name} records other claims than its registry; execute it again")
    for r in records:
        follows = UNTESTABLE if claims[r.id].verdict == UNTESTABLE else UNDECIDED
        if r.measured is not None and r.control is not None:
            follows = claims[r.id].judge(r.measured, r.control, r.limit)
        if r.verdict != follows:
            raise DataError(f"{notebook.name}: {r.id} is stored as {r.verdict!r} but its numbers say {follows!r}")
    return records


def _stored(notebook: Path) -> list[Record]:
    """The records in the output metadata of a notebook, as they stand."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    metadata = (output.get("metadata", {}) for cell in cells for output in cell.get("outputs", []))
    numbers = ("measured", "control", "limit")
    return [
        Record(r["id"], r["verdict"], *(r[k] and Measurement(**r[k]) for k in numbers))
        for m in metadata
        for r in m.get(METADATA_KEY, [])
    ]


def differences(records: Iterable[Record], known: Iterable[Claim] | None = None) -> list[str]:
    """One line for each record whose verdict is not the committed one."""
    claims = {c.id: c for c in (registry() if known is None else known)}
    return [
        f"{r.id}: {r.verdict} here, committed as {claims[r.id].verdict}; {describe(claims[r.id], r)}"
        for r in records
        if r.verdict != claims[r.id].verdict
    ]
