"""Published figures beside ours: what an experiment's YAML carries under ``published``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from framework.base.digest import digest
from framework.base.errors import UserError
from framework.benchmark.leaderboard import leaderboard
from framework.config.experiment import Experiment
from framework.config.published import Published
from framework.registry.registry import PUBLISHED

FILE = "published.csv"


def compare(experiment: Experiment, cube: xr.Dataset | None) -> pd.DataFrame:
    """One row a published figure: figure, published, unit, ours, low, high, ratio, run, source.

    A figure is either recomputed by the system's own file (``zoo/published``) from the data
    folder, or read off the benchmark's cube (mean over folds and seeds, bootstrap interval).

    Raises:
        UserError: a figure names what neither gives.
    """
    assert experiment.published is not None
    computed = _recomputed(experiment, experiment.published)
    rows = []
    for figure in experiment.published.figures:
        ours = figure.ours
        if isinstance(ours, str):
            if ours not in computed:
                raise UserError(
                    f"published figure '{figure.figure}': '{ours}' is not given by "
                    f"zoo/published/{experiment.published.system}.py (it gives "
                    f"{', '.join(sorted(computed))})"
                )
            found = {"ours": computed[ours], "low": None, "high": None}
            run = digest(experiment.model_dump(mode="json"))[:16]
        else:
            found, run = _of_cube(cube, ours.model_dump())
        value = found["ours"]
        ratio = value / figure.value if value is not None and figure.value else None
        rows.append(
            {
                "experiment": experiment.name,
                "figure": figure.figure,
                "published": figure.value,
                "unit": figure.unit,
                **found,
                "ratio": ratio,
                "run": run,
                "source": figure.source or experiment.published.source,
            }
        )
    return pd.DataFrame(rows)


def collect(runs: Path) -> pd.DataFrame:
    """The rows of every experiment that has been run into a folder.

    Raises:
        UserError: none has.
    """
    files = sorted(runs.glob(f"*/{FILE}"))
    if not files:
        raise UserError(
            f"no experiment with published figures has been run into {runs}; run for instance "
            "phasezoo benchmark experiments/vasylenko2021.yaml --data FOLDER"
        )
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)


def to_markdown(table: pd.DataFrame) -> str:
    """The comparison as a Markdown table."""
    lines = ["| experiment | figure | published | ours | ratio | run |", "|" + " --- |" * 6]
    for row in table.to_dict("records"):
        cells = [row["experiment"], row["figure"], *spoken(row), f"`{row['run']}`"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spoken(row: Mapping[Any, Any]) -> tuple[str, str, str]:
    """Published, ours with interval, and their ratio, as a person would read them."""
    unit = f" {row['unit']}" if isinstance(row["unit"], str) and row["unit"] else ""
    if pd.isna(row["ours"]):
        return f"{row['published']:g}{unit}", "not run", ""
    interval = "" if pd.isna(row["low"]) else f" [{row['low']:.4g}, {row['high']:.4g}]"
    ratio = "" if pd.isna(row["ratio"]) else f"{row['ratio']:.4f}"
    return f"{row['published']:g}{unit}", f"{row['ours']:.5g}{interval}{unit}", ratio


def _recomputed(experiment: Experiment, published: Published) -> dict[str, float]:
    if published.system is None:
        return {}
    path = experiment.dataset.parameters.get("path")
    figures: dict[str, float] = PUBLISHED.load(published.system, "published.system")(path)
    return figures


def _of_cube(cube: xr.Dataset | None, at: dict[str, str]) -> tuple[dict[str, float | None], str]:
    nothing: dict[str, float | None] = {"ours": None, "low": None, "high": None}
    if cube is None or at["encoder"] not in cube["encoder"]:
        return nothing, ""
    table = leaderboard(cube, [at["metric"]])
    row = table[(table["encoder"] == at["encoder"]) & (table["split"] == at["split"])]
    if row.empty or row[at["metric"]].isna().any():
        return nothing, ""
    metric = at["metric"]
    found = {"ours": metric, "low": f"{metric}_low", "high": f"{metric}_high"}
    run = str(cube["run"].sel(encoder=at["encoder"]).values.ravel()[0])
    return {key: float(row[name].iloc[0]) for key, name in found.items()}, run
