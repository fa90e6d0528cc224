"""Results of a benchmark as one labelled cube, and the leaderboard made from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray as xr

from framework.audit.quantities import QUANTITIES
from framework.base.errors import UserError
from framework.base.files import whole
from framework.benchmark.leaderboard import leaderboard, to_markdown
from framework.config.experiment import Experiment
from framework.registry.registry import ENCODERS
from framework.runs.cell import read_cell
from framework.runs.components import task_of
from framework.runs.items import divided
from framework.runs.run import Run

FILE = "results.nc"


def collect(experiment: Experiment, plan: list[Run], runs: Path) -> xr.Dataset | None:
    """The cube of all finished runs.

    Dimensions ``encoder, split, seed`` with ``metric`` (value, low, high, random), ``resample``
    (replicates), and ``candidate`` (scores, the part each item has in each split, and where it
    has a label, the truth). A run that is missing is NaN. None where no run has finished.
    """
    finished = [run for run in plan if run.finished(runs)]
    if not finished:
        return None
    items, _ = divided(finished[0].settings)
    task = task_of(finished[0].settings["task"])
    cells = {run.digest: read_cell(run.folder(runs)) for run in finished}
    first = cells[finished[0].digest]
    encoders = [component.title for component in experiment.encoders]
    splits = list(dict.fromkeys(run.split for run in plan))
    grid = (len(encoders), len(splits), len(experiment.seeds))
    sizes = {"metric": first.sizes["metric"], "resample": first.sizes["resample"]}
    candidate = first.sizes["candidate"]
    values = {
        n: np.full((*grid, sizes["metric"]), np.nan) for n in ("value", "low", "high", "random")
    }
    replicates = np.full((*grid, *sizes.values()), np.nan, np.float32)
    scores = np.full((*grid, candidate), np.nan, np.float32)
    parts = np.full((*grid[1:], candidate), -1, np.int8)
    seconds = {n: np.full(grid, np.nan) for n in ("seconds_fit", "seconds_score")}
    validation = np.full((*grid, sizes["metric"]), np.nan)
    digests = np.full(grid, "", dtype=object)
    verdicts, reasons = digests.copy(), digests.copy()
    audits = np.full((*grid, len(QUANTITIES)), np.nan)
    for run in finished:
        at = (
            encoders.index(run.encoder),
            splits.index(run.split),
            experiment.seeds.index(run.seed),
        )
        cell = cells[run.digest]
        for name, array in values.items():
            array[at] = cell[name].values
        for name, spent in seconds.items():
            spent[at] = cell.attrs[name]
        replicates[at], scores[at], parts[at[1:]] = cell["replicates"], cell["score"], cell["part"]
        digests[at] = run.digest
        validation[at] = cell["validation"].values
        verdicts[at], why, quantities = json.loads(cell.attrs["audit"])
        reasons[at] = "; ".join(why)
        audits[at] = [quantities.get(name, np.nan) for name in QUANTITIES]
    dims = ("encoder", "split", "seed")
    return xr.Dataset(
        {
            **{name: ((*dims, "metric"), array) for name, array in values.items()},
            **{name: (dims, array, {"units": "s"}) for name, array in seconds.items()},
            "validation": ((*dims, "metric"), validation),
            "replicates": ((*dims, "metric", "resample"), replicates),
            "score": ((*dims, "candidate"), scores),
            "part": (("split", "seed", "candidate"), parts, dict(first["part"].attrs)),
            "run": (dims, digests.astype(str)),
            "audit": (dims, verdicts.astype(str)),
            "audit_reasons": (dims, reasons.astype(str)),
            "audit_value": ((*dims, "quantity"), audits),
            **{name: first[name] for name in ("truth",) if name in first},
        },
        coords={
            "encoder": encoders,
            "split": splits,
            "seed": list(experiment.seeds),
            "metric": first["metric"].values,
            "candidate": items[items.attrs["named_by"]].values.astype(str),
            "quantity": list(QUANTITIES),
            "baseline": (
                "encoder",
                [bool(ENCODERS.load(c.name).baseline) for c in experiment.encoders],
            ),
        },
        attrs={
            "experiment": experiment.name,
            "config": experiment.to_yaml(),
            "task": experiment.task.name,
            "noun": items.attrs["noun"],
            "units": json.dumps(
                {str(name): of.attrs["units"] for name, of in items.items() if "units" in of.attrs}
            ),
            "metrics": " ".join(experiment.metrics or task.default_metrics),
            "dataset_digest": items.attrs["dataset_digest"],
            "items_digest": items.attrs["digest"],
        },
    )


def stands(cube: xr.Dataset, folder: Path) -> bool:
    """Whether all of it is written already: the same runs in the same order."""
    path = folder / FILE
    if path.exists():
        try:
            with xr.open_dataset(path, engine="netcdf4") as old:
                return bool(old.attrs == cube.attrs and old["run"].identical(cube["run"]))
        except (OSError, ValueError, KeyError):
            pass  # damaged or of an older layout: written anew from the runs
    return False


def write(cube: xr.Dataset, experiment: Experiment, folder: Path) -> None:
    """Write leaderboard.csv, leaderboard.md, experiment.yaml and, last, results.nc, by which
    `stands` knows that the others are there."""
    table = leaderboard(cube)
    with whole(folder / "leaderboard.csv") as at:
        table.to_csv(at, index=False)
    with whole(folder / "leaderboard.md") as at:
        at.write_text(to_markdown(table, cube))
    with whole(folder / "experiment.yaml") as at:
        at.write_text(experiment.to_yaml())
    small = {"zlib": True, "complevel": 4}
    with whole(folder / FILE) as at:
        cube.to_netcdf(at, engine="netcdf4", encoding={"score": small, "part": small})


def read(path: Path) -> xr.Dataset:
    """The cube of a results.nc.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        with xr.open_dataset(path, engine="netcdf4") as file:
            return file.load()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run the benchmark again") from None
