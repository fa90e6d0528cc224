"""The evaluations of searches: what one trial does, and all of them as a cube and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, Trial

from framework.contracts.objective import Objective
from framework.search.optimisation.plan import OptimisationPlan, Search
from framework.search.optimisation.results import cube
from framework.search.study.storage import usable
from framework.search.study.study import open_study
from framework.search.study.trials import ended

REPORT = "report"
"""The attribute of a trial with what the objective reports of its point."""


@dataclass(frozen=True)
class Evaluation:
    """The function of a search's trials: the objective at a point."""

    objective: Objective

    def __call__(self, trial: Trial, params: dict[str, Any]) -> Sequence[float]:
        measured = self.objective.measure(params)
        for name, violation in measured.violations.items():
            trial.set_constraint(name, violation)
        if measured.report:
            trial.set_user_attr(REPORT, dict(measured.report))
        return measured.values


def evaluated(search: Search) -> list[tuple[int, FrozenTrial]]:
    """Slot and trial of the evaluations of a search; of more than are wanted, the wanted ones."""
    if not Path(search.study.storage).exists():
        return []
    with usable(search.study.storage):
        return ended(open_study(search.study))[: search.study.slots]


def collect(plan: OptimisationPlan) -> tuple[xr.Dataset, pd.DataFrame]:
    """The evaluations of all searches as a cube and as a table."""
    experiment = plan.experiment
    titles, samplers = list(plan.objectives), experiment.titles
    shape = len(titles), len(samplers), len(experiment.seeds), experiment.trials
    values, best, kept = (np.full(shape, np.nan) for _ in range(3))
    rows: list[dict[str, Any]] = []
    for search in plan.searches:
        objective = plan.objectives[search.objective]
        trials = evaluated(search)
        measured, feasible = _measured(objective, [trial for _, trial in trials])
        at = (
            titles.index(search.objective),
            samplers.index(search.sampler),
            experiment.seeds.index(search.seed),
            slice(len(trials)),
        )
        if measured.shape[1] == 1:
            values[at] = measured[:, 0]
        best[at] = objective.progress(measured, feasible)
        kept[at] = feasible
        rows += _rows(search, objective, trials, measured, feasible)
    return cube(experiment, plan.objectives, values, best, kept), pd.DataFrame(rows)


def _measured(
    objective: Objective, trials: list[FrozenTrial]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values (n, k), NaN of what failed, and whether all constraints were kept (n,)."""
    nothing = [np.nan] * len(objective.directions)
    values = np.array([trial.values or nothing for trial in trials]).reshape(
        len(trials), len(nothing)
    )
    kept = np.array([all(v <= 0 for v in trial.constraints.values()) for trial in trials], bool)
    return values, kept & np.isfinite(values).all(axis=1)


def _rows(
    search: Search,
    objective: Objective,
    trials: list[tuple[int, FrozenTrial]],
    measured: NDArray[np.float64],
    feasible: NDArray[np.bool_],
) -> Iterator[dict[str, Any]]:
    for (slot, trial), values, keeps in zip(trials, measured, feasible, strict=True):
        row = {"objective": search.objective, "sampler": search.sampler, "seed": search.seed}
        row |= {"evaluation": slot + 1, **dict(zip(objective.names, values, strict=True))}
        if objective.constraints:
            row |= {"kept": bool(keeps)}
            row |= {f"violation of {name}": v for name, v in trial.constraints.items()}
        yield row | trial.user_attrs.get(REPORT, {}) | trial.params
