"""A map of a phase field: compositions in their triangle or tetrahedron, coloured by a value.

Of four elements the charge-neutral compositions lie in one plane of the tetrahedron, whose corners
are the neutral binaries: a section that shows the field true to scale, with tie lines straight.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon
from matplotlib.patheffects import withStroke
from matplotlib.tri import LinearTriInterpolator, Triangulation
from numpy.typing import NDArray

from framework.figures.canvas import BLACK, GREY, VERMILLION, new_figure
from zoo.charge_neutrality import Section, neutral_section

FloatArray = NDArray[np.float64]

FINEST = 160
"""Steps of the interpolated surface along each axis."""
MOST_NUMBERED = 16

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
_RAW = np.array(
    [[0, 0, 0], [1, 0, 0], [0.5, np.sqrt(3) / 2, 0], [0.5, np.sqrt(3) / 6, np.sqrt(2 / 3)]]
)
TETRAHEDRON = _RAW - _RAW.mean(axis=0)
TURNED, TILTED = np.radians(42), np.radians(18)
"""How the tetrahedron is looked at: no two corners and no two edges cover each other."""


def composition_map(
    elements: Sequence[str],
    fractions: FloatArray,
    values: FloatArray,
    axis: str,
    target: float | None = None,
    maximise: bool = False,
    names: Sequence[str] = (),
) -> Figure:
    """Compositions of three or four elements, the wanted values dark, hits ringed.

    Args:
        elements: symbols (k,), k = 3 or 4.
        fractions: atomic fractions (n, k).
        values: of each composition (n,).
        axis: what the value is, with its units.
        target: the value that a hit reaches.
        maximise: whether high values are wanted.
        names: of the compositions (n,); the best hits that hold all elements are numbered, and
            named beside the map.
    """
    hits = np.zeros(len(values), bool)
    if target is not None:
        hits = values >= target if maximise else values <= target
    colours = _colours(values, maximise)
    section = neutral_section(elements, fractions) if len(elements) == 4 else None
    n_panels = 1 if section is None else 2
    figure, panels = new_figure(5.2, n_panels, 1, 7.5 if n_panels == 1 else 12.5)
    for axes in panels:
        axes.set_axis_off()
        axes.set_aspect("equal")
    numbers = _numbered(values, hits & (fractions > 0).all(axis=1), maximise) if names else []
    if len(elements) == 3:
        _panel(panels[0], fractions @ TRIANGLE, values, hits, colours, numbers)
        _outline(panels[0], TRIANGLE, list(elements))
        panels[0].set_title(f"{len(values)} compositions", fontsize=10, pad=24)
    else:
        _tetrahedron(panels[0], elements, fractions, values, hits, colours, section)
    if section is not None:
        _neutral_panel(panels[1], elements, fractions, values, hits, colours, section, numbers)
    bar = figure.colorbar(colours, ax=panels, shrink=0.75, pad=0.02, label=axis)
    if numbers:  # as a legend, which has room of its own
        key = [f"{number}  {names[i]}  {values[i]:.3g}" for number, i in numbers]
        blank = [Patch(visible=False)] * len(key)
        place: dict[str, Any] = {"loc": "outside right center", "frameon": False, "fontsize": 8.5}
        figure.legend(blank, key, handlelength=0, handletextpad=0, **place)
    if target is not None:
        bar.ax.axhline(target, color=VERMILLION, lw=2)
        sign = "≥" if maximise else "≤"
        ring = panels[0].scatter([], [], s=46, facecolor="none", edgecolor=VERMILLION, lw=1.5)
        quantity, _, units = axis.partition(" (")
        label = f"{quantity} {sign} {target:g} {units.rstrip(')')}: {hits.sum()} of {len(hits)}"
        figure.legend([ring], [label], loc="outside lower center", frameon=False)
    return figure


def _neutral_panel(
    axes: Axes,
    elements: Sequence[str],
    fractions: FloatArray,
    values: FloatArray,
    hits: NDArray[np.bool_],
    colours: ScalarMappable,
    section: Section,
    numbers: Sequence[tuple[int, int]],
) -> None:
    """The compositions of the charge-neutral section, looked at head-on."""
    neutral, plane = np.flatnonzero(section.lying), _Plane(section.corners)
    inside = [(number, int(neutral.searchsorted(i))) for number, i in numbers if i in neutral]
    _panel(axes, plane(fractions[neutral]), values[neutral], hits[neutral], colours, inside)
    names = [_binary(elements, corner) for corner in section.corners]
    _outline(axes, plane(section.corners), names)
    charges = ", ".join(f"{e} {q:+d}" for e, q in zip(elements, section.states, strict=True))
    title = f"charge-neutral section ({charges}): {len(neutral)} compositions"
    axes.set_title(title, fontsize=10, pad=24)


class _Plane:
    """Isometric coordinates in the plane of some corners, of which the longest side lies level
    below the others."""

    def __init__(self, corners: FloatArray) -> None:
        space = corners @ TETRAHEDRON
        self.middle = space.mean(axis=0)
        flat = np.linalg.svd(space - self.middle)[2][:2]
        around = _around((space - self.middle) @ flat.T)
        sides = np.roll(space[around], -1, axis=0) - space[around]
        level = max(sides, key=np.linalg.norm)
        level = level / np.linalg.norm(level)
        begins = space[around][np.argmax(np.linalg.norm(sides, axis=1))]
        up = self.middle - begins
        up = up - (up @ level) * level
        self.axes = np.stack([level, up / np.linalg.norm(up)])

    def __call__(self, fractions: FloatArray) -> FloatArray:
        flat: FloatArray = (fractions @ TETRAHEDRON - self.middle) @ self.axes.T
        return flat


def _around(corners: FloatArray) -> NDArray[np.intp]:
    """The order of corners (m, 2) of a convex shape around its middle."""
    order: NDArray[np.intp] = np.argsort(np.arctan2(*(corners - corners.mean(axis=0)).T[::-1]))
    return order


def _numbered(
    values: FloatArray, visible: NDArray[np.bool_], maximise: bool
) -> list[tuple[int, int]]:
    """Numbers from 1 for the best of the compositions that are shown, with their indices."""
    order = np.argsort(-values if maximise else values, kind="stable")
    best = [int(i) for i in order if visible[i]][:MOST_NUMBERED]
    return list(enumerate(best, 1))


def _colours(values: FloatArray, maximise: bool) -> ScalarMappable:
    name = "YlGnBu" if maximise else "YlGnBu_r"
    return ScalarMappable(Normalize(values.min(), values.max()), name)


def _panel(
    axes: Axes,
    at: FloatArray,
    values: FloatArray,
    hits: NDArray[np.bool_],
    colours: ScalarMappable,
    numbers: Sequence[tuple[int, int]],
) -> None:
    """Points (n, 2) over a surface interpolated between them."""
    if len(at) > 3:
        mesh = Triangulation(*at.T)
        x, y = (np.linspace(*bounds, FINEST) for bounds in zip(at.min(0), at.max(0), strict=True))
        grid = LinearTriInterpolator(mesh, values)(*np.meshgrid(x, y))
        axes.contourf(x, y, grid, 24, cmap=colours.cmap, norm=colours.norm, zorder=0)
    _points(axes, at, values, hits, colours)
    for number, i in numbers:
        text = axes.annotate(
            str(number), at[i], (5, 5), textcoords="offset points", fontsize=8.5, zorder=5
        )
        text.set_path_effects([withStroke(linewidth=2.2, foreground="white")])


def _points(
    axes: Axes,
    at: FloatArray,
    values: FloatArray,
    hits: NDArray[np.bool_],
    colours: ScalarMappable,
) -> None:
    style: dict[str, Any] = {"cmap": colours.cmap, "norm": colours.norm, "zorder": 3}
    edge: dict[str, Any] = {"edgecolor": "white", "lw": 0.6, "clip_on": False}
    ring: dict[str, Any] = {"edgecolor": VERMILLION, "lw": 1.6, "clip_on": False}
    for which, size, border in ((~hits, 22, edge), (hits, 44, ring)):
        x, y = at[which].T
        axes.scatter(x, y, size, values[which], **border, **style)


def _outline(axes: Axes, corners: FloatArray, names: Sequence[str]) -> None:
    """The border through the corners, and their names outside of it."""
    middle = corners.mean(axis=0)
    axes.add_patch(
        Polygon(corners[_around(corners)], fill=False, edgecolor=BLACK, lw=1.2, zorder=2)
    )
    _named(axes, corners, names, middle)
    axes.autoscale_view()


def _named(axes: Axes, corners: FloatArray, names: Sequence[str], middle: FloatArray) -> None:
    for corner, name in zip(corners, names, strict=True):
        away = (corner - middle) / np.linalg.norm(corner - middle)
        axes.annotate(
            name, corner, 14 * away, textcoords="offset points", ha="center", va="center",
            fontsize=11, fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def _tetrahedron(
    axes: Axes,
    elements: Sequence[str],
    fractions: FloatArray,
    values: FloatArray,
    hits: NDArray[np.bool_],
    colours: ScalarMappable,
    section: Section | None,
) -> None:
    """All compositions, looked at from outside; far ones first."""
    corners, depth = _seen(np.eye(4))
    for i, j in itertools.combinations(range(4), 2):
        hidden = depth.argmin() in (i, j)
        axes.plot(*corners[[i, j]].T, color=GREY, lw=0.9, ls=":" if hidden else "-", zorder=1)
    if section is not None:
        plane = _seen(section.corners)[0]
        grey: dict[str, Any] = {"facecolor": "#DDDDDD", "edgecolor": BLACK, "lw": 0.8}
        axes.add_patch(Polygon(plane[_around(plane)], zorder=0, **grey))
    at, far = _seen(fractions)
    order = np.argsort(far)
    _points(axes, at[order], values[order], hits[order], colours)
    _named(axes, corners, elements, corners.mean(axis=0))
    axes.set_title(
        f"all {len(values)} compositions; grey: charge-neutral section", fontsize=10, pad=24
    )


def _seen(fractions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Position (n, 2) on the page and nearness (n,) of compositions in the tetrahedron."""
    x, y, z = (fractions @ TETRAHEDRON).T
    x, y = x * np.cos(TURNED) - y * np.sin(TURNED), x * np.sin(TURNED) + y * np.cos(TURNED)
    return np.stack([x, z * np.cos(TILTED) + y * np.sin(TILTED)], axis=1), -y * np.cos(TILTED)


def _binary(elements: Sequence[str], corner: FloatArray) -> str:
    from pymatgen.core import Composition

    amounts = {e: float(x) for e, x in zip(elements, corner, strict=True) if x > 0}
    name: str = Composition(amounts).get_integer_formula_and_factor()[0]
    return name
