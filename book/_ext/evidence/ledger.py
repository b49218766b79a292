"""The ledger as a table of nodes, and the small pieces of it that prose uses: a verdict, a count, a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from docutils import nodes
from sphinx.addnodes import pending_xref

from itdl.claims import LIMIT, UNDECIDED, VERDICTS, describe
from itdl.show import number

from .source import Entry

__all__ = ["counted", "measured", "row", "table", "verdict"]

HEADINGS = ("Claim", "Source", "Measured", "Verdict")
TIERS = {"T0": "identity", "T1": "analytic", "T2": "trained", "T3": "statistical"}


def verdict(name: str) -> nodes.inline:
    """The verdict in words; colour only repeats it."""
    return nodes.inline("", name, classes=["verdict", f"verdict-{nodes.make_id(name)}"])


def measured(entry: Entry) -> str | None:
    """The rounded value with its unit; None where the chapter measured nothing."""
    record = entry.record
    m = record.limit if record.verdict == LIMIT else record.measured
    return None if m is None else f"{number(m.value)} {entry.claim.unit}".rstrip().replace(" ", "\u00a0")


def counted(entries: Iterable[Entry]) -> nodes.paragraph:
    """`31 claims: 24 reproduced, …`, every verdict named, also with a count of zero."""
    count = Counter(entry.record.verdict for entry in entries)
    total = sum(count.values())
    names = [*VERDICTS, *([UNDECIDED] if count[UNDECIDED] else [])]
    line = nodes.paragraph("", "", nodes.strong("", f"{total} claim{'' if total == 1 else 's'}"), nodes.Text(": "))
    for i, name in enumerate(names):
        comma = nodes.Text(", " if i else "")
        line += [comma, nodes.inline("", f"{count[name]} ", verdict(name), classes=["counted"])]
    line += nodes.Text(".")
    line["classes"].append("ledger-count")
    return line


def table(rows: Sequence[nodes.row]) -> nodes.table:
    head = nodes.row("", *(nodes.entry("", nodes.paragraph("", title)) for title in HEADINGS))
    columns = [nodes.colspec(colwidth=width) for width in (38, 17, 30, 15)]
    columns[0]["stub"] = 1
    group = nodes.tgroup("", *columns, nodes.thead("", head), nodes.tbody("", *rows), cols=len(columns))
    return nodes.table("", group, classes=["ledger"])


def row(entry: Entry, cite: Sequence[nodes.Node], chapter: Sequence[nodes.Node]) -> nodes.row:
    """One claim; `cite` and `chapter` are the parsed citation and chapter link."""
    made = nodes.row(
        "", _claim_cell(entry), _source_cell(entry, cite), _measured_cell(entry), _verdict_cell(entry, chapter)
    )
    made["ids"].append(entry.target)
    made["classes"] += [
        f"has-verdict-{nodes.make_id(entry.record.verdict)}",
        f"has-source-{nodes.make_id(entry.claim.source)}",
    ]
    return made


def _claim_cell(entry: Entry) -> nodes.entry:
    link = nodes.reference("", "", nodes.literal("", entry.claim.id), refuri=f"#{entry.target}", internal=True)
    cell = nodes.entry("", nodes.paragraph("", "", link, classes=["claim-id"]))
    cell += _prose(entry.claim.statement)
    if entry.claim.note:
        cell += _prose(f"Note: {entry.claim.note}", "claim-note")
    return cell


def _source_cell(entry: Entry, cite: Sequence[nodes.Node]) -> nodes.entry:
    where = nodes.paragraph("", entry.claim.locator, classes=["claim-note"])
    return nodes.entry("", nodes.paragraph("", "", *cite), where)


def _measured_cell(entry: Entry) -> nodes.entry:
    claim = entry.claim
    if entry.record.measured is None:
        return nodes.entry("", nodes.paragraph("", "Nothing: see the note."))
    cell = nodes.entry("", _prose(claim.quantity), nodes.paragraph("", describe(claim, entry.record)))
    cell += _prose(f"Control: {claim.control}", "claim-note")
    cell += nodes.paragraph("", f"{claim.kind}, {claim.tier} ({TIERS[claim.tier]})", classes=["claim-note"])
    return cell


def _verdict_cell(entry: Entry, chapter: Sequence[nodes.Node]) -> nodes.entry:
    cell = nodes.entry("", nodes.paragraph("", "", verdict(entry.record.verdict)))
    if entry.record.verdict != entry.claim.verdict:
        cell += nodes.paragraph("", f"Committed as: {entry.claim.verdict}", classes=["claim-note"])
    cell += nodes.paragraph("", "", *chapter, classes=["claim-note"])
    return cell


def _prose(text: str, *classes: str) -> nodes.paragraph:
    """Plain text in which `$…$` is a formula; nothing else of it is markup."""
    parts = re.split(r"\$([^$]+)\$", text)
    made = (nodes.math("", part) if i % 2 else nodes.Text(part) for i, part in enumerate(parts) if part)
    return nodes.paragraph("", "", *made, classes=list(classes))


def link(entry: Entry) -> list[nodes.Node]:
    """A claim in running text: its id, leading to its row in the ledger, and its verdict."""
    text = nodes.inline("", entry.claim.id)
    target = pending_xref(
        "", text, refdomain="std", reftype="ref", reftarget=entry.target, refexplicit=True, refwarn=True
    )
    return [nodes.inline("", "", target, classes=["claim-link"]), nodes.Text(" "), verdict(entry.record.verdict)]
