"""The figures of one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from framework.bootstrap import interval
from framework.canvas import (
    BLACK,
    BLUE,
    COLOURS,
    CONTESTANTS,
    GREY,
    VERMILLION,
    FloatArray,
    counted,
    densities,
    explored_shares,
    head,
    new_figure,
    recall_axes,
    recall_resampled,
    save_all,
    scores_and_relevance,
    spoken,
)
from framework.canvas import (
    save as save,
)
from framework.task import PARTS

if TYPE_CHECKING:
    from framework.diagnostics import Audit

_Array = TypeVar("_Array", bound=NDArray[Any])

PARTS_DRAWN = ("unexplored", "train", "holdout")

_POINTS_OF_MAP = 6000


def ranking_curve(cell: xr.Dataset) -> Figure:
    """Recall of the hold-out against the explored share of the ranking, with its interval."""
    ranked = scores_and_relevance(cell["score"].values, cell["part"].values)
    fractions = explored_shares(len(ranked[0]))
    curve, resampled = recall_resampled(*ranked, fractions)
    low, high = interval(resampled.T)
    figure, (axes,) = new_figure()
    axes.fill_between(fractions, low, high, color=BLUE, alpha=0.2, lw=0, label="95 % interval")
    axes.plot(fractions, curve, color=BLUE, lw=2, label="hold-out", zorder=3)
    recall = cell.sel(metric="recall_at_1pct")
    axes.plot([0.01, 0.01], [recall["low"], recall["high"]], color=BLACK, lw=1.5, zorder=4)
    axes.plot(0.01, recall["value"], "o", color=BLACK, zorder=4, label="recall at 1 %")
    recall_axes(axes, fractions)
    quoted = f"{_quoted(cell, 'auroc')}, {_quoted(cell, 'recall_at_1pct')}"
    axes.set_title(f"{_name(cell)}\n{quoted}", loc="left")
    axes.legend(loc="upper left", frameon=False)
    return figure


def score_distribution(cell: xr.Dataset) -> Figure:
    """Densities of the scores of train, hold-out and unexplored items."""
    part, scores = cell["part"].values, cell["score"].values.astype(float)
    figure, (axes,) = new_figure()
    densities(axes, _by_part(scores, part))
    top = np.quantile(scores_and_relevance(scores, part)[0], 0.99)
    axes.axvline(top, color=BLACK, lw=1, ls=":", label="top 1 % of the ranking begins")
    axes.set_xlabel("score (higher = more plausible)")
    axes.set_ylabel("density (per unit of score)")
    head(axes, _name(cell))
    return figure


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
    for axes, shown in zip(columns, panels, strict=True):
        for quantity, colour in zip(shown, cycle(CONTESTANTS), strict=False):
            for part, line in (("train", "-"), ("validation", "--")):
                values = history.get(f"{part}_{quantity}", [])
                label = part if quantity == "loss" else quantity if part == "train" else None
                colour = BLACK if quantity == "loss" else colour
                epochs = np.arange(1, len(values) + 1)
                axes.plot(epochs, values, line, color=colour, marker=".", label=label)
        _epoch_axes(axes, "loss" if shown == ["loss"] else "term of the loss")
        head(axes, "")
    figure.suptitle(_name(cell), x=0.01, ha="left")
    return figure


def top_candidates(ranking: pd.DataFrame, n: int = 20) -> Figure:
    """The best unexplored candidates as a table.

    Args:
        ranking: columns rank, elements, score, percentile; best first.
    """
    best = ranking.head(n)
    figure, (axes,) = new_figure(height=0.6 + 0.25 * (len(best) + 1))
    axes.set(xlim=(0, 1), ylim=(len(best) + 0.6, -0.6))
    axes.set_axis_off()
    columns = {
        "rank": (0.08, "right", "{:d}"),
        "elements": (0.16, "left", "{}"),
        "score": (0.68, "right", "{:#.4g}"),
        "percentile": (0.97, "right", "{:.4f}"),
    }
    for name, (x, side, form) in columns.items():
        axes.text(x, 0, name, ha=side, va="center", fontsize=11, weight="bold")
        for row, value in enumerate(best[name], start=1):
            text = form.format(value).replace("-", "\N{MINUS SIGN}").replace(" ", "\N{EN DASH}")
            axes.text(x, row, text, ha=side, va="center", fontsize=11)
    for y, width in ((-0.5, 1.4), (0.5, 0.8), (len(best) + 0.5, 1.4)):
        axes.axhline(y, color=BLACK, lw=width)
    axes.set_title(f"the best {len(best)} of the unexplored", loc="left")
    return figure


def audit_figure(audit: Audit, name: str) -> Figure:
    """What the audit saw behind its verdict; panels that an encoder has no data for are left out.

    Args:
        name: of the encoder, for the title.
    """
    draw = [_against_norm, _combinations] if "norm" in audit.evidence else []
    if "variance" in audit.evidence:
        draw.append(_latent_dimensions)
    if "explained_variance" in audit.values:
        draw.append(_explained)
    title = fill(f"{name}: {audit.verdict}", 80)
    reasons = [fill(reason, 110) for reason in audit.reasons] or ["no reason for doubt"]
    text = "\n".join(reasons)
    rows = (len(draw) + 1) // 2
    header = 0.35 + 0.22 * title.count("\n") + 0.17 * (text.count("\n") + 1)  # inches
    width, height = 10.0, header + 3.3 * rows
    # margins by hand: to look for a layout takes longer than all of the drawing
    figure, panels = new_figure(height, columns=2, rows=rows, width=width, layout=None)
    for panel in panels[len(draw) :]:
        panel.remove()
    for panel, show in zip(panels, draw, strict=False):
        show(panel, audit)
        panel.title.set(fontsize=11, ha="left", position=(0, 1))
    edges = {"left": 0.9 / width, "right": 1 - 0.6 / width, "bottom": 0.55 / height}
    figure.subplots_adjust(**edges, top=1 - (header + 0.6) / height, hspace=0.5, wspace=0.36)
    at: dict[str, Any] = {"x": 0.15 / width, "ha": "left", "va": "top"}
    figure.text(y=1 - 0.1 / height, s=title, fontsize=13, **at)
    figure.text(y=1 - (header - 0.17 * (text.count("\n") + 1)) / height, s=text, fontsize=10, **at)
    return figure


def save_run_figures(cell: xr.Dataset, folder: Path) -> list[Path]:
    """Write the figures of one run as PNG; a run without training curves has one fewer."""
    from framework.classification_plots import confusion_matrix, roc_curve
    from framework.property_plots import parity

    draw: tuple[Callable[[xr.Dataset], Figure | None], ...] = (ranking_curve, score_distribution)
    if "prediction" in cell:
        draw = (parity,)
    elif "confusion" in cell:
        draw = (roc_curve, confusion_matrix)
    draw = (*draw, latent_map, training_curves)
    figures = {function.__name__: function(cell) for function in draw}
    return save_all({name: figure for name, figure in figures.items() if figure}, folder)


def _by_part(values: _Array, part: NDArray[Any]) -> dict[str, _Array]:
    """The values of each part that is drawn, backmost first; empty parts are left out."""
    found = {name: values[part == PARTS.index(name)] for name in PARTS_DRAWN}
    return {name: own for name, own in found.items() if len(own)}


def _principal_plane(axes: Axes, latent: FloatArray, part: NDArray[Any]) -> None:
    centred = latent - latent.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    shares = 100 * variances[::-1].clip(0) / max(variances.sum(), np.finfo(float).tiny)
    points = centred @ directions[:, :-3:-1]
    generator = np.random.default_rng(0)
    for name, own in _by_part(np.arange(len(points)), part).items():
        shown = own if len(own) <= _POINTS_OF_MAP else generator.choice(own, _POINTS_OF_MAP, False)
        size, alpha = (2.5, 0.5) if name == "unexplored" else (3.5, 0.75)
        style: dict[str, Any] = {"color": COLOURS[name], "mew": 0, "alpha": alpha}
        axes.plot(*points[shown].T, "o", ms=size, label=counted(name, len(shown)), **style)
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


def _name(cell: xr.Dataset) -> str:
    return f"{cell.attrs['encoder']}, split {cell.attrs['split']}, seed {cell.attrs['seed']}"


def _quoted(cell: xr.Dataset, metric: str) -> str:
    value, low, high = (float(cell[end].sel(metric=metric)) for end in ("value", "low", "high"))
    return f"{spoken(metric)} {value:.3f} [{low:.3f}, {high:.3f}]"


def _against_norm(axes: Axes, audit: Audit) -> None:
    axes.plot(audit.evidence["norm"], audit.evidence["score"], "o", color=BLUE, ms=2, alpha=0.3)
    axes.set_xlabel("Euclidean norm of the input")
    axes.set_ylabel("score")
    minus, correlation = "\N{MINUS SIGN}", audit.values["norm_correlation"]
    axes.set_title(f"is it the norm?\nrank correlation with {minus}norm: {correlation:.3f}")


def _combinations(axes: Axes, audit: Audit) -> None:
    noise = 1e-9 * (np.ptp(audit.evidence["score"]) or 1)  # what is left of a sum
    groups = {"shuffled": audit.evidence["shuffled"], "holdout": audit.evidence["real"]}
    densities(axes, {name: np.where(abs(own) < noise, 0, own) for name, own in groups.items()})
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left", frameon=False, ncols=2)
    axes.set_xlabel("score without its additive part")
    axes.set_ylabel("density (per unit of score)")
    own, whole = audit.values["combination_auroc"], audit.values["shuffle_auroc"]
    told = f"AUROC {own:.2f}, of the whole score {whole:.2f}"
    axes.set_title(f"does it notice shuffled elements?\n{told}")


def _latent_dimensions(axes: Axes, audit: Audit) -> None:
    from framework.diagnostics import ACTIVE_VARIANCE  # brings torch

    order = np.argsort(-audit.evidence["variance"], kind="stable")
    bars = {"variance": (audit.evidence["variance"][order], BLUE)}
    if "kl" in audit.evidence:
        bars["KL to the prior (nats)"] = (audit.evidence["kl"][order], CONTESTANTS[4])
        axes.axhline(ACTIVE_VARIANCE, color=BLACK, lw=1, ls="--", label="active above 0.01")
    floor = min(own[own > 0].min(initial=ACTIVE_VARIANCE) for own, _ in bars.values())
    floor = 10 ** np.floor(np.log10(max(floor, 1e-9)) - 0.1)
    top = max(own.max() for own, _ in bars.values())
    width, places = 0.8 / len(bars), np.arange(1, len(order) + 1)
    for i, (label, (own, colour)) in enumerate(bars.items()):
        shift = width * (i - (len(bars) - 1) / 2)
        axes.bar(places + shift, own.clip(floor), width, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_ylim(floor, max(top, ACTIVE_VARIANCE) * (max(top, 1) / floor) ** 0.35)
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right", frameon=False)
    axes.set_xlabel("latent dimension, by variance")
    axes.set_ylabel("variance, KL" if "kl" in audit.evidence else "variance")
    rank = f"effective rank {audit.values['effective_rank']:.1f} of {len(order)}"
    axes.set_title(f"is the latent space in use?\n{rank}")


def _explained(axes: Axes, audit: Audit) -> None:
    bars = {
        "seen": ("explained_variance_seen", BLUE),
        "unseen": ("explained_variance", VERMILLION),
        "unseen,\nagainst 0": ("explained_variance_zero", GREY),
    }
    lowest = -0.25
    for row, (quantity, colour) in enumerate(bars.values()):
        value = audit.values[quantity]
        axes.barh(row, max(value, lowest), color=colour, height=0.6)
        text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
        axes.annotate(text, (1.02, row), xycoords=("axes fraction", "data"), va="center")
    for x, line in ((0, "-"), (1, ":")):
        axes.axvline(x, color=BLACK, lw=1, ls=line)
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(lowest, 1.05)
    axes.set_xlabel("explained variance (0: the mean, 1: all)")
    axes.set_ylabel("items")
    axes.set_title("does it reconstruct?\nshare of the variance that the decoder explains")
