"""Does a finished run come out the same again? Its settings, run anew and compared bit by bit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from framework.runs.execution import execute, read_cell, versions
from framework.runs.plan import Run, code_of, items_of
from framework.runs.saved import find_run, is_mlflow_id, is_run, read_settings


@dataclass(frozen=True)
class Reproduction:
    """A run beside its repetition.

    Attributes:
        values: by quantity, as recorded and again; NaN where one of the two lacks it.
        arrays: whether scores, replicates and latent vectors are equal to the bit; empty where
            none were recorded.
        changed: what decides numbers and is not as it was: code, data, versions; by name, as
            recorded and now.
    """

    values: dict[str, tuple[float, float]]
    arrays: dict[str, bool]
    changed: dict[str, tuple[str, str]]

    @property
    def differing(self) -> list[str]:
        """Names of what is not equal to the bit."""
        values = [name for name, pair in self.values.items() if not _equal(*pair)]
        return values + [name for name, equal in self.arrays.items() if not equal]

    @property
    def holds(self) -> bool:
        """Whether everything is equal to the bit."""
        return not self.differing


def reproduce(run: str, runs: Path) -> Reproduction:
    """Run a finished run again, in a folder of its own, and compare.

    Args:
        run: folder, digest or its beginning, or MLflow run id of a cell or of a tuning's trial.

    Raises:
        UserError: there is no such run, or it cannot be run with what is installed now.
    """
    if is_run(run, runs) or not is_mlflow_id(run):
        return _cell_again(find_run(run, runs), runs)
    from framework.tracking.recorded import recorded

    logged = recorded(run, runs)
    if logged.kind == "trial":
        return _trial_again(logged.folder, logged.metrics, runs)
    return _cell_again(logged.folder, runs)


def _cell_again(folder: Path, runs: Path) -> Reproduction:
    before = read_cell(folder)
    settings = read_settings(folder / "run.json")
    run = Run(settings, before.attrs["encoder"], before.attrs["split"], int(before.attrs["seed"]))
    changed = _changed(settings, json.loads(before.attrs["versions"]))
    if "data" in changed:
        return Reproduction({}, {"items": False}, changed)
    with tempfile.TemporaryDirectory() as scratch:
        again = read_cell(execute(run, Path(scratch), finished=runs))
    arrays = {
        name: before[name].identical(again[name]) for name in ("score", "replicates", "latent")
    }
    return Reproduction(_paired(_measured(before), _measured(again)), arrays, changed)


def _trial_again(folder: Path, metrics: Mapping[str, float], runs: Path) -> Reproduction:
    from framework.search.tuning.trial import values_of

    content = json.loads((folder / "trial.json").read_text())
    settings = content["settings"]
    changed = _changed(settings, content["versions"])
    if "data" in changed:
        return Reproduction({}, {"items": False}, changed)
    trial = Run(settings, settings["encoder"]["name"], "", settings["seed"])
    found = values_of(trial, runs=runs)
    found.pop("seconds_fit")
    prefix = "validation/"
    recorded = {k.removeprefix(prefix): v for k, v in metrics.items() if k.startswith(prefix)}
    return Reproduction(_paired(recorded, found), {}, changed)


def _measured(cell: xr.Dataset) -> dict[str, float]:
    """All numbers of a cell but the seconds."""
    found = {}
    for kind in ("value", "low", "high", "random", "validation"):
        for metric in cell["metric"].values:
            name = str(metric) if kind == "value" else f"{metric}_{kind}"
            found[name] = float(cell[kind].sel(metric=metric))
    audit = json.loads(cell.attrs["audit"])[2]
    return found | {f"audit/{name}": float(value) for name, value in audit.items()}


def _paired(
    before: Mapping[str, float], again: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    names = dict.fromkeys([*before, *again])
    return {name: (before.get(name, np.nan), again.get(name, np.nan)) for name in names}


def _changed(settings: dict[str, Any], then: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    now = versions()
    pairs = {name: (then.get(name, "unknown"), now[name]) for name in now}
    pairs["code"] = (settings["code"], code_of(settings))
    pairs["data"] = (settings["items"], items_of(settings).attrs["digest"])
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _equal(one: float, other: float) -> bool:
    return one == other or (np.isnan(one) and np.isnan(other))
