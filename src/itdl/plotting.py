"""House style and the chart functions of the book: arrays in, figure and axes out; nothing is computed here.

Theory is a line, a measurement a point with its interval (the range over seeds unless said otherwise), a bound or an
optimum a dashed black line. An ordered family (widths, scales, sample sizes) takes its colours in order from one
map and is told apart by markers too.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import ArrayLike
from PIL import Image

from itdl.checks import Array, BadInput

__all__ = ["Frames", "bands", "families", "frames", "gallery", "information_plane", "intervals", "panels", "use_style"]

MARKERS = "osD^vP*X"
COLOURS = 64  # of a frame: enough for lines and letters
FRAMES_BYTES = 150_000  # of all frames together: they travel inside the notebook and the page
GRID = "display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: 0.75rem"


def use_style() -> None:
    """Switch matplotlib to the house style; the only function here with an effect beyond its return value."""
    plt.style.use(Path(__file__).with_name("itdl.mplstyle"))


def colours(count: int) -> list[Any]:
    """`count` colours in order, dark to light, none too pale for a white ground; perceptually even (viridis)."""
    return list(sns.color_palette("viridis", as_cmap=True)(np.linspace(0, 0.85, count)))


def panels(titles: Sequence[str], *, height: float = 3.4, **options: Any) -> tuple[Figure, list[Axes]]:
    """One row of titled panels; `options` go to `plt.subplots`, the rest to every axis by keyword (`xlabel=...`)."""
    shared = {name: options.pop(name) for name in ("sharex", "sharey", "width_ratios") if name in options}
    fig, axs = plt.subplots(1, len(titles), figsize=(6.6, height), squeeze=False, **shared)
    for ax, title in zip(axs[0], titles, strict=True):
        ax.set(title=title, **options)
        if "yticks" in options:
            ax.set_yticks(options["yticks"], [f"{tick:g}" for tick in options["yticks"]])
            ax.minorticks_off()
        if options.get("xscale") == "log":
            ax.xaxis.set_major_locator(LogLocator(numticks=6))
    if shared.get("sharey"):
        for ax in axs[0, 1:]:
            ax.set_ylabel("")
    return fig, list(axs[0])


def families(
    x: ArrayLike, lines: Mapping[str, ArrayLike], values: Sequence[object], *, name: str, **axis: Any
) -> tuple[Figure, list[Axes]]:
    """One panel per entry of `lines` (family, seeds, points): the mean of each family over x, its range as a band."""
    fig, axs = panels(list(lines), sharey=True, **axis)
    for ax, (_, y) in zip(axs, lines.items(), strict=True):
        for colour, value, seeds in zip(colours(len(values)), values, np.asarray(y), strict=True):
            bands(ax, np.asarray(x), seeds, label=f"{name} = {value}", color=colour)
    fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(values), 4))
    return fig, axs


def bands(ax: Axes, x: Array, seeds: Array, *, label: str, color: Any = None, **line: Any) -> None:
    """Mean over the first axis as a line, the range over it as a band.   x (points,), seeds (seeds, points)."""
    (drawn,) = ax.plot(x, seeds.mean(axis=0), label=label, color=color, **line)
    ax.fill_between(x, seeds.min(axis=0), seeds.max(axis=0), color=drawn.get_color(), alpha=0.18, linewidth=0)


def information_plane(
    planes: Mapping[str, tuple[ArrayLike, ArrayLike]],
    frontier: tuple[ArrayLike, ArrayLike],
    values: Sequence[object],
    *,
    name: str,
    best: str = "optimum (Gaussian IB)",
    every: int = 4,
    **axis: Any,
) -> tuple[Figure, list[Axes]]:
    """Trajectories (I(X;Z), I(Z;Y)) in nats, one panel per entry, (family, points) each; the optimum dashed.

    A marker stands at every `every`-th time, a large one at the end of training.
    """
    labels = {"xlabel": "I(X;Z|D) [nats]", "ylabel": "I(Z;Y) [nats]"} | axis
    fig, axs = panels(list(planes), sharey=True, sharex=True, **labels)
    for ax, (i_x, i_y) in zip(axs, planes.values(), strict=True):
        ax.plot(*frontier, color="black", linestyle="--", linewidth=1.4, label=best)
        style = zip(colours(len(values)), MARKERS, values, np.asarray(i_x), np.asarray(i_y), strict=False)
        for colour, marker, value, x, y in style:
            ax.plot(x, y, color=colour, marker=marker, markevery=every, label=f"{name} = {value}")
            ax.plot(x[-1], y[-1], color=colour, marker=marker, markersize=9, clip_on=True)
    fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig, axs


def gallery(rows: Mapping[str, tuple[ArrayLike, Sequence[str]]], *, height: float = 1.15) -> Figure:
    """Grey images in named rows, each with a caption above it: name to images (count, h, w) and their captions."""
    columns = max(len(captions) for _, captions in rows.values())
    fig, axs = plt.subplots(len(rows), columns, figsize=(6.6, height * len(rows)), squeeze=False)
    for line, (name, (images, captions)) in zip(axs, rows.items(), strict=True):
        for ax in line:
            ax.set(xticks=[], yticks=[], frame_on=False)
        line[0].set_ylabel(name)
        for ax, image, caption in zip(line, np.asarray(images), captions, strict=False):
            ax.imshow(image, cmap="Greys")
            ax.set_title(caption, fontsize="x-small")
    return fig


def intervals(ax: Axes, x: ArrayLike, seeds: ArrayLike, *, label: str, **style: Any) -> None:
    """Mean over the last axis as points, the range over it as bars.   x (points,), seeds (points, seeds)."""
    y = np.asarray(seeds)
    mean = y.mean(axis=-1)
    spread = np.abs(np.stack([y.min(axis=-1), y.max(axis=-1)]) - mean)
    options: dict[str, Any] = {"marker": "o", "linestyle": "none"} | style
    ax.errorbar(np.asarray(x), mean, yerr=spread, label=label, **options)


@dataclass(frozen=True)
class Frames:
    """A figure in steps: `images` are PNG files, each with the label and the alternative text of its step."""

    name: str
    labels: tuple[str, ...]
    alts: tuple[str, ...]
    images: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"{self.name}: {len(self.labels)} frames, {self.labels[0]} to {self.labels[-1]}"

    def _repr_html_(self) -> str:
        """All frames as a grid, each above its label; book/static/frames.js makes one picture with a slider of it."""
        steps = "".join(
            f'<div class="frame"><img alt="{html.escape(alt)}" style="width: 100%; height: auto" '
            f'src="data:image/png;base64,{base64.b64encode(image).decode()}">'
            f'<p class="frame-label">{html.escape(label)}</p></div>\n'
            for label, alt, image in zip(self.labels, self.alts, self.images, strict=True)
        )
        return f'<div class="frames" data-name="{html.escape(self.name)}" style="{GRID}">\n{steps}</div>'


def frames(figures: Iterable[Figure], labels: Sequence[str], *, name: str, alt: Callable[[str], str]) -> Frames:
    """The figures, one for each label, as one figure in steps; each is drawn and closed in turn.

    `name` says what is stepped through ("Epoch"), `alt(label)` what is seen in the frame of that label. All figures
    must have the same size, together not more than `FRAMES_BYTES`.
    """
    images, sizes = [], set()
    for figure in figures:
        image = _drawn(figure)
        sizes.add(image.size)
        images.append(_small(image))
    if len(images) != len(labels) or not images:
        raise BadInput(f"{len(images)} figures have {len(labels)} labels; pass one label for each, and at least one")
    if len(sizes) > 1:
        raise BadInput(f"figures have {len(sizes)} different sizes; draw all of them with the same figsize")
    if (total := sum(map(len, images))) > FRAMES_BYTES:
        raise BadInput(
            f"{len(images)} frames have {total / 1000:.0f} kB, more than {FRAMES_BYTES / 1000:.0f}; "
            "draw fewer or smaller ones"
        )
    return Frames(name, tuple(labels), tuple(map(alt, labels)), tuple(images))


def _drawn(figure: Figure) -> Image.Image:
    """The whole figure as pixels, without the cropping that would make frames jump; the figure is closed."""
    file = io.BytesIO()
    with plt.rc_context({"savefig.bbox": None}):
        figure.savefig(file, format="png", dpi=figure.dpi)
    plt.close(figure)
    return Image.open(file).convert("RGB")


def _small(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return file.getvalue()
