"""The results of a benchmark as one labelled cube."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from framework.audit.quantities import QUANTITIES
from framework.config.experiment import Experiment
from framework.contracts.task import Task
from framework.registry.registry import ENCODERS
from framework.runs.cell import read_cell
from framework.runs.components import task_of
from framework.runs.items import divided
from framework.runs.run import Run

DIMS = ("encoder", "split", "seed")
PER_METRIC = ("value", "low", "high", "random", "independent", "validation")
SECONDS = ("seconds_fit", "seconds_score")


def collect(experiment: Experiment, plan: list[Run], runs: Path) -> xr.Dataset | None:
    """The cube of all finished runs.

    Dimensions ``encoder, split, seed`` with ``metric`` (value, low, high, random, independent),
    ``resample`` (replicates), and ``candidate`` (scores, the part each item has in each split, and
    what the task keeps of it: `framework.contracts.task.Judged.kept`). A run that is missing is
    NaN. None where no run has finished.
    """
    finished = [run for run in plan if run.finished(runs)]
    if not finished:
        return None
    items, _ = divided(finished[0].settings)
    encoders = [component.title for component in experiment.encoders]
    splits = list(dict.fromkeys(run.split for run in plan))
    places: tuple[list[Any], ...] = encoders, splits, list(experiment.seeds)
    first = read_cell(finished[0].folder(runs))
    arrays = _empty(tuple(map(len, places)), first)
    for run in finished:
        coordinates = (run.encoder, run.split, run.seed)
        at = tuple(place.index(own) for place, own in zip(places, coordinates, strict=True))
        _enter(arrays, at, read_cell(run.folder(runs)), run)
    return xr.Dataset(
        {**_variables(arrays, first), **_kept(first)},
        coords={
            **dict(zip(DIMS, places, strict=True)),
            "metric": first["metric"].values,
            "candidate": items[items.attrs["named_by"]].values.astype(str),
            "quantity": list(QUANTITIES),
            "baseline": (
                "encoder",
                [bool(ENCODERS.load(c.name).baseline) for c in experiment.encoders],
            ),
        },
        attrs=_attributes(experiment, items, task_of(finished[0].settings["task"])),
    )


def _empty(grid: tuple[int, ...], first: xr.Dataset) -> dict[str, np.ndarray]:
    """An array of each variable for all runs, with the sizes of one of them."""
    metric, resample, candidate = (first.sizes[n] for n in ("metric", "resample", "candidate"))
    return {
        **{name: np.full((*grid, metric), np.nan) for name in PER_METRIC},
        **{name: np.full(grid, np.nan) for name in SECONDS},
        **{name: np.full(grid, "", dtype=object) for name in ("run", "audit", "audit_reasons")},
        "audit_value": np.full((*grid, len(QUANTITIES)), np.nan),
        "replicates": np.full((*grid, metric, resample), np.nan, np.float32),
        "score": np.full((*grid, candidate), np.nan, np.float32),
        "part": np.full((*grid[1:], candidate), -1, np.int8),
    }


def _enter(arrays: dict[str, np.ndarray], at: tuple[int, ...], cell: xr.Dataset, run: Run) -> None:
    """Put one run in its place."""
    for name in (*PER_METRIC, "replicates", "score"):
        arrays[name][at] = cell[name].values
    for name in SECONDS:
        arrays[name][at] = cell.attrs[name]
    arrays["part"][at[1:]] = cell["part"].values
    arrays["run"][at] = run.digest
    verdict, reasons, quantities = json.loads(cell.attrs["audit"])
    arrays["audit"][at], arrays["audit_reasons"][at] = verdict, "; ".join(reasons)
    arrays["audit_value"][at] = [quantities.get(name, np.nan) for name in QUANTITIES]


def _variables(arrays: dict[str, np.ndarray], first: xr.Dataset) -> dict[str, Any]:
    """The arrays with their dimensions, as `xarray.Dataset` takes them."""
    return {
        **{name: ((*DIMS, "metric"), arrays[name]) for name in PER_METRIC},
        **{name: (DIMS, arrays[name], {"units": "s"}) for name in SECONDS},
        **{name: (DIMS, arrays[name].astype(str)) for name in ("run", "audit", "audit_reasons")},
        "audit_value": ((*DIMS, "quantity"), arrays["audit_value"]),
        "replicates": ((*DIMS, "metric", "resample"), arrays["replicates"]),
        "score": ((*DIMS, "candidate"), arrays["score"]),
        "part": ((*DIMS[1:], "candidate"), arrays["part"], dict(first["part"].attrs)),
    }


def _kept(first: xr.Dataset) -> dict[str, Any]:
    """What the task keeps, with the coordinates that it needs."""
    return {name: first[name] for name in first.attrs["kept"].split()}


def _attributes(experiment: Experiment, items: xr.Dataset, task: Task) -> dict[str, Any]:
    units = {str(name): of.attrs["units"] for name, of in items.items() if "units" in of.attrs}
    return {
        "experiment": experiment.name,
        "config": experiment.to_yaml(),
        "task": experiment.task.name,
        "noun": items.attrs["noun"],
        "units": json.dumps(units),
        "metrics": " ".join(experiment.metrics or task.default_metrics),
        "dataset_digest": items.attrs["dataset_digest"],
        "items_digest": items.attrs["digest"],
    }
