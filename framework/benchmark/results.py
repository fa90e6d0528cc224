"""The files of a benchmark's results: cube, leaderboard, experiment."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from framework.base.errors import UserError
from framework.base.files import whole
from framework.benchmark.leaderboard import leaderboard, to_markdown
from framework.config.experiment import Experiment

FILE = "results.nc"


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
