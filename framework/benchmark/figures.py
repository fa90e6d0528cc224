"""The figures of a benchmark: those of its task, and the leaderboard, for every split strategy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from framework.benchmark.leaderboard import leaderboard
from framework.contracts.task import Task
from framework.figures.canvas import save_all
from framework.figures.leaderboard import leaderboard_figure


def save_benchmark_figures(cube: xr.Dataset, task: Task, folder: Path) -> list[Path]:
    """Write what the task draws of a benchmark, and the leaderboard, of every split strategy as
    PNG."""
    figures: dict[str, Figure] = {}
    for strategy, part, table in by_strategy(cube):
        name = re.sub(r"[^\w.-]+", "_", strategy)
        drawn = {**task.comparison_figures(part, table)}
        drawn["leaderboard"] = leaderboard_figure(part, table)
        figures |= {f"{kind}_{name}": figure for kind, figure in drawn.items()}
    return save_all(figures, folder)


def by_strategy(cube: xr.Dataset) -> Iterator[tuple[str, xr.Dataset, pd.DataFrame]]:
    """Each split strategy: its name, its part of the cube, and its leaderboard of all metrics,
    ranked by the experiment's first."""
    of_split = [str(label).split("/")[0] for label in cube["split"].values]
    first, *_ = cube.attrs["metrics"].split()
    metrics = [first, *(str(m) for m in cube["metric"].values if m != first)]
    for strategy in dict.fromkeys(of_split):
        part = cube.isel(split=[name == strategy for name in of_split])
        yield strategy, part, leaderboard(part, metrics)
