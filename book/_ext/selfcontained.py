"""The built site asks nothing of the network: MathJax travels along, and the theme's loose ends are tied.

`sphinx-mathjax-offline` is used only as a carrier of MathJax files; as an extension it would copy 24 MB. The "full"
component is needed: the smaller ones load parts on demand, and one missing part stops every formula of a page.
"""

from __future__ import annotations

import html
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

SCRIPT = "tex-chtml-full.js"
FONTS = "output/chtml/fonts/woff-v2"
CARRIER = "sphinx-mathjax-offline"

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={target}">
<title>{title}</title>
</head>
<body><main><h1>{title}</h1><p><a href="{target}">Open the book</a></p></main></body>
</html>
"""


def mathjax() -> Path:
    """The folder of MathJax files inside the carrier package, found without importing it."""
    spec = find_spec(CARRIER)
    if spec is None or not spec.submodule_search_locations:
        raise ExtensionError(f"the package {CARRIER} is not installed; run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "static" / "mathjax"


def use_local_mathjax(app: Sphinx, config: Config) -> None:
    config["mathjax_path"] = f"mathjax/{SCRIPT}"


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(mathjax() / SCRIPT, target / SCRIPT)
    shutil.copytree(mathjax() / FONTS, target / FONTS, dirs_exist_ok=True)


def write_front_door(app: Sphinx, exception: Exception | None) -> None:
    """`index.html` at the root leads to the first page; the toc extension's own stub has no language and no title."""
    if exception is not None or app.builder.name != "html" or app.config.root_doc == "index":
        return
    page = INDEX.format(target=f"{app.config.root_doc}.html", title=html.escape(app.config.html_title))
    (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def tidy_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Drop the scripts of an unused launch button (they throw), and name a colour scheme (else the theme complains)."""
    context["default_mode"] = "auto"
    context["script_files"] = [js for js in context["script_files"] if not _is_thebe(js)]


def _is_thebe(script: Any) -> bool:
    body = getattr(script, "attributes", {}).get("body") or ""
    return "THEBE_JS_URL" in body or "sphinx-thebe" in str(getattr(script, "filename", script))


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", use_local_mathjax)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", write_front_door)
    app.connect("html-page-context", tidy_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
