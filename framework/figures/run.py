"""The figures of one run."""

from __future__ import annotations

import json
from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from framework.figures.canvas import (
    BLACK,
    COLOURS,
    CONTESTANTS,
    FloatArray,
    _by_part,
    _name,
    counted,
    densities,
    head,
    new_figure,
)
from framework.figures.canvas import save as save

_POINTS_OF_MAP = 6000


def latent_map(cell: xr.Dataset) -> Figure:
    """First two principal components of the latent vectors; a density where there is but one."""
    part = cell["part"].values[cell["latent_candidate"].values]
    latent = cell["latent"].values.astype(float)
    figure, (axes,) = new_figure()
    if latent.shape[1] == 1:
        densities(axes, _by_part(latent[:, 0], part))
        axes.set_xlabel("the one latent dimension (units of the encoder)")
        axes.set_ylabel("density (per unit)")
    else:
        _principal_plane(axes, latent, part)
    head(axes, _name(cell), columns=3)
    return figure


def training_curves(cell: xr.Dataset) -> Figure | None:
    """The loss, and its terms, over the epochs; None where nothing was trained in epochs."""
    history = {name: values for name, values in json.loads(cell.attrs["history"]).items() if values}
    quantities = list(dict.fromkeys(name.partition("_")[2] for name in history))
    if not quantities:
        return None
    # The only term of a loss is the loss: a second panel would repeat the first.
    panels = [["loss"], [name for name in quantities if name != "loss"]]
    panels = panels[: 1 if len(panels[1]) < 2 else 2]
    figure, columns = new_figure(columns=len(panels))
    for axes, in_panel in zip(columns, panels, strict=True):
        for quantity, colour in zip(in_panel, cycle(CONTESTANTS), strict=False):
            for part, line in (("train", "-"), ("validation", "--")):
                values = history.get(f"{part}_{quantity}", [])
                label = part if quantity == "loss" else quantity if part == "train" else None
                colour = BLACK if quantity == "loss" else colour
                epochs = np.arange(1, len(values) + 1)
                axes.plot(epochs, values, line, color=colour, marker=".", label=label)
        _epoch_axes(axes, "loss" if in_panel == ["loss"] else "term of the loss")
        head(axes, "")
    figure.suptitle(_name(cell), x=0.01, ha="left")
    return figure


def run_figures(cell: xr.Dataset) -> dict[str, Figure]:
    """What is drawn of every run, whatever its task: latent space, and training where there was
    any."""
    figures = {"latent_map": latent_map(cell)}
    if (curves := training_curves(cell)) is not None:
        figures["training_curves"] = curves
    return figures


def _principal_plane(axes: Axes, latent: FloatArray, part: NDArray[Any]) -> None:
    centred = latent - latent.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    shares = 100 * variances[::-1].clip(0) / max(variances.sum(), np.finfo(float).tiny)
    points = centred @ directions[:, :-3:-1]
    generator = np.random.default_rng(0)
    for name, members in _by_part(np.arange(len(points)), part).items():
        drawn = members
        if len(members) > _POINTS_OF_MAP:
            drawn = generator.choice(members, _POINTS_OF_MAP, False)
        size, alpha = (2.5, 0.5) if name == "unexplored" else (3.5, 0.75)
        style: dict[str, Any] = {"color": COLOURS[name], "mew": 0, "alpha": alpha}
        axes.plot(*points[drawn].T, "o", ms=size, label=counted(name, len(drawn)), **style)
    axes.set_aspect("equal", adjustable="datalim")
    # A dead component shows as such: 0.034 %, not 0 %.
    first, second = (f"{share:.0f}" if share >= 1 else f"{share:.2g}" for share in shares[:2])
    axes.set_xlabel(f"principal component 1 ({first} % of variance)")
    axes.set_ylabel(f"principal component 2 ({second} % of variance)")


def _epoch_axes(axes: Axes, quantity: str) -> None:
    """Whole epochs; a logarithmic axis where every value allows it, with few plain ticks."""
    values = np.concatenate([np.asarray(line.get_ydata()) for line in axes.lines])
    if (values > 0).all():
        axes.set_yscale("log")
        decades = np.log10(values.max() / values.min())
        if decades < 3:
            narrow = decades < 1
            axes.yaxis.set_major_locator(MaxNLocator(6) if narrow else LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{quantity} (mean per item)")
