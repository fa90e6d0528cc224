"""Proposals of a search in a latent space, beside the real materials nearest to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from framework.figures.canvas import BLACK, CONTESTANTS, GREY, new_figure
from framework.metrics.hypervolume import on_front

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zoo.latent_space import LatentSpace
    from zoo.wanted import Wanted

MOST_LABELS = 10


def proposals(wanted: Wanted, names: Sequence[str], evaluations: pd.DataFrame) -> pd.DataFrame:
    """One row a formula that kept all constraints, the front first, then by what is gained.

    Columns: ``formula``; the predicted properties; ``nearest``, the nearest reported material of
    another formula, and its true values; ``nearest at``, how far that is, and ``distance`` to the
    nearest training material, both in units of the median distance between neighbours there;
    ``left out``, the share of atoms that was decoded and is not in the formula; ``reported``,
    whether the data hold it, and then its true values; ``front``, whether no other one is better
    in every wish; ``times`` and ``samplers`` that proposed it.

    Args:
        names: of the values of an evaluation.
    """
    kept = evaluations[evaluations["kept"]] if "kept" in evaluations else evaluations
    kept = kept.dropna(subset=list(names))
    if not len(kept):
        return pd.DataFrame(columns=["formula"])
    predicted, true = ([f"{kind} {name}" for name in wanted.read] for kind in ("predicted", "true"))
    beside = ["nearest", *(f"{name} of nearest" for name in true), "nearest at", "distance"]
    columns = [*predicted, *beside, "left out", "reported", *true]
    rows, values = [], []
    for formula, of_formula in kept.groupby("formula", sort=False):
        row = {"formula": formula, **dict.fromkeys(columns, np.nan), **of_formula.iloc[0]}
        samplers = " ".join(sorted(set(of_formula["sampler"])))
        kept_columns = {name: row[name] for name in ("formula", *columns)}
        rows.append(kept_columns | {"times": len(of_formula), "samplers": samplers})
        values.append(of_formula.iloc[0][list(names)].tolist())
    table = pd.DataFrame(rows)
    gains = wanted.gains(np.array(values, dtype=float))
    table = table.assign(front=on_front(gains), gain=gains.sum(axis=1))
    table = table.sort_values(["front", "gain", "formula"], ascending=[False, False, True])
    return table.drop(columns="gain").reset_index(drop=True)


def proposals_figure(space: LatentSpace, wanted: Wanted, table: pd.DataFrame) -> Figure:
    """Proposals in the plane of two wishes, on the true values of the real materials; from those
    of the front a line leads to the nearest real material's true values. Of one wish, against the
    distance from the data."""
    x, *others = wanted.properties
    y = others[0] if others else None
    figure, (axes,) = new_figure(5.2)
    if y is not None:
        axes.scatter(
            space.values(x), space.values(y), s=3, color=GREY, alpha=0.25, lw=0, rasterized=True,
            label=f"{len(space.materials['formula']):,} real materials, true values",
        )  # fmt: skip
        axes.set_ylabel(space.axis(y))
    else:
        axes.set_ylabel("distance from the data (median distance between neighbours)")
    column = f"predicted {y}" if y is not None else "distance"
    samplers = sorted({name for text in table["samplers"] for name in text.split()})
    for colour, sampler in zip(CONTESTANTS, samplers, strict=False):
        own = table[[sampler in told.split() for told in table["samplers"]]]
        axes.scatter(
            own[f"predicted {x}"], own[column], s=14, color=colour, alpha=0.8, lw=0,
            label=f"proposals of {sampler}, predicted",
        )  # fmt: skip
    front = table[table["front"]].sort_values(f"predicted {x}")
    if y is not None:
        for _, row in front.iterrows():
            axes.plot(
                [row[f"predicted {x}"], row[f"true {x} of nearest"]],
                [row[f"predicted {y}"], row[f"true {y} of nearest"]],
                color=BLACK, lw=0.6, alpha=0.6, zorder=1,
            )  # fmt: skip
        axes.scatter(
            front[f"true {x} of nearest"], front[f"true {y} of nearest"], s=22, marker="x",
            color=BLACK, lw=1, label="nearest real material of the best, true values",
        )  # fmt: skip
    labelled = front.iloc[np.unique(np.linspace(0, len(front) - 1, MOST_LABELS).astype(int))]
    for _, row in labelled.iterrows():
        at = (row[f"predicted {x}"], row[column])
        note: dict[str, Any] = {"xytext": (4, -3), "textcoords": "offset points", "fontsize": 8}
        axes.annotate(row["formula"], at, **note)
    axes.set_xlabel(space.axis(x))
    told: dict[str, Any] = {"loc": "outside upper left", "ncols": 2, "fontsize": 8.5}
    figure.legend(frameon=False, **told)
    return figure
