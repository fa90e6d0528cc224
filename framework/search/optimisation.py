"""Optuna over points of a space: samplers against random search, under one budget.

Every sampler searches every objective with every seed, each in a study of its own that goes on
after a kill. Of one seed all samplers begin alike: at the same point of a continuous space, with
the same candidates of a pool; so their differences are paired.
"""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
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
from framework.execution.start import context
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
    tracker: Tracker = NOT_TRACKED,
    progress: bool = True,
    where: str = "",
) -> Optimised:
    """Make the evaluations that are missing, and put all of them together.

    Args:
        runs: the folder of all results.
        data: a file or a data set, in place of what the objectives name.
        workers: processes; results do not depend on their number.
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

        computed = _work_through(planned, workers, progress, tell)
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
    planned: Searches, workers: int, progress: bool, tell: Callable[[Search], None]
) -> int:
    """Make what is missing of all searches; how many evaluations that were.

    Args:
        tell: called with every search when it has ended, those that need no more first.
    """
    stood = [len(_ended(search)) for search in planned.searches]
    missing = [s.study.slots - n for s, n in zip(planned.searches, stood, strict=True)]
    left = [search for search, n in zip(planned.searches, missing, strict=True) if n]
    for search, n in zip(planned.searches, missing, strict=True):
        if not n:
            tell(search)
    with new_bars(progress) as bars:
        total = sum(stood) + sum(missing)
        bar = bars.add_task("evaluations", total=total, completed=sum(stood))
        compute = _side_by_side if workers > 1 and len(left) > 1 else _one_by_one
        for search in compute(planned, left, workers, lambda n: bars.advance(bar, n)):
            tell(search)
    return sum(missing)


def _ended(search: Search) -> list[tuple[int, FrozenTrial]]:
    """Slot and trial of the evaluations that have been made; of more than are wanted, the wanted ones."""
    if not Path(search.study.storage).exists():
        return []
    with usable(search.study.storage):
        return ended(open_study(search.study))[: search.study.slots]


Advance = Callable[[int], None]
"""Told how many evaluations have been made."""


def _one_by_one(
    planned: Searches, left: list[Search], _: int, advance: Advance
) -> Iterator[Search]:
    for search in left:
        _search(search, planned.objectives[search.objective], advance)
        yield search


def _search(search: Search, objective: Objective, advance: Advance) -> None:
    """Make what is missing of one search. Only one process works on it at a time: its trials
    follow one from the other."""
    search.folder.mkdir(parents=True, exist_ok=True)
    with alone(search.folder), _one_thread(search.sampler):
        work(search.study, _Evaluated(objective), after=lambda *_: advance(1))


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


_made: Any = None


def _join(made: Any) -> None:
    global _made
    _made = made


def _worker(search: Search, objective: Objective) -> None:
    if (command := multiprocessing.parent_process()) is None or command.is_alive():
        _search(search, objective, _made.put)


def _side_by_side(
    planned: Searches, left: list[Search], workers: int, advance: Advance
) -> Iterator[Search]:
    """Searches side by side, each by one process; yields what ends.

    Raises:
        UserError: a search could not go on, or a process died; finished evaluations stand.
    """
    start = context()
    made = start.Queue()
    pool = ProcessPoolExecutor(min(workers, len(left)), start, _join, (made,))
    try:
        futures = {
            pool.submit(_worker, one, planned.objectives[one.objective]): one for one in left
        }
        open_ = set(futures)
        while open_:
            done, open_ = wait(open_, timeout=0.1, return_when=FIRST_COMPLETED)
            with suppress(queue.Empty):
                while True:
                    advance(made.get_nowait())
            for future in done:
                future.result()
                yield futures[future]
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
