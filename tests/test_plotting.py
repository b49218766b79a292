"""Charts: arrays in, figure and axes out; what is drawn is what was given."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose

from itdl import plotting

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
