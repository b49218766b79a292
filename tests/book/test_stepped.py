"""A figure in steps on a tiny book: all of it without script and on paper, one picture and a slider with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import page_gates
import pytest
from jupyter_books import ROOT, build
from matplotlib.figure import Figure
from page_gates import Page
from test_browser import chromium  # noqa: F401  (a fixture)

from itdl import plotting

PAGE = "notebooks/05_steps.html"
EPOCHS = ("epoch 0", "epoch 10", "epoch 100")
ALTS = [f"A curve that has risen a little by {label}." for label in EPOCHS]
TOC = """format: jb-book
root: book/index
parts:
  - caption: All
    chapters: [{file: notebooks/05_steps}]
"""
INDEX = """# A tiny book

It holds one figure in steps, on the page after this one.
"""
RUN = {"key": "0123456789abcdef", "parameters": {"seed": 7}, "profile": "book", "versions": {"python": "3.11.7"}}


def curves() -> Iterator[Figure]:
    for steepness in (0.2, 1.0, 3.0):
        fig, ax = plt.subplots(figsize=(6.6, 3.4))
        ax.plot([0, 1, 2], [0, steepness, steepness])
        ax.set(xlabel="time", ylabel="information [nats]", ylim=(0, 3.1))
        yield fig


def notebook() -> dict[str, Any]:
    with mpl.rc_context():
        mpl.use("agg")
        plotting.use_style()
        made = plotting.frames(curves(), EPOCHS, name="Epoch", alt="A curve that has risen a little by {}.".format)
    data = {"text/plain": repr(made), "text/html": made._repr_html_()}
    figure = {"caption": "The curve rises with training.", "name": "fig-steps"}
    words = {"cell_type": "markdown", "id": "a", "source": "# Steps\n\nOne figure of several frames.", "metadata": {}}
    cell = {
        "cell_type": "code",
        "id": "b",
        "source": "plotting.frames(...)",
        "metadata": {"mystnb": {"figure": figure}, "tags": ["hide-input"]},
        "execution_count": 1,
        "outputs": [{"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": {}}],
    }
    metadata = {"itdl": RUN, "language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    return {"cells": [words, cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site of a book with one chapter, with this project's configuration, style and extensions."""
    folder = tmp_path_factory.mktemp("stepped")
    source = folder / "source"
    shutil.copytree(ROOT / "book", source / "book", ignore=shutil.ignore_patterns("__pycache__", "*.md"))
    shutil.copy2(ROOT / "_config.yml", source)
    (source / "_toc.yml").write_text(TOC, encoding="utf-8")
    (source / "book" / "index.md").write_text(INDEX, encoding="utf-8")
    (source / "notebooks" / "claims").mkdir(parents=True)
    (source / "notebooks" / "05_steps.ipynb").write_text(json.dumps(notebook()), encoding="utf-8")
    run = build(source, folder)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def seen(book: Path, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:  # noqa: F811
    folder = os.environ.get("ITDL_SHOTS") or tmp_path_factory.mktemp("shots")
    run = subprocess.run(
        ["node", Path(__file__).with_name("stepped.mjs"), book, PAGE, folder],
        env={**os.environ, "CHROMIUM": chromium},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return dict(json.loads(run.stdout))


def test_the_page_passes_the_gates(book: Path) -> None:
    page = Page(book, PAGE)
    gates = (page_gates.alternative_texts, page_gates.outside, page_gates.repeated_ids, page_gates.unrendered)
    assert [finding for gate in gates for finding in gate(page)] == []
    assert page_gates.dead_links(page, {PAGE: page}) == []


def test_the_caption_stands_outside_the_frames(book: Path) -> None:
    figure = Page(book, PAGE).article.select_one("figure#fig-steps")
    assert [image["alt"] for image in figure.select(".frames .frame img")] == ALTS
    assert "The curve rises with training." in figure.find("figcaption").get_text()


def test_the_script_goes_to_the_page_that_needs_it_and_none_stands_in_the_notebook(book: Path) -> None:
    scripts = {
        name: [str(tag["src"]) for tag in Page(book, name).soup.find_all("script", src=True)]
        for name in (PAGE, "book/index.html")
    }
    assert [any("frames.js" in source for source in sources) for sources in scripts.values()] == [True, False]
    assert Page(book, PAGE).article.select(".cell_output script") == []


@pytest.mark.browser
@pytest.mark.parametrize("variant", ["light", "dark", "phone"])
def test_the_slider_steps_by_keyboard_and_says_where_it_stands(seen: dict[str, Any], variant: str) -> None:
    looks = seen["variants"][variant]
    assert looks["start"]["shown"] == ALTS[:1]
    assert looks["start"]["loaded"]
    for key, at in {"start": 0, "right": 1, "end": 2, "home": 0, "next": 1, "last": 2}.items():
        found = looks[key]
        assert found["shown"] == [ALTS[at]]
        assert (found["value"], found["said"]) == (str(at), EPOCHS[at])
        assert found["valueText"] == f"{EPOCHS[at]}, frame {at + 1} of 3"
    # At the end "Next frame" is switched off and the focus goes to its neighbour.
    assert looks["last"]["focus"] == "Previous frame"
    assert looks["back"]["shown"] == [ALTS[1]]


@pytest.mark.browser
@pytest.mark.parametrize("variant", ["light", "dark", "phone"])
def test_nothing_moves_until_asked_and_it_stops_by_itself(seen: dict[str, Any], variant: str) -> None:
    looks = seen["variants"][variant]
    assert looks["start"]["play"] == "Play"
    assert looks["during"]["play"] == "Pause"
    assert looks["after"]["shown"] == ALTS[-1:]
    assert looks["after"]["play"] == "Play"


@pytest.mark.browser
def test_where_motion_is_unwelcome_there_is_nothing_to_play(seen: dict[str, Any]) -> None:
    assert seen["still"]["shown"] == ALTS[:1]
    assert "play" not in seen["still"]


@pytest.mark.browser
@pytest.mark.parametrize("variant", ["light", "dark", "phone"])
def test_the_figure_is_accessible_quiet_and_fits(seen: dict[str, Any], variant: str) -> None:
    looks = seen["variants"][variant]
    assert {key: looks[key] for key in ("violations", "console", "failed", "outside")} == {
        "violations": [],
        "console": [],
        "failed": [],
        "outside": [],
    }
    assert looks["start"]["overflow"] == 0


@pytest.mark.browser
def test_without_script_and_on_paper_every_frame_is_there_with_its_label(seen: dict[str, Any]) -> None:
    for found in (seen["bare"], *(looks["paper"] for looks in seen["variants"].values())):
        assert found["shown"] == ALTS
        assert found["labels"] == len(EPOCHS)
    assert seen["bare"]["columns"] > 1
    assert "value" not in seen["bare"]
