"""Optuna over points of a space: samplers against random search, under one budget.

Every sampler searches every objective with every seed, each in a study of its own that goes on
after a kill. Of one seed all samplers begin alike: at the same point of a continuous space, with
the same candidates of a pool; so their differences are paired.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import Trial

from framework import optimisation_results
from framework.config import Component
from framework.errors import UserError, placed
from framework.files import require_writable
from framework.objective import Objective, PoolObjective
from framework.optimisation_schema import Optimisation
from framework.processes import context
from framework.progress import new_bars
from framework.registry import OBJECTIVES, ROOT
from framework.sampling import StudyPlan
from framework.space import checked, parameters
from framework.study import ended, open_study, work
from framework.study_storage import alone, usable

READS = ("path", "dataset")
"""Settings of an objective that name its data, in the order in which --data is meant for them."""


@dataclass(frozen=True)
class Search:
    """One search: a sampler on an objective with a seed."""

    objective: str
    sampler: str
    seed: int
    study: StudyPlan

    @property
    def folder(self) -> Path:
        return Path(self.study.storage).parent


@dataclass(frozen=True)
class Searches:
    """All that an experiment searches, checked before anything is computed.

    Attributes:
        objectives: by title.
    """

    experiment: Optimisation
    objectives: dict[str, Objective]
    searches: list[Search]
    folder: Path


@dataclass
class Optimised:
    """What an experiment left behind.

    Attributes:
        results: the cube of all searches (`framework.optimisation_results`).
        evaluations: one row an evaluation: objective, sampler, seed, evaluation, value, what the
            objective tells of the point, its coordinates.
        computed: evaluations made now; the others stood already.
        tracked: the parent run in MLflow, where one was logged.
    """

    plan: Searches
    results: xr.Dataset
    evaluations: pd.DataFrame
    computed: int
    tracked: str | None = None


def optimise(
    experiment: Optimisation,
    runs: Path,
    *,
    data: str | Path | None = None,
    workers: int = 1,
    track: bool = True,
    progress: bool = True,
    where: str = "",
) -> Optimised:
    """Make the evaluations that are missing, and put all of them together.

    Args:
        runs: the folder of all results.
        data: a file or a data set, in place of what the objectives name.
        workers: processes; results do not depend on their number.
        track: log to MLflow.
        progress: show a bar on standard error.
        where: the file that messages name.

    Raises:
        UserError: the experiment cannot be run as it is, or studies stand with other settings.
    """
    from framework import optimisation_plots

    planned = prepare(experiment, runs, data=data, where=where)
    require_writable(planned.folder)
    if track:
        from framework import optimisation_tracking, tracking

        tracking.require_store(runs)
    computed = _work_through(planned, workers, progress)
    done = Optimised(planned, *_collected(planned), computed)
    with alone(planned.folder):
        if not optimisation_results.stands(done.results, planned.folder):
            optimisation_plots.save_figures(done)
            optimisation_results.write(done)
    if track:
        done.tracked = optimisation_tracking.log_optimisation(done, runs)
    return done


def prepare(
    experiment: Optimisation,
    runs: Path,
    *,
    data: str | Path | None = None,
    where: str = "",
) -> Searches:
    """Check everything that the searches need.

    Raises:
        UserError: an unknown objective or setting, unreadable data, more trials than a pool has
            candidates, a target that nothing reaches, a sampler that cannot search a space.
    """
    prefix = f"{where}: " if where else ""
    folder = runs / experiment.name
    objectives: dict[str, Objective] = {}
    searches: list[Search] = []
    if data is not None and not any(map(_reads, experiment.objectives)):
        raise UserError(f"{prefix}--data {data}: no objective here reads data; leave it out")
    for i, component in enumerate(experiment.objectives):
        place = f"{prefix}objectives[{i}]"
        settings = _settings(component, data, place)
        with placed(place):
            objective: Objective = OBJECTIVES.load(component.name)(**settings)
            _require_searchable(objective, experiment)
        objectives[component.title] = objective
        space = objective.space
        content = {
            "objective": {"name": component.name, **_without_data(settings)},
            "space": {name: [over.low, over.high] for name, over in space.items()},
            "code": _code_digest(component.name),
            **objective.content(),
        }
        for sampler in experiment.samplers:
            for seed in experiment.seeds:
                at = folder / "optimisation" / component.title / f"{sampler}-{seed}"
                study = StudyPlan(
                    name=f"{experiment.name}/{component.title}/{sampler}-{seed}",
                    storage=str(at / "study.journal"),
                    maximise=(objective.maximise,),
                    space=dict[str, BaseDistribution](space),
                    start=_start(space, seed),
                    content={**content, "sampler": sampler, "seed": seed},
                    trials=experiment.trials,
                    sampler=sampler,
                    seed=seed,
                    pool=objective.points if isinstance(objective, PoolObjective) else None,
                )
                searches.append(Search(component.title, sampler, seed, study))
    return Searches(experiment, objectives, searches, folder)


def _reads(component: Component) -> str | None:
    """The setting of an objective that names its data."""
    if component.name not in OBJECTIVES.names():
        return None
    known = parameters(OBJECTIVES.load(component.name))
    return next((name for name in READS if name in known), None)


def _settings(component: Component, data: str | Path | None, place: str) -> dict[str, Any]:
    item = OBJECTIVES.load(component.name, place)
    given, reads = dict(component.parameters), _reads(component)
    if reads is not None:
        if data is not None:
            given[reads] = str(data)
        elif reads == "path" and reads not in given:
            raise UserError(
                f"{place}: '{component.name}' reads a file; name it with --data FILE, or as "
                f"'{reads}' here"
            )
    return checked(item, given, name=component.name, where=place)


def _without_data(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the place of a file: its content counts, wherever it lies."""
    return {name: value for name, value in settings.items() if name != "path"}


def _require_searchable(objective: Objective, experiment: Optimisation) -> None:
    if "cmaes" in experiment.samplers and sum(not o.single() for o in objective.space.values()) < 2:
        raise UserError(
            "samplers: 'cmaes' needs two or more coordinates, and this objective has one; leave "
            "it out"
        )
    target = experiment.target
    if isinstance(objective, PoolObjective):
        if experiment.trials > len(objective):
            raise UserError(
                f"trials: {experiment.trials} are more than the {len(objective)} candidates, each "
                f"of which is evaluated once; take {len(objective)} or fewer"
            )
        if target is not None:
            hits = objective.reaches(objective.values, target)
            if not hits.any() or hits.all():
                which = "none" if not hits.any() else "every one"
                raise UserError(
                    f"target: {which} of the {len(objective)} candidates reaches {target:g}; the "
                    f"{objective.quantity} goes from {objective.values.min():g} to "
                    f"{objective.values.max():g} {objective.units}".rstrip()
                )
    elif (
        target is not None
        and objective.optimum is not None
        and not objective.reaches(objective.optimum, target)
    ):
        side = "below" if objective.maximise else "above"
        raise UserError(
            f"target: nothing reaches {target:g}; the best value is {objective.optimum:g}, so "
            f"give one {side} it"
        )


def _start(space: Mapping[str, FloatDistribution], seed: int) -> dict[str, float]:
    """An evenly drawn point that all samplers of a seed begin at."""
    generator = np.random.default_rng(seed)
    return {name: generator.uniform(over.low, over.high) for name, over in space.items()}


def _code_digest(objective: str) -> str:
    """Digest of the source files that decide the values."""
    files = [OBJECTIVES.source(objective), ROOT / "framework" / "objective.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


@dataclass(frozen=True)
class _Evaluated:
    """What one trial does."""

    objective: Objective

    def __call__(self, trial: Trial, params: dict[str, Any]) -> Sequence[float]:
        return (self.objective.value(params),)


def _work_through(planned: Searches, workers: int, progress: bool) -> int:
    """Make what is missing of all searches; how many evaluations that were."""
    stood = [_n_ended(search) for search in planned.searches]
    missing = [s.study.slots - n for s, n in zip(planned.searches, stood, strict=True)]
    left = [search for search, n in zip(planned.searches, missing, strict=True) if n]
    with new_bars(progress) as bars:
        total = sum(stood) + sum(missing)
        bar = bars.add_task("evaluations", total=total, completed=sum(stood))
        compute = _side_by_side if workers > 1 and len(left) > 1 else _one_by_one
        compute(planned, left, workers, lambda n: bars.advance(bar, n))
    return sum(missing)


def _n_ended(search: Search) -> int:
    """Evaluations that stand already; of more than are wanted, the wanted ones."""
    if not Path(search.study.storage).exists():
        return 0
    with usable(search.study.storage):
        return min(len(ended(open_study(search.study))), search.study.slots)


Advance = Callable[[int], None]
"""Told how many evaluations have been made."""


def _one_by_one(planned: Searches, left: list[Search], _: int, advance: Advance) -> None:
    for search in left:
        _search(search, planned.objectives[search.objective], advance)


def _search(search: Search, objective: Objective, advance: Advance) -> None:
    """Make what is missing of one search. Only one process works on it at a time: its trials
    follow one from the other."""
    search.folder.mkdir(parents=True, exist_ok=True)
    with alone(search.folder), _one_thread(search.sampler):
        work(search.study, _Evaluated(objective), after=lambda *_: advance(1))


def _one_thread(sampler: str) -> AbstractContextManager[None]:
    """The Gaussian process computes on one thread: the same bits on every machine, and its
    matrices are too small for more."""
    if sampler != "gp":  # the others do without torch, whose import takes seconds
        return nullcontext()
    from framework.representation import one_thread

    return one_thread()


_made: Any = None


def _join(made: Any) -> None:
    global _made
    _made = made


def _worker(search: Search, objective: Objective) -> None:
    if (command := multiprocessing.parent_process()) is None or command.is_alive():
        _search(search, objective, _made.put)


def _side_by_side(planned: Searches, left: list[Search], workers: int, advance: Advance) -> None:
    """Searches side by side, each by one process.

    Raises:
        UserError: a search could not go on, or a process died; finished evaluations stand.
    """
    start = context()
    made = start.Queue()
    pool = ProcessPoolExecutor(min(workers, len(left)), start, _join, (made,))
    try:
        open_ = {pool.submit(_worker, one, planned.objectives[one.objective]) for one in left}
        while open_:
            done, open_ = wait(open_, timeout=0.1, return_when=FIRST_COMPLETED)
            with suppress(queue.Empty):
                while True:
                    advance(made.get_nowait())
            for future in done:
                future.result()
    except BrokenProcessPool:
        raise UserError(
            "a worker process died (killed, or out of memory); finished evaluations stand, the "
            "same command goes on"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collected(planned: Searches) -> tuple[xr.Dataset, pd.DataFrame]:
    """The evaluations of all searches as a cube and as a table."""
    experiment = planned.experiment
    titles, samplers = list(planned.objectives), [str(name) for name in experiment.samplers]
    shape = len(titles), len(samplers), len(experiment.seeds), experiment.trials
    values = np.full(shape, np.nan)
    points: list[dict[str, Any]] = []
    for search in planned.searches:
        at = (
            titles.index(search.objective),
            samplers.index(search.sampler),
            experiment.seeds.index(search.seed),
        )
        objective = planned.objectives[search.objective]
        with usable(search.study.storage):
            trials = ended(open_study(search.study))
        for slot, trial in trials[: experiment.trials]:
            value = trial.values[0] if trial.values else np.nan
            values[(*at, slot)] = value
            place = {"objective": search.objective, "sampler": search.sampler, "seed": search.seed}
            told = objective.told(trial.params)
            row = {**place, "evaluation": slot + 1, "value": value, **told, **trial.params}
            points.append(row)
    return optimisation_results.cube(experiment, planned.objectives, values), pd.DataFrame(points)
