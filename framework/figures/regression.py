"""The figures of property tasks: predicted against true values, and error against labels."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from framework.contracts.split import PARTS
from framework.figures.canvas import BLACK, BLUE, HEIGHT, WIDTH, new_figure
from framework.figures.leaderboard import line_styles, main_metric
from framework.registry.metrics import spoken

_POINTS = 4000


def parity(cell: xr.Dataset) -> Figure:
    """Predicted against true values of the hold-out, one panel a property, at the most labels."""
    holdout = np.flatnonzero(cell["part"].values == PARTS.index("holdout"))
    if len(holdout) > _POINTS:
        holdout = np.sort(np.random.default_rng(0).choice(holdout, _POINTS, replace=False))
    names, labels = cell["property"].values.astype(str), str(cell["labels"].values[-1])
    figure, panels = new_figure(height=4.6, columns=len(names), width=4.6 * len(names))
    for axes, name in zip(panels, names, strict=True):
        cells = cell.sel(property=name).isel(labels=-1, candidate=holdout)
        true, predicted = cells["truth"].values, cells["prediction"].values
        axes.plot(true, predicted, "o", color=BLUE, ms=3, mew=0, alpha=0.3)
        ends = [np.nanmin(true), np.nanmax(true)]
        axes.plot(ends, ends, color=BLACK, lw=1, ls=":")
        unit = f" ({cells['units'].item()})"
        axes.set_xlabel(f"true {name.replace('_', ' ')}{unit}")
        axes.set_ylabel(f"predicted{unit}")
        quoted = [float(cell["value"].sel(metric=f"{name}/{labels}/{m}")) for m in ("mae", "r2")]
        axes.set_title(f"MAE {quoted[0]:.3g}, R² {quoted[1]:.3f}", loc="left", fontsize=11)
    title = f"{cell.attrs['encoder']}, split {cell.attrs['split']}, seed {cell.attrs['seed']}"
    figure.suptitle(f"{title}, {labels} labels", x=0.01, ha="left")
    return figure


def learning_curves(cube: xr.Dataset, table: pd.DataFrame) -> Figure:
    """A metric against the number of labels, one panel a property: mean over folds and seeds.

    The metric is that of the first one of the experiment; bands are 95 % intervals of the mean.

    Args:
        cube: of one split strategy.
        table: its leaderboard, of all metrics.
    """
    kind = main_metric(cube).rpartition("/")[2]
    labels: dict[str, list[str]] = {}
    for metric in cube["metric"].values.astype(str):
        name, n, of = metric.split("/")
        if of == kind:
            labels.setdefault(name, []).append(n)
    rows = table.set_index("encoder")
    most = int((cube["part"] == PARTS.index("train")).sum("candidate").max())
    lines = line_styles(table["encoder"], cube)
    units = json.loads(cube.attrs["units"]) if kind in ("mae", "rmse") else {}
    width = max(WIDTH, 3.6 * len(labels))
    figure, panels = new_figure(HEIGHT + 0.22 * len(table), len(labels), width=width)
    for axes, (name, steps) in zip(panels, labels.items(), strict=True):
        counts = [most if n == "all" else int(n) for n in steps]
        for encoder, row in rows.iterrows():
            value, low, high = (
                [row[f"{name}/{n}/{kind}{end}"] for n in steps] for end in ("", "_low", "_high")
            )
            style = lines[str(encoder)]
            axes.fill_between(counts, low, high, color=style["color"], alpha=0.15, lw=0)
            axes.plot(counts, value, label=str(encoder), marker=".", **style)
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{n:,}" for n in counts])
        axes.minorticks_off()
        axes.set_xlabel("labelled training materials")
        unit = f" ({units[name]})" if name in units else ""
        axes.set_ylabel(f"{spoken(kind)} of {name.replace('_', ' ')}{unit}")
    handles, names = panels[0].get_legend_handles_labels()
    # about 0.09 inches a letter, beside the line of the legend
    columns = max(1, min(3, int(width / (0.6 + 0.09 * max(map(len, names))))))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False)
    title = f"split {table['split'].iloc[0]}, {table['cells'].iloc[0]}\nbands: 95 % interval of the mean"
    figure.suptitle(title, x=0.01, ha="left")
    return figure
