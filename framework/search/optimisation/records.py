"""What a tracker is told of searches: each as it ends, and what all of them came to."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr
from optuna.trial import FrozenTrial

from framework.base.digest import digest
from framework.contracts.tracker import Piece, Point, Record, Source, State, Summary, Work
from framework.search.optimisation.outcome import Optimised
from framework.search.optimisation.plan import OptimisationPlan, Search
from framework.search.optimisation.results import FILE
from framework.search.optimisation.table import table, to_markdown

GROUP = "optimisation"
"""OptimisationPlan are compared with each other, whatever they search."""


def work_of(planned: OptimisationPlan) -> Work:
    """All searches of an experiment, known by their contents; more trials continue them."""
    experiment = planned.experiment
    contents = digest(sorted(_digest(search) for search in planned.searches))[:16]
    return Work(
        kind="optimisation",
        name=experiment.name,
        group=GROUP,
        identity={"study": experiment.name, "searches_digest": contents},
        common={
            "study": experiment.name,
            "config_digest": digest(experiment.model_dump(mode="json"))[:16],
        },
        tags={
            "objective": ", ".join(planned.objectives),
            "sampler": ", ".join(experiment.titles),
            "seed": ", ".join(map(str, experiment.seeds)),
        },
        settings=experiment.model_dump(mode="json", exclude={"trials"}),
        kept_in=str(planned.folder),
    )


def search_of(
    planned: OptimisationPlan,
    search: Search,
    trials: list[FrozenTrial],
    collect: Callable[[], tuple[xr.Dataset, pd.DataFrame]],
) -> Piece:
    """A search that has ended.

    Args:
        trials: its evaluations.
        collect: makes the cube and the table of evaluations of this search alone.
    """
    place = {"objective": search.objective, "sampler": search.sampler, "seed": search.seed}
    return Piece(
        kind="search",
        key=_digest(search),
        name=f"{search.objective} {search.sampler} {search.seed}",
        tags={name: str(value) for name, value in place.items()},
        steps=len(trials),
        record=lambda: _record(planned, search, trials, *collect()),
    )


def _record(
    planned: OptimisationPlan,
    search: Search,
    trials: list[FrozenTrial],
    cube: xr.Dataset,
    evaluations: pd.DataFrame,
) -> Record:
    objective = planned.objectives[search.objective]
    curves = {name: evaluations[name].values for name in objective.names}
    place = {"objective": search.objective, "sampler": search.sampler, "seed": search.seed}
    curves |= {name: cube.sel(place)[name].values for name in ("best", "hits")}
    ends = [trial.datetime_complete.timestamp() for trial in trials if trial.datetime_complete]
    began = trials[0].datetime_start
    return Record(
        settings=search.study.content,
        curves={
            name: [
                Point(step, value, end)
                for step, (value, end) in enumerate(zip(values, ends, strict=False), 1)
                if np.isfinite(value)
            ]
            for name, values in curves.items()
        },
        tags={"evaluations": str(len(trials))},
        data=_source(planned, search) if objective.attrs else None,
        started=None if began is None else began.timestamp(),
        ended=ends[-1],
    )


def _source(planned: OptimisationPlan, search: Search) -> Source:
    """The data behind an objective, by the digest of what was made of it."""
    objective, content = planned.objectives[search.objective], search.study.content
    known = {
        key: str(objective.attrs[key]) for key in ("source", "licence") if key in objective.attrs
    }
    return Source(
        name=str(objective.attrs["name"]),
        digest=str(content["data"]),
        origin={**known, "objective": json.dumps(content["objective"])},
        context="search",
        profile={"summary": objective.summary},
    )


def summary_of(done: Optimised) -> Summary:
    """What the searches came to: the best of each sampler, and its difference to random search."""
    folder, rows = done.plan.folder, table(done.results)
    own = [f"{name}.csv" for name in done.tables]
    names = ("experiment.yaml", "table.csv", "table.md", "evaluations.csv", FILE, *own)
    return Summary(
        State.FINISHED,
        text=f"{done.plan.experiment.description}\n\n{to_markdown(rows, done.results)}",
        metrics={
            f"{row['objective']}/{row['sampler']}/{name}": float(row[name])
            for row in rows.to_dict("records")
            for name in ("best", "difference", "hits", "hits_difference")
            if np.isfinite(row.get(name, np.nan))
        },
        files=[folder / name for name in (*names, "figures")],
    )


def _digest(search: Search) -> str:
    return digest([search.study.name, search.study.content])[:16]
