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
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from itdl import project
from itdl.checks import BadInput, DataError
from itdl.gates import UNDECIDED, Gate, Measurement

__all__ = [
    "UNDECIDED",
    "VERDICTS",
    "Claim",
    "Gate",
    "Ledger",
    "Measurement",
    "Record",
    "describe",
    "differences",
    "narrow",
    "read",
    "registry",
]

REPRODUCED, LIMIT, CONTRADICTED, UNTESTABLE = VERDICTS = (
    "reproduced",
    "reproduced in a limit",
    "contradicted",
    "not testable here",
)
KINDS = ("exact", "numeric", "trend", "bound", "comparison")
TIERS = ("T0", "T1", "T2", "T3")
METADATA_KEY = "itdl_claims"


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
    gate: Gate = field(default_factory=Gate)
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

    def check(self, claim_id: str, measured: ArrayLike, *, control: ArrayLike, limit: ArrayLike | None = None) -> None:
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
        print(f"{claim_id}  {record.verdict}\n    {describe(claim, record)}")

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
    gate, measured = _deciding(claim, record)
    value = measured.text(gate)
    unit = f" {claim.unit}" if claim.unit and not value.endswith("≈ 0") else ""
    where = f" for {claim.setting}" if record.verdict == LIMIT else ""
    return f"{value}{unit}{where} (gate {gate}; control {record.control.text(gate)})"


def narrow(claim: Claim, record: Record) -> bool:
    """Whether the seeds behind a verdict spread further than their distance to the gate."""
    if record.measured is None:
        return False
    gate, measured = _deciding(claim, record)
    return gate.narrow(measured)


def _deciding(claim: Claim, record: Record) -> tuple[Gate, Measurement]:
    """The gate and the measurement that the verdict rests on."""
    gate, measured = (claim.limit, record.limit) if record.verdict == LIMIT else (claim.gate, record.measured)
    assert gate is not None
    assert measured is not None
    return gate, measured


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
