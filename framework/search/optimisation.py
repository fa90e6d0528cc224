"""Optuna over points of a space: samplers against random search, under one budget.

Every sampler searches every objective with every seed, each in a study of its own that goes on
after a kill. Of one seed all samplers begin alike: at the same point of a continuous space, with
the same candidates of a pool; so their differences are paired.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from optuna.trial import FrozenTrial, Trial
from threadpoolctl import threadpool_limits

from framework.base.errors import UserError
from framework.base.files import require_writable
from framework.base.progress import new_bars
from framework.config.optimisation import Optimisation
from framework.contracts.objective import Objective
from framework.contracts.tracker import NOT_TRACKED, Tracker
from framework.execution.choice import executor_for
from framework.execution.executor import Executor, Progress
from framework.search import optimisation_results, search_records
from framework.search.optimisation_plan import Search, Searches, prepare
from framework.search.optimisation_results import Optimised
from framework.search.storage import alone, usable
from framework.search.study import ended, open_study, work


def optimise(
    experiment: Optimisation,
    runs: Path,
    *,
    data: str | Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    tracker: Tracker = NOT_TRACKED,
    progress: bool = True,
    where: str = "",
) -> Optimised:
    """Make the evaluations that are missing, and put all of them together.

    Args:
        runs: the folder of all results.
        data: a file or a data set, in place of what the objectives name.
        workers: processes; results do not depend on their number.
        scheduler: address of a Dask scheduler, whose workers search in their place.
        tracker: told of every search when it ends.
        progress: show a bar on standard error.
        where: the file that messages name.

    Raises:
        UserError: the experiment cannot be run as it is, or studies stand with other settings.
    """
    planned = prepare(experiment, runs, data=data, where=where)
    require_writable(planned.folder)
    tracker.require()
    with tracker.begin(search_records.work_of(planned)) as tracked:

        def tell(search: Search) -> None:
            if trials := [trial for _, trial in _ended(search)]:
                own = partial(_collected, replace(planned, searches=[search]))
                tracked.ended(search_records.search_of(planned, search, trials, own))

        executor = executor_for(workers, scheduler, runs, len(planned.searches))
        computed = _work_through(planned, executor, runs, progress, tell)
        done = Optimised(planned, *_collected(planned), computed)
        with alone(planned.folder):
            if not optimisation_results.stands(done.results, planned.folder):
                save_figures(done)
                optimisation_results.write(done)
        tracked.over(search_records.summary_of(done))
    done.tracked = tracked.key
    return done


def save_figures(done: Optimised) -> list[Path]:
    """Draw ``convergence``, ``hits`` where there are any, and what the objectives draw, as PNG."""
    from framework.figures.canvas import save_all
    from framework.figures.optimisation import convergence_figure, hits_figure

    figures = {"convergence": convergence_figure(done.results)}
    if int(done.results["n_hits"].sum()):
        figures["hits"] = hits_figure(done.results)
    for title, objective in done.plan.objectives.items():
        found = objective.figures(done.of(title), done.plan.experiment.target)
        figures |= {optimisation_results.file_name(n, title): f for n, f in found.items()}
    return save_all(figures, done.plan.folder / "figures")


@dataclass(frozen=True)
class _Evaluated:
    """What one trial does."""

    objective: Objective

    def __call__(self, trial: Trial, params: dict[str, Any]) -> Sequence[float]:
        found = self.objective.measure(params)
        for name, violation in found.violations.items():
            trial.set_constraint(name, violation)
        if found.told:
            trial.set_user_attr("told", dict(found.told))
        return found.values


def _work_through(
    planned: Searches,
    executor: Executor,
    runs: Path,
    progress: bool,
    tell: Callable[[Search], None],
) -> int:
    """Make what is missing of all searches; how many evaluations that were.

    Args:
        tell: called with every search when it has ended, those that need no more first.

    Raises:
        UserError: searches could not go on, or their process died, and the others have ended;
            finished evaluations are kept.
    """
    reused = {search.study.name: len(_ended(search)) for search in planned.searches}
    left = [search for search in planned.searches if reused[search.study.name] < search.study.slots]
    made = dict.fromkeys(reused, 0)
    for search in planned.searches:
        if search not in left:
            tell(search)
    causes = []
    with new_bars(progress) as bars:
        total = sum(search.study.slots for search in planned.searches)
        bar = bars.add_task("evaluations", total=total, completed=sum(reused.values()))

        def report(search: Search, done: int, _: int) -> None:
            made[search.study.name] = done
            bars.update(bar, completed=sum(reused.values()) + sum(made.values()))

        with closing(executor.run(_Searching(planned.objectives), left, report)) as ending:
            for search, outcome in ending:
                if outcome.failure is not None:
                    name = search.study.name
                    at = runs / "failures" / f"{name.replace('/', ' ')}.txt"
                    causes.append(f"{name}: {outcome.failure.kept(at)}")
                tell(search)
    if causes:
        raise UserError(
            f"{len(causes)} of {len(left)} searches failed:\n  " + "\n  ".join(causes) + "\n"
            "finished evaluations are kept. Run the same command to continue."
        )
    return total - sum(reused.values())


def _ended(search: Search) -> list[tuple[int, FrozenTrial]]:
    """Slot and trial of the evaluations that have been made; of more than are wanted, the wanted ones."""
    if not Path(search.study.storage).exists():
        return []
    with usable(search.study.storage):
        return ended(open_study(search.study))[: search.study.slots]


@dataclass(frozen=True)
class _Searching:
    """What is done with a search, wherever that is: what is missing of it. Only one process works
    on it at a time: its trials follow one from the other."""

    objectives: Mapping[str, Objective]

    def __call__(self, search: Search, progress: Progress) -> None:
        made = itertools.count(1)
        objective = _Evaluated(self.objectives[search.objective])
        search.folder.mkdir(parents=True, exist_ok=True)
        with alone(search.folder), _one_thread(search.sampler):
            work(
                search.study,
                objective,
                after=lambda *_: progress(next(made), search.study.slots),
            )


@contextmanager
def _one_thread(sampler: str) -> Iterator[None]:
    """Results are the same to the bit on every machine, and nothing here is large enough to be
    quicker on more threads."""
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(1))
        if sampler == "gp":  # the others do without torch, whose import takes seconds
            from framework.neural.threads import one_thread

            stack.enter_context(one_thread())
        yield


def _collected(planned: Searches) -> tuple[xr.Dataset, pd.DataFrame]:
    """The evaluations of all searches as a cube and as a table."""
    experiment = planned.experiment
    titles, samplers = list(planned.objectives), [str(name) for name in experiment.samplers]
    shape = len(titles), len(samplers), len(experiment.seeds), experiment.trials
    values, best, kept = (np.full(shape, np.nan) for _ in range(3))
    found: list[dict[str, Any]] = []
    for search in planned.searches:
        at = (
            titles.index(search.objective),
            samplers.index(search.sampler),
            experiment.seeds.index(search.seed),
        )
        objective = planned.objectives[search.objective]
        trials = _ended(search)
        nothing = [np.nan] * len(objective.directions)
        own = np.array([trial.values or nothing for _, trial in trials]).reshape(len(trials), -1)
        fits = np.array([all(v <= 0 for v in trial.constraints.values()) for _, trial in trials])
        fits &= np.isfinite(own).all(axis=1)
        if own.shape[1] == 1:
            values[at][: len(own)] = own[:, 0]
        best[at][: len(own)] = objective.progress(own, fits)
        kept[at][: len(own)] = fits
        for (slot, trial), measured, fit in zip(trials, own, fits, strict=True):
            row = {"objective": search.objective, "sampler": search.sampler, "seed": search.seed}
            row |= {"evaluation": slot + 1, **dict(zip(objective.names, measured, strict=True))}
            if objective.constraints:
                row |= {"kept": bool(fit)}
                row |= {f"violation of {name}": v for name, v in trial.constraints.items()}
            found.append(row | trial.user_attrs.get("told", {}) | trial.params)
    cube = optimisation_results.cube(experiment, planned.objectives, values, best, kept)
    return cube, pd.DataFrame(found)
