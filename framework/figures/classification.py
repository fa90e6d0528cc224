"""The figures of classification tasks: ROC curves of two classes, who is taken for what of more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from framework.contracts.split import PARTS
from framework.figures.canvas import BLACK, BLUE, RESAMPLES, FloatArray, new_figure
from framework.figures.leaderboard import line_styles
from framework.metrics.bootstrap import interval, resample_groups

MOST_CLASSES = 30
"""Classes whose matrix can still be read."""
_MOST_NUMBERS = 12

_FALSE = np.linspace(0, 1, 201)
"""False positive rates at which curves are drawn."""


def roc_curve(cell: xr.Dataset) -> Figure | None:
    """Recall of the positive class against false positives, on the hold-out at the most labels,
    with its interval; None where there are more classes than two."""
    if (metric := _auroc(cell)) is None:
        return None
    holdout = cell["part"].values == PARTS.index("holdout")
    positive = cell["truth"].values[holdout] == 1
    groups = cell["group"].values[holdout]
    curve, resampled = _resampled(cell["score"].values[holdout].astype(float), positive, groups)
    figure, (axes,) = new_figure(height=5.2, width=5.2)
    axes.fill_between(_FALSE, *interval(resampled.T), color=BLUE, alpha=0.15, lw=0)
    axes.plot([0, *_FALSE], [0, *curve], color=BLUE, lw=2.2, label=cell.attrs["encoder"])
    _roc_axes(axes, cell)
    at = cell.sel(metric=metric)
    value, low, high = (float(at[name]) for name in ("value", "low", "high"))
    of = f"{cell.attrs['encoder']}, split {cell.attrs['split']}, seed {cell.attrs['seed']}"
    counts = f"{positive.sum():,} positives, {(~positive).sum():,} others"
    title = f"{of}\n{counts}; AUROC {value:.3f} [{low:.3f}, {high:.3f}]"
    axes.set_title(title, loc="left", fontsize=11)
    return figure


def roc_curves(cube: xr.Dataset, table: pd.DataFrame) -> Figure | None:
    """The same for every encoder of a benchmark, mean over folds and seeds with its interval;
    None where there are more classes than two.

    Contestants are solid and coloured, baselines dashed and grey, the best first.

    Args:
        cube: of one split strategy.
        table: its leaderboard, of all metrics.
    """
    if (metric := _auroc(cube)) is None:
        return None
    table = table.sort_values(metric, ascending=False, kind="stable")
    styles = line_styles(table["encoder"], cube)
    figure, (axes,) = new_figure(height=5.4, width=8.6)
    for row in table.to_dict("records"):
        name, style = row["encoder"], styles[row["encoder"]]
        if np.isnan(row[metric]):
            axes.plot([], [], label=f"{name} (incomplete)", **style)
            continue
        curve, low, high = _mean(cube.sel(encoder=name))
        axes.fill_between(_FALSE, low, high, color=style["color"], alpha=0.12, lw=0)
        axes.plot([0, *_FALSE], [0, *curve], label=f"{name}  {row[metric]:.3f}", **style)
    _roc_axes(axes, cube)
    place: dict[str, Any] = {"loc": "outside right center", "alignment": "left"}
    figure.legend(*axes.get_legend_handles_labels(), title="AUROC", frameon=False, **place)
    title = f"split {table['split'].iloc[0]}, {table['cells'].iloc[0]}\nbands: 95 % interval of the mean"
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def confusion_matrix(cell: xr.Dataset) -> Figure | None:
    """Of the materials of each true class, the share taken for each class: the hold-out at the
    most labels, by the coarsest classes; None where they are too many to be read."""
    counts = cell["confusion"].values
    if len(counts) > MOST_CLASSES:
        return None
    of = cell["confusion"].attrs["of"]
    true, taken = (cell[name].values.astype(str) for name in ("true_class", "predicted_class"))
    n = counts.sum(axis=1)
    shares = 100 * counts / np.maximum(n, 1)[:, None]
    size = 2.6 + 0.5 * len(true)
    figure, (axes,) = new_figure(height=size, width=size + 1.6)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    if len(true) <= _MOST_NUMBERS:
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 50 else BLACK
            text = "" if counts[row, column] == 0 else f"{share:.0f}" if share >= 1 else "<1"
            axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(taken)), taken, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(true)), [f"{name} ({m:,})" for name, m in zip(true, n, strict=True)])
    spoken = of.replace("_", " ")
    axes.set_xlabel(f"predicted {spoken}")
    axes.set_ylabel(f"true {spoken} (held-out materials)")
    figure.colorbar(image, ax=axes, shrink=0.8).set_label(
        "share of the true class (%)", fontsize=11
    )
    labels = str(cell["labels"].values[-1])
    quoted = [
        float(cell["value"].sel(metric=f"{of}/{labels}/{name}"))
        for name in ("accuracy", "balanced_accuracy")
    ]
    title = f"{cell.attrs['encoder']}, split {cell.attrs['split']}, seed {cell.attrs['seed']}"
    accuracies = f"accuracy {quoted[0]:.3f}, balanced {quoted[1]:.3f}, {labels} labels"
    figure.suptitle(f"{title}\n{accuracies}", x=0.01, ha="left")
    return figure


def _auroc(results: xr.Dataset) -> str | None:
    """The metric of the most labels, of a cell or a cube; None where it was not measured."""
    names = [name for name in results["metric"].values.astype(str) if name.endswith("/auroc")]
    return names[-1] if names else None


def _roc_axes(axes: Axes, results: xr.Dataset) -> None:
    axes.plot([0, 1], [0, 1], color=BLACK, lw=1, ls=":", label="random order")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    axes.set_xlabel("false positive rate")
    axes.set_ylabel(f"true positive rate ({results['truth'].attrs['positive']})")


def _mean(of_encoder: xr.Dataset) -> tuple[FloatArray, ...]:
    """The curve of one encoder, mean over folds and seeds, and its interval (low, high)."""
    cells = (
        of_encoder[["score", "part"]].stack(cell=("split", "seed")).transpose("cell", "candidate")
    )
    curves = []
    for scores, part in zip(cells["score"].values, cells["part"].values, strict=True):
        holdout = part == PARTS.index("holdout")
        positive = of_encoder["truth"].values[holdout] == 1
        groups = of_encoder["group"].values[holdout]
        curves.append(_resampled(scores[holdout].astype(float), positive, groups))
    curve = np.mean([one for one, _ in curves], axis=0)
    return curve, *interval(np.mean([of for _, of in curves], axis=0).T)


def _resampled(
    scores: FloatArray, positive: NDArray[np.bool_], groups: NDArray[np.integer]
) -> tuple[FloatArray, FloatArray]:
    """True positive rates at `_FALSE`, and in each bootstrap resample (resample, rate).

    Whole groups are drawn, those with a positive apart; within a tie both rates rise evenly.
    """
    levels, code = np.unique(-scores, return_inverse=True)

    def curve(times: NDArray[np.integer]) -> FloatArray:
        true, false = (
            np.append(0, np.bincount(code[of], times[of], len(levels)).cumsum())
            for of in (positive, ~positive)
        )
        return np.interp(_FALSE, false / max(false[-1], 1), true / max(true[-1], 1))

    draws = resample_groups(groups, RESAMPLES, seed=0, apart=positive)
    resampled = [curve(times) for several in draws for times in several]
    return curve(np.ones(len(code), dtype=np.intp)), np.array(resampled)
