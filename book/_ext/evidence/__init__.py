"""Sphinx words for evidence: `{ledger}`, `{ledger-count}`, `{environment}`, `{claim}`, `{measured}`, provenance lines.

No verdict and no measured number is typed into a page; they are read from the notebooks of the folder being built, so
page and evidence cannot disagree. An unknown claim is a warning, which fails the build.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from . import ledger, provenance, source

logger = logging.getLogger(__name__)


def _entries(env: BuildEnvironment) -> dict[str, source.Entry]:
    """The evidence; the page being read is read again when any of its files changes."""
    folder = Path(env.srcdir)
    for path in source.files(folder):
        env.note_dependency(str(path))
    return source.entries(folder)


class Ledger(SphinxDirective):
    """The whole ledger, one row per claim, each row a target for `{claim}`."""

    def run(self) -> list[nodes.Node]:
        entries = _entries(self.env).values()
        if not entries:
            return [nodes.paragraph("", "No claims are registered yet.")]
        return [ledger.table([self._row(entry) for entry in entries])]

    def _row(self, entry: source.Entry) -> nodes.row:
        domain = cast(StandardDomain, self.env.get_domain("std"))
        domain.note_hyperlink_target(entry.target, self.env.docname, entry.target, entry.claim.id)
        return ledger.row(entry, self._parsed)

    def _parsed(self, markdown: str) -> list[nodes.Node]:
        holder = nodes.Element()
        self.state.nested_parse(StringList([markdown]), self.content_offset, holder)
        return list(holder[0].children)


class LedgerCount(SphinxDirective):
    """One sentence: how many claims got which verdict."""

    def run(self) -> list[nodes.Node]:
        return [ledger.counted(_entries(self.env).values())]


class Environment(SphinxDirective):
    """`versions`: the packages of this build; `chapters`: run time, memory and machine of each chapter."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        _entries(self.env)
        if self.arguments[0] == "versions":
            return [provenance.version_table()]
        if self.arguments[0] == "chapters":
            return [provenance.chapter_table(source.chapters(Path(self.env.srcdir)))]
        raise self.error(f"environment shows `versions` or `chapters`, not {self.arguments[0]!r}")


class ClaimRole(SphinxRole):
    """A claim's id, linked to its row in the ledger, and its verdict."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        entry = _entries(self.env).get(self.text)
        if entry is None:
            logger.warning("unknown claim %r; register it in notebooks/claims", self.text, location=self.get_location())
            return [nodes.literal("", self.text)], []
        return self.shown(entry), []

    def shown(self, entry: source.Entry) -> list[nodes.Node]:
        return ledger.link(entry)


class MeasuredRole(ClaimRole):
    """The number a chapter measured for a claim, rounded, with its unit."""

    def shown(self, entry: source.Entry) -> list[nodes.Node]:
        text = ledger.measured(entry)
        if text is None:
            logger.warning("claim %r has no measured number to show", self.text, location=self.get_location())
        return [nodes.inline("", text or self.text, classes=["measured"])]


def add_provenance(app: Sphinx, doctree: nodes.document) -> None:
    """Put the provenance line under the title of every chapter."""
    notebook = Path(app.env.doc2path(app.env.docname))
    if notebook.suffix != ".ipynb":
        return
    title = next(iter(doctree.findall(nodes.title)))
    title.parent.insert(title.parent.index(title) + 1, provenance.line(source.run_record(notebook)))


def add_filter(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """The filter's script goes only to pages that hold a ledger."""
    if doctree is not None and any("ledger" in table["classes"] for table in doctree.findall(nodes.table)):
        app.add_js_file("ledger.js", defer="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("ledger", Ledger)
    app.add_directive("ledger-count", LedgerCount)
    app.add_directive("environment", Environment)
    app.add_role("claim", ClaimRole())
    app.add_role("measured", MeasuredRole())
    app.connect("doctree-read", add_provenance)
    app.connect("html-page-context", add_filter)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
