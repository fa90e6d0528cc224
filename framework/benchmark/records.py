"""What a tracker is told of a benchmark: its runs, and what they came to."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

import xarray as xr

from framework.base.digest import digest
from framework.benchmark.leaderboard import leaderboard, to_markdown
from framework.config.experiment import Experiment
from framework.contracts.tracker import Piece, Point, Record, State, Summary, Winner, Work
from framework.runs.cell import read_cell
from framework.runs.records import common_tags, config_digest, source_of, unservable
from framework.runs.run import Run

LARGEST_CELL = 2_000_000
"""Bytes of a cell.nc up to which it is handed over; its folder holds it anyway."""

SHOWN = ("experiment.yaml", "leaderboard.csv", "leaderboard.md", "results.nc", "figures")
"""What of the folder of results is handed over."""


def work_of(experiment: Experiment, plan: list[Run], folder: Path) -> Work:
    """A benchmark as a tracker sees it, known by its settings and the digests of its runs."""
    cells = digest(sorted(run.digest for run in plan))[:16]
    return Work(
        kind="benchmark",
        name=experiment.name,
        group=experiment.task.name,
        identity={"config_digest": config_digest(experiment), "cells_digest": cells},
        common=common_tags(experiment, plan[0]),
        tags={
            "encoder": ", ".join(component.title for component in experiment.encoders),
            "split": ", ".join(component.title for component in experiment.splits),
            "seed": ", ".join(map(str, experiment.seeds)),
        },
        settings=experiment.model_dump(mode="json"),
        kept_in=str(folder),
        unservable=unservable(plan[0]),
    )


def cell_of(run: Run, runs: Path, cause: str | None = None) -> Piece:
    """A run that has ended.

    Args:
        cause: why it failed; None where it finished.
    """
    return Piece(
        kind="cell",
        key=run.digest,
        name=f"{run.encoder} {run.split} {run.seed}",
        tags={"encoder": run.encoder, "split": run.split, "seed": str(run.seed)},
        state=State.FINISHED if cause is None else State.FAILED,
        cause=cause or "",
        record=lambda: _finished(run, runs) if cause is None else _failed(run),
    )


def _failed(run: Run) -> Record:
    return Record(run.settings, data=source_of(run.settings))


def _finished(run: Run, runs: Path) -> Record:
    folder = run.folder(runs)
    cell = read_cell(folder)
    ended = (folder / "cell.nc").stat().st_mtime
    verdict, reasons, _ = json.loads(cell.attrs["audit"])
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.name != "cell.nc" or path.stat().st_size <= LARGEST_CELL
    ]
    return Record(
        settings={
            **run.settings,
            **{key: int(value) for key, value in cell.attrs.items() if key.startswith("n_")},
        },
        metrics=_metrics(cell),
        curves=_curves(cell),
        tags={"audit": verdict, "audit_reasons": "; ".join(reasons)},
        files=files,
        data=source_of(run.settings),
        started=ended - cell.attrs["seconds_fit"] - cell.attrs["seconds_score"],
        ended=ended,
    )


def _metrics(cell: xr.Dataset) -> dict[str, float]:
    measured: dict[str, float] = {}
    for metric in cell["metric"].values:
        of = cell.sel(metric=metric)
        measured[f"holdout/{metric}"] = float(of["value"])
        for side in ("low", "high", "random"):
            measured[f"holdout/{metric}_{side}"] = float(of[side])
    for step in ("fit", "score"):
        measured[f"seconds/{step}"] = float(cell.attrs[f"seconds_{step}"])
    quantities = json.loads(cell.attrs["audit"])[2]
    return measured | {
        f"audit/{name}": value for name, value in quantities.items() if math.isfinite(value)
    }


def _curves(cell: xr.Dataset) -> Mapping[str, list[Point]]:
    """Losses by epoch, from 1; of the latent dimensions the step is the dimension: a dead one
    shows."""
    curves = {
        f"latent/{name}": [Point(*pair) for pair in enumerate(cell[f"latent_{name}"].values)]
        for name in ("variance", "kl")
        if f"latent_{name}" in cell
    }
    for name, values in json.loads(cell.attrs["history"]).items():
        part = re.sub("^(train|validation)_", r"\1/", name)
        curves[part] = [Point(*pair) for pair in enumerate(values, 1)]
    return curves


def summary_of(
    experiment: Experiment, results: xr.Dataset | None, folder: Path, runs: Path, *, failed: bool
) -> Summary:
    """What a benchmark came to. Its winner is the best encoder by the leaderboard's first metric
    under the first split strategy, contestant or baseline, as fitted on the first split with the
    first seed.

    Args:
        results: the cube; None where no run finished.
        folder: of the benchmark.
        failed: whether a run failed.
    """
    state = State.FAILED if failed else State.FINISHED
    files = [folder / name for name in SHOWN]
    if results is None:
        return Summary(state, files=files)
    table = leaderboard(results)
    text = f"{experiment.description}\n\n{to_markdown(table, results)}"
    best = table.iloc[0]
    if best["verdict"] == "incomplete":
        return Summary(state, text, files=files)
    columns = [
        f"{m}{part}"
        for m in results.attrs["metrics"].split()
        for part in ("", "_low", "_high", "_random")
    ]
    cell = str(results["run"].sel(encoder=best["encoder"]).values[0, 0])
    return Summary(
        state,
        text,
        metrics={f"best/{column}": float(best[column]) for column in columns},
        tags={"winner": str(best["encoder"])},
        files=files,
        winner=Winner(cell, runs / "cells" / cell),
    )
