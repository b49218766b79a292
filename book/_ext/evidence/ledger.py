"""The ledger as a table of nodes, and the small pieces of it that prose uses: a verdict, a count, a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from docutils import nodes
from sphinx.addnodes import pending_xref

from itdl.claims import LIMIT, UNDECIDED, VERDICTS, describe, narrow
from itdl.show import number

from .source import Entry

__all__ = ["counted", "link", "measured", "row", "table", "verdict"]

Inline = Callable[[str], list[nodes.Node]]
HEADINGS = ("Claim", "Source", "Measured", "Verdict")
# A formula between dollar signs, or a key of references.bib; nothing else in a registry is markup.
MARKED = re.compile(r"\$(?P<formula>[^$]+)\$|\b(?P<key>[a-z]+(?:19|20)\d\d[a-z]*)\b")
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


def row(entry: Entry, parse: Inline) -> nodes.row:
    """One claim; `parse` turns a line of MyST (a citation, a link to a chapter) into nodes."""
    cells = (_claim_cell, _source_cell, _measured_cell, _verdict_cell)
    made = nodes.row("", *(cell(entry, parse) for cell in cells))
    made["ids"].append(entry.target)
    return made


def _claim_cell(entry: Entry, parse: Inline) -> nodes.entry:
    link = nodes.reference("", "", nodes.literal("", entry.claim.id), refuri=f"#{entry.target}", internal=True)
    cell = nodes.entry("", nodes.paragraph("", "", link, classes=["claim-id"]), _prose(entry.claim.statement, parse))
    if entry.claim.note:
        cell += _prose(f"Note: {entry.claim.note}", parse, "claim-note")
    return cell


def _source_cell(entry: Entry, parse: Inline) -> nodes.entry:
    return nodes.entry("", _prose(entry.claim.source, parse), _prose(entry.claim.locator, parse, "claim-note"))


def _measured_cell(entry: Entry, parse: Inline) -> nodes.entry:
    claim = entry.claim
    if entry.record.measured is None:
        return nodes.entry("", nodes.paragraph("", "Nothing: see the note."))
    cell = nodes.entry("", _prose(claim.quantity, parse), nodes.paragraph("", describe(claim, entry.record)))
    cell += _prose(f"Control: {claim.control}", parse, "claim-note")
    cell += nodes.paragraph("", f"{claim.kind}, {claim.tier} ({TIERS[claim.tier]})", classes=["claim-note"])
    return cell


def _verdict_cell(entry: Entry, parse: Inline) -> nodes.entry:
    cell = nodes.entry("", nodes.paragraph("", "", verdict(entry.record.verdict)))
    if entry.record.verdict != entry.claim.verdict:
        cell += nodes.paragraph("", f"Committed as: {entry.claim.verdict}", classes=["claim-note"])
    if narrow(entry.claim, entry.record):
        cell += nodes.paragraph("", "narrow: the seeds spread further than their margin", classes=["claim-note"])
    cell += nodes.paragraph("", "", *parse(f"{{doc}}`/{entry.docname}`"), classes=["claim-note"])
    return cell


def _prose(text: str, parse: Inline, *classes: str) -> nodes.paragraph:
    return nodes.paragraph("", "", *_pieces(text, parse), classes=list(classes))


def _pieces(text: str, parse: Inline) -> Iterator[nodes.Node]:
    end = 0
    for found in MARKED.finditer(text):
        yield nodes.Text(text[end : found.start()])
        end = found.end()
        if found["formula"]:
            yield nodes.math("", found["formula"])
        else:
            yield from parse(f"{{cite:t}}`{found['key']}`")
    yield nodes.Text(text[end:])


def link(entry: Entry) -> list[nodes.Node]:
    """A claim in running text: its id, leading to its row in the ledger, and its verdict."""
    text = nodes.inline("", entry.claim.id)
    target = pending_xref(
        "", text, refdomain="std", reftype="ref", reftarget=entry.target, refexplicit=True, refwarn=True
    )
    return [nodes.inline("", "", target, classes=["claim-link"]), nodes.Text(" "), verdict(entry.record.verdict)]
