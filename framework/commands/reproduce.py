"""`phasezoo reproduce`: does a finished run come out the same again? Its settings, run anew and compared bit by bit."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from framework.commands.opened import RunArgument, named_run
from framework.commands.options import RunsOption
from framework.commands.printing import new_table, print_reads, print_table
from framework.runs.finished import RUNS, find_run, is_mlflow_id, is_run

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Reproduction:
    """A run beside its repetition.

    Attributes:
        values: by quantity, as recorded and again; NaN where one of the two lacks it.
        arrays: whether scores, replicates and latent vectors are equal to the bit; empty where
            none were recorded.
        items: what was judged, with what was read of the user's files.
        changed: what decides numbers and has changed since: code, data, versions; by name, as
            recorded and now.
    """

    values: dict[str, tuple[float, float]]
    arrays: dict[str, bool]
    items: xr.Dataset
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


def reproduce(run: str, runs: Path = RUNS) -> Reproduction:
    """Run a finished run again, in a folder of its own, and compare.

    Args:
        run: folder, digest or its beginning, MLflow run id of a cell or of a tuning's
            trial, or ``last``.

    Raises:
        UserError: there is no such run, or it cannot be run with what is installed now.

    Example:
        >>> reproduce("last").holds
        True
    """
    run = named_run(run, runs)
    if is_run(run, runs) or not is_mlflow_id(run):
        return _cell_again(find_run(run, runs), runs)
    from framework.tracking.recorded import recorded

    logged = recorded(run, runs)
    if logged.kind == "trial":
        return _trial_again(logged.folder, logged.metrics, runs)
    return _cell_again(logged.folder, runs)


def command(
    run: RunArgument,
    runs: RunsOption = Path("runs"),
) -> None:
    """Run a finished run again and compare every number bit by bit; exit code 1 on a difference.

    Example: `phasezoo reproduce 3f2a`
    """
    run = named_run(run, runs)
    again = reproduce(run, runs)
    print_reproduction(run, again)
    raise typer.Exit(0 if again.holds else 1)


def print_reproduction(run: str, again: Reproduction) -> None:
    """What differs, and what may be why; one line where nothing does."""
    if again.holds:
        arrays = f" and {', '.join(again.arrays)}" if again.arrays else ""
        typer.echo(f"{run}: reproduced; {len(again.values)} numbers{arrays} are equal to the bit")
    else:
        table = new_table("quantity", "recorded", "again")
        for name in again.differing:
            pair = again.values.get(name)
            values = ("", "not the same") if pair is None else (repr(pair[0]), repr(pair[1]))
            table.add_row(name, *values)
        print_table(table)
        typer.echo(f"{run}: NOT reproduced; {len(again.differing)} quantities differ")
    for name, (then, now) in again.changed.items():
        typer.echo(f"  changed since: {name} {then} -> {now}")
    print_reads(again.items)
    if not again.holds and not again.changed:
        typer.echo("  code, data and versions have not changed: the processor may differ")


def _cell_again(folder: Path, runs: Path) -> Reproduction:
    from framework.runs.cell import read_cell
    from framework.runs.execution import execute
    from framework.runs.items import items_of
    from framework.runs.run import Run
    from framework.runs.settings import read_settings

    before = read_cell(folder)
    settings = read_settings(folder / "run.json")
    run = Run(settings, before.attrs["encoder"], before.attrs["split"], int(before.attrs["seed"]))
    changed = _changed(settings, json.loads(before.attrs["versions"]))
    if "data" in changed:
        return Reproduction({}, {"items": False}, items_of(settings), changed)
    with tempfile.TemporaryDirectory() as scratch:
        again = read_cell(execute(run, Path(scratch), finished=runs))
    arrays = {
        name: before[name].identical(again[name]) for name in ("score", "replicates", "latent")
    }
    values = _paired(_measured(before), _measured(again))
    return Reproduction(values, arrays, items_of(settings), changed)


def _trial_again(folder: Path, metrics: Mapping[str, float], runs: Path) -> Reproduction:
    from framework.runs.items import items_of
    from framework.runs.run import Run
    from framework.search.tuning.trial import values_of

    content = json.loads((folder / "trial.json").read_text())
    settings = content["settings"]
    changed = _changed(settings, content["versions"])
    if "data" in changed:
        return Reproduction({}, {"items": False}, items_of(settings), changed)
    trial = Run(settings, settings["encoder"]["name"], "", settings["seed"])
    again = values_of(trial, runs=runs)
    again.pop("seconds_fit")
    prefix = "validation/"
    recorded = {k.removeprefix(prefix): v for k, v in metrics.items() if k.startswith(prefix)}
    return Reproduction(_paired(recorded, again), {}, items_of(settings), changed)


def _measured(cell: xr.Dataset) -> dict[str, float]:
    """All numbers of a cell but the seconds."""
    numbers = {}
    for kind in ("value", "low", "high", "random", "validation"):
        for metric in cell["metric"].values:
            name = str(metric) if kind == "value" else f"{metric}_{kind}"
            numbers[name] = float(cell[kind].sel(metric=metric))
    audit = json.loads(cell.attrs["audit"])[2]
    return numbers | {f"audit/{name}": float(value) for name, value in audit.items()}


def _paired(
    before: Mapping[str, float], again: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    names = dict.fromkeys([*before, *again])
    return {name: (before.get(name, math.nan), again.get(name, math.nan)) for name in names}


def _changed(settings: dict[str, Any], then: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    from framework.base.versions import versions
    from framework.runs.items import items_of
    from framework.runs.run import code_of

    now = versions()
    pairs = {name: (then.get(name, "unknown"), now[name]) for name in now}
    pairs["code"] = (settings["code"], code_of(settings))
    pairs["data"] = (settings["items"], items_of(settings).attrs["digest"])
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _equal(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
