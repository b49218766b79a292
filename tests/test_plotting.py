"""Charts: arrays in, figure and axes out; what is drawn is what was given."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from PIL import Image

from itdl import plotting
from itdl.checks import BadInput

T = np.geomspace(1e-2, 1e6, 9)
SEEDS = np.random.default_rng(0).random((3, 4, 9))


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with mpl.rc_context():
        mpl.use("agg")
        yield
        plt.close("all")


def test_importing_changes_no_style_but_asking_does() -> None:
    before = mpl.rcParams["axes.spines.top"]
    assert before is True
    plotting.use_style()
    assert mpl.rcParams["axes.spines.top"] is False
    assert mpl.rcParams["figure.facecolor"] == "white"


def test_families_draw_the_mean_and_the_range_of_every_family() -> None:
    fig, axs = plotting.families(T, {"a": SEEDS, "b": SEEDS + 1}, [1, 2, 3], name="w", xlabel="t", xscale="log")
    assert [ax.get_title() for ax in axs] == ["a", "b"]
    assert axs[0].get_xlabel() == "t"
    for line, family in zip(axs[1].lines, SEEDS + 1, strict=True):
        assert_allclose(line.get_ydata(), family.mean(axis=0))
    band = axs[0].collections[0].get_paths()[0].vertices[:, 1]
    assert_allclose([band.min(), band.max()], [SEEDS[0].min(), SEEDS[0].max()])
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["w = 1", "w = 2", "w = 3"]


def test_an_information_plane_shows_optimum_trajectories_and_units() -> None:
    i_x, i_y = np.cumsum(SEEDS[:, 0], axis=1), SEEDS[:, 1]
    _, (ax,) = plotting.information_plane({"a": (i_x, i_y)}, (T, T), [1, 2, 3], name="n")
    assert ax.lines[0].get_linestyle() == "--"
    assert_allclose(ax.lines[1].get_xdata(), i_x[0])
    assert "nats" in ax.get_xlabel()
    assert "nats" in ax.get_ylabel()
    assert len({line.get_marker() for line in ax.lines[1:]}) == 3


def test_intervals_reach_from_the_smallest_to_the_largest_seed() -> None:
    _, (ax,) = plotting.panels([""])
    plotting.intervals(ax, [1, 2, 3], SEEDS[:, :, 0], label="x")
    low, high = np.array([s[:, 1] for s in ax.containers[0][2][0].get_segments()]).T
    assert_allclose(low, SEEDS[:, :, 0].min(axis=1))
    assert_allclose(high, SEEDS[:, :, 0].max(axis=1))


def test_colours_keep_their_order_and_their_distance_from_white() -> None:
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b, *_ in plotting.colours(7)]
    assert light == sorted(light)
    assert light[-1] < 0.8


def test_a_gallery_shows_each_image_under_its_caption() -> None:
    images = np.arange(24.0).reshape(2, 3, 4)
    fig = plotting.gallery({"first": (images, ["a", "b"]), "second": (images[:1], ["c"])})
    assert len(fig.axes) == 4
    assert [ax.get_title() for ax in fig.axes] == ["a", "b", "c", ""]
    assert [ax.get_ylabel() for ax in fig.axes[::2]] == ["first", "second"]
    shown = [[image.get_array() for image in ax.get_images()] for ax in fig.axes]
    assert_allclose(shown[1][0], images[1])
    assert [len(of) for of in shown] == [1, 1, 1, 0]
    assert all(len(ax.get_xticks()) == 0 for ax in fig.axes)


# --- figures in steps ----------------------------------------------------------------------------------------------


def drawn(values: Iterable[float], width: float = 3) -> Iterator[Figure]:
    for value in values:
        fig, ax = plt.subplots(figsize=(width, 2))
        ax.plot([0, value])
        yield fig


def stepped(count: int = 3, **options: Any) -> plotting.Frames:
    labels = [f"step {i}" for i in range(count)]
    return plotting.frames(drawn(range(count)), labels, **{"name": "Step", "alt": "A line at {}.".format, **options})


def test_frames_hold_one_small_picture_of_equal_size_for_each_label() -> None:
    made = stepped()
    assert made.labels == ("step 0", "step 1", "step 2")
    assert made.alts == ("A line at step 0.", "A line at step 1.", "A line at step 2.")
    pictures = [Image.open(io.BytesIO(image)) for image in made.images]
    assert {picture.size for picture in pictures} == {(300, 200)}
    assert {picture.mode for picture in pictures} == {"P"}
    assert len(set(made.images)) == 3
    assert all(len(picture.getcolors()) <= 64 for picture in pictures)


def test_a_frame_shows_what_its_figure_shows() -> None:
    (fig,) = drawn([1.0])
    file = io.BytesIO()
    fig.savefig(file, format="png", dpi=fig.dpi)
    whole = np.asarray(Image.open(file).convert("RGB"), dtype=float)
    (image,) = plotting.frames([fig], ["one"], name="Step", alt=str).images
    assert np.abs(np.asarray(Image.open(io.BytesIO(image)).convert("RGB")) - whole).mean() < 0.5


def test_frames_are_not_cropped_to_their_ink() -> None:
    with plt.rc_context({"savefig.bbox": "tight"}):
        assert Image.open(io.BytesIO(stepped().images[0])).size == (300, 200)


def test_frames_leave_no_figure_open_and_come_out_alike_each_time() -> None:
    made = stepped()
    assert plt.get_fignums() == []
    assert made == stepped()
    assert repr(made) == "Step: 3 frames, step 0 to step 2"


def test_the_page_of_frames_says_all_that_a_reader_without_script_needs() -> None:
    made = plotting.frames(drawn([1.0, 2.0]), ["a < b", '"c"'], name="A & B", alt=lambda label: f"Seen at {label}.")
    page = BeautifulSoup(made._repr_html_(), "html.parser")
    assert page.div["data-name"] == "A & B"
    assert [image["alt"] for image in page.find_all("img")] == ["Seen at a < b.", 'Seen at "c".']
    assert [label.get_text() for label in page.select(".frame > .frame-label")] == ["a < b", '"c"']
    sources = [image["src"].removeprefix("data:image/png;base64,") for image in page.find_all("img")]
    assert tuple(map(base64.b64decode, sources)) == made.images
    assert page.find("script") is None
    assert "grid" in page.div["style"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: plotting.frames(drawn([1.0, 2.0]), ["one"], name="Step", alt=str),
            "2 figures have 1 labels; pass one",
        ),
        (lambda: plotting.frames([], [], name="Step", alt=str), "0 figures have 0 labels; pass one label for each"),
        (
            lambda: plotting.frames([*drawn([1.0]), *drawn([1.0], width=4)], ["a", "b"], name="Step", alt=str),
            "figures have 2 different sizes; draw all of them with the same figsize",
        ),
    ],
)
def test_frames_that_do_not_fit_together_are_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()


def test_frames_that_would_weigh_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = sum(map(len, stepped().images))
    monkeypatch.setattr(plotting, "FRAMES_BYTES", weight)
    assert sum(map(len, stepped().images)) == weight
    monkeypatch.setattr(plotting, "FRAMES_BYTES", weight - 1)
    with pytest.raises(BadInput, match=r"3 frames have \d+ kB, more than \d+; draw fewer or smaller ones"):
        stepped()
