"""What searches found, as one labelled cube, and the table made from it.

Intervals are 95 % percentile bootstrap intervals over seeds. A resample draws the same seeds for
every sampler, so a difference is that of searches which began alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from framework.base.files import whole
from framework.config.optimisation import BASELINE, Optimisation
from framework.contracts.objective import Objective, PoolObjective
from framework.metrics.bootstrap import over_seeds
from framework.search.optimisation_plan import Searches

FILE = "results.nc"

FloatArray = NDArray[np.float64]


def cube(
    experiment: Optimisation,
    objectives: Mapping[str, Objective],
    values: FloatArray,
    best: FloatArray,
    kept: FloatArray,
) -> xr.Dataset:
    """The cube of all searches, with the dimensions ``objective, sampler, seed, evaluation``.

    Variables: ``value``, of objectives that have one; ``best`` so far; ``kept``, 1 where all
    constraints were kept and 0 elsewhere; and, for a pool with a target, ``hits``, the share of all its hits that was found. Along ``objective``: ``optimum``,
    ``maximise``, ``quantity``, ``constrained``, ``candidates`` and ``n_hits`` of a pool, 0
    elsewhere. What is missing is NaN.

    Args:
        values, best, kept: in the order of the dimensions.
    """
    dims = ("objective", "sampler", "seed", "evaluation")
    target = experiment.target
    hits = np.full(values.shape, np.nan)
    candidates, n_hits = np.zeros(len(objectives), int), np.zeros(len(objectives), int)
    for i, objective in enumerate(objectives.values()):
        if isinstance(objective, PoolObjective):
            candidates[i] = len(objective)
            if target is not None:
                n_hits[i] = objective.reaches(objective.values, target).sum()
                found = objective.reaches(values[i], target).cumsum(axis=-1)
                hits[i] = np.where(np.isnan(values[i]), np.nan, found / n_hits[i])
    known = list(objectives.values())
    of = {
        "optimum": [np.nan if o.optimum is None else o.optimum for o in known],
        "maximise": [o.maximise for o in known],
        "quantity": [o.axis for o in known],
        "summary": [o.summary for o in known],
        "constrained": [bool(o.constraints) for o in known],
        "candidates": candidates,
        "n_hits": n_hits,
    }
    return xr.Dataset(
        {
            "value": (dims, values),
            "best": (dims, best),
            "kept": (dims, kept),
            "hits": (dims, hits),
            **{name: ("objective", of_each) for name, of_each in of.items()},
        },
        coords={
            "objective": list(objectives),
            "sampler": list(experiment.samplers),
            "seed": list(experiment.seeds),
            "evaluation": np.arange(1, values.shape[-1] + 1),
        },
        attrs={
            "experiment": experiment.name,
            "config": experiment.to_yaml(),
            "target": np.nan if target is None else target,
        },
    )


def first_hits(best: ArrayLike, target: float, maximise: bool) -> FloatArray:
    """At which evaluation each seed reached the target (seed,), from 1; infinite where it did
    not."""
    best = np.asarray(best, dtype=float)
    reached = best >= target if maximise else best <= target
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def table(results: xr.Dataset) -> pd.DataFrame:
    """One row an objective and sampler, in the order of the experiment.

    ``best``: mean over seeds of the best value after all evaluations, with its interval
    (``_low``, ``_high``), NaN where a seed found nothing that keeps the constraints; ``kept``: the
    share of evaluations that kept them; ``difference``: its paired difference to random search. For a pool with
    a target ``hits`` (share found), ``hits_difference``, and with any target ``until_target``
    (median number of evaluations, infinite where fewer than half of the seeds reached it) and
    ``reached`` (seeds). ``verdict`` goes by the share of hits where there is one, else by the best
    value: ``beats random``, ``below random`` or ``not told apart``, ``one seed`` or ``baseline``.
    """
    return pd.DataFrame(
        [
            _row(results.sel(objective=title), str(sampler))
            for title in results["objective"].values
            for sampler in results["sampler"].values
        ]
    )


def _row(results: xr.Dataset, sampler: str) -> dict[str, Any]:
    last = results.isel(evaluation=-1)
    own, random = last.sel(sampler=sampler), last.sel(sampler=BASELINE)
    maximise, target = bool(results["maximise"]), float(results.attrs["target"])
    row: dict[str, Any] = {
        "objective": str(results["objective"].item()),
        "sampler": sampler,
        "evaluations": results.sizes["evaluation"],
        "seeds": results.sizes["seed"],
        **_estimated("best", own["best"].values),
        **_estimated("difference", (own["best"] - random["best"]).values),
    }
    judged, up = "difference", maximise
    if bool(results["constrained"]):
        row |= _estimated("kept", results["kept"].sel(sampler=sampler).mean("evaluation").values)
    if int(results["n_hits"]):
        row |= _estimated("hits", own["hits"].values)
        row |= _estimated("hits_difference", (own["hits"] - random["hits"]).values)
        judged, up = "hits_difference", True
    if not np.isnan(target):
        first = first_hits(results["best"].sel(sampler=sampler).values, target, maximise)
        row |= {"until_target": float(np.median(first)), "reached": int(np.isfinite(first).sum())}
    low, high = row[f"{judged}_low"], row[f"{judged}_high"]
    if sampler == BASELINE:
        row["verdict"] = "baseline"
    elif np.isnan(low):
        row["verdict"] = "one seed" if row["seeds"] == 1 else "incomplete"
        if np.isnan(row[judged]):
            row["verdict"] = "nothing found"
    elif low > 0 or high < 0:
        row["verdict"] = "beats random" if (low > 0) == up else "below random"
    else:
        row["verdict"] = "not told apart"
    return row


def _estimated(name: str, values: FloatArray) -> dict[str, float]:
    mean, low, high = over_seeds(values)
    return {name: float(mean), f"{name}_low": float(low), f"{name}_high": float(high)}


def columns(results: xr.Dataset, title: str) -> list[str]:
    """The headings of `cells`."""
    quantity = str(results["quantity"].sel(objective=title).item())
    found = ["sampler", f"best {quantity}", "best - random"]
    if bool(results["constrained"].sel(objective=title)):
        found.append("constraints kept")
    if int(results["n_hits"].sel(objective=title)):
        found += ["hits found", "hits - random"]
    if not np.isnan(results.attrs["target"]):
        found.append(f"evaluations to {results.attrs['target']:g}")
    return [*found, "verdict"]


def cells(row: Mapping[Any, Any]) -> list[str]:
    """One row of the table as one reads it."""
    baseline = row["sampler"] == BASELINE
    found = [row["sampler"], _spoken(row, "best", ".4g")]
    found.append("" if baseline else _spoken(row, "difference", "+.3g"))
    if not np.isnan(row.get("kept", np.nan)):
        found.append(_spoken(row, "kept", ".0%"))
    if not np.isnan(row.get("hits", np.nan)):
        found.append(_spoken(row, "hits", ".2f"))
        found.append("" if baseline else _spoken(row, "hits_difference", "+.2f"))
    if not np.isnan(row.get("reached", np.nan)):
        until = row["until_target"]
        shown = f"{until:g}" if np.isfinite(until) else f"> {row['evaluations']}"
        found.append(f"{shown} ({int(row['reached'])} of {row['seeds']} seeds)")
    return [*found, row["verdict"]]


def heading(results: xr.Dataset, title: str) -> str:
    """What a table of one objective is about."""
    of = results.sel(objective=title)
    hits = f", {int(of['n_hits'])} hits" if int(of["n_hits"]) else ""
    n, seeds = results.sizes["evaluation"], results.sizes["seed"]
    return (
        f"{title}: {of['summary'].item()}{hits}; {n} evaluation{'s' * (n > 1)}, "
        f"{seeds} seed{'s' * (seeds > 1)}"
    )


def conclusions(rows: pd.DataFrame) -> list[str]:
    """Where a sampler does not beat random search, a sentence an objective."""
    told = []
    for title, own in rows.groupby("objective", sort=False):
        for verdict, said in (
            ("not told apart", "not told apart from random search"),
            ("below random", "worse than random search"),
            ("nothing found", "found nothing that keeps the constraints, or random search did not"),
        ):
            if names := own["sampler"][own["verdict"] == verdict].tolist():
                told.append(f"{title}: {said}: {', '.join(names)}")
    return told


def to_markdown(rows: pd.DataFrame, results: xr.Dataset) -> str:
    """The table as Markdown, one an objective, and where nothing was gained."""
    lines = []
    for title, own in rows.groupby("objective", sort=False):
        named = columns(results, str(title))
        lines += [f"**{heading(results, str(title))}**", ""]
        lines += [_line(named), _line(["---"] * len(named))]
        lines += [_line(cells(row)) for row in own.to_dict("records")] + [""]
    lines += [f"- {told}" for told in conclusions(rows)]
    return "\n".join(lines).rstrip() + "\n"


def stands(results: xr.Dataset, folder: Path) -> bool:
    """Whether all of it is written already."""
    try:
        with xr.open_dataset(folder / FILE, engine="netcdf4") as old:
            return bool(old.load().identical(results))
    except (OSError, ValueError):
        return False  # missing or damaged: written anew from the studies


def write(done: Optimised) -> None:
    """Write table.csv, table.md, evaluations.csv, experiment.yaml and, last, results.nc, by which
    `stands` knows that the others are there."""
    folder, rows = done.plan.folder, table(done.results)
    with whole(folder / "table.csv") as at:
        rows.to_csv(at, index=False)
    with whole(folder / "table.md") as at:
        at.write_text(to_markdown(rows, done.results))
    for name, made in {"evaluations": done.evaluations, **done.tables}.items():
        with whole(folder / f"{name}.csv") as at:
            made.to_csv(at, index=False)
    with whole(folder / "experiment.yaml") as at:
        at.write_text(done.plan.experiment.to_yaml())
    with whole(folder / FILE) as at:
        done.results.to_netcdf(at, engine="netcdf4")


def file_name(name: str, title: str) -> str:
    """Of what an objective makes, without its ending."""
    return f"{name}_{title}".replace(" ", "_")


def _spoken(row: Mapping[Any, Any], name: str, form: str) -> str:
    text = f"{row[name]:{form}}"
    if np.isnan(row[f"{name}_low"]):
        return text
    return f"{text} [{row[f'{name}_low']:{form}}, {row[f'{name}_high']:{form}}]"


def _line(texts: list[str]) -> str:
    return "| " + " | ".join(texts) + " |"


@dataclass
class Optimised:
    """What an experiment left behind.

    Attributes:
        results: the cube of all searches (`framework.search.optimisation_results`).
        evaluations: one row an evaluation: objective, sampler, seed, evaluation, values, under
            constraints whether it ``kept`` them and their violations, what the objective tells of
            the point, its coordinates.
        computed: evaluations made now; the others stood already.
        tracked: what the tracker knows the searches by; None where nothing is kept.
    """

    plan: Searches
    results: xr.Dataset
    evaluations: pd.DataFrame
    computed: int
    tracked: str | None = None

    def of(self, title: str) -> pd.DataFrame:
        """The evaluations of one objective."""
        own = self.evaluations[self.evaluations["objective"] == title]
        named = self.plan.objectives[title].names
        told = own.columns[own.notna().any() | own.columns.isin(named)]
        return own[told].reset_index(drop=True)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What the objectives make of them, by the name of the file."""
        return {
            file_name(name, title): table
            for title, objective in self.plan.objectives.items()
            for name, table in objective.tables(self.of(title)).items()
        }
