"""Optuna over points of a space: samplers against random search, under one budget.

Every sampler searches every objective with every seed, each in a study of its own that goes on
after a kill. Of one seed all samplers begin alike: at the same point of a continuous space, with
the same candidates of a pool; so their differences are paired.
"""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from framework.base.errors import UserError
from framework.base.files import require_writable
from framework.base.progress import new_bars
from framework.config.optimisation import Optimisation
from framework.contracts.objective import Objective
from framework.contracts.tracker import NOT_TRACKED, Tracker
from framework.execution.start import context
from framework.search.optimisation import records
from framework.search.optimisation.evaluations import Evaluation, collect, evaluated
from framework.search.optimisation.outcome import Optimised, file_name, write
from framework.search.optimisation.plan import OptimisationPlan, Search, plan_optimisation
from framework.search.optimisation.results import is_written
from framework.search.study.locks import alone
from framework.search.study.work import work


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
        UserError: an objective, a setting, the data or the target does not fit; the folder cannot
            be written; a study was started with other settings; a search could not go on.

    Example:
        >>> from pathlib import Path
        >>> from framework.config.optimisation import read_optimisation
        >>> experiment = read_optimisation("experiments/optimise_test_functions.yaml")
        >>> done = optimise(experiment, Path("runs"), workers=2)  # doctest: +SKIP
        >>> done.evaluations.groupby(["objective", "sampler"])["value"].min()  # doctest: +SKIP
    """
    planned = plan_optimisation(experiment, runs, data=data, where=where)
    require_writable(planned.folder)
    tracker.require()
    with tracker.begin(records.work_of(planned)) as tracked:

        def tell(search: Search) -> None:
            if trials := [trial for _, trial in evaluated(search)]:
                own = partial(collect, replace(planned, searches=[search]))
                tracked.ended(records.search_of(planned, search, trials, own))

        computed = _work_through(planned, workers, progress, tell)
        done = Optimised(planned, *collect(planned), computed)
        with alone(planned.folder):
            if not is_written(done.results, planned.folder):
                save_figures(done)
                write(done)
        tracked.over(records.summary_of(done))
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
        drawn = objective.figures(done.of(title), done.plan.experiment.target)
        figures |= {file_name(name, title): figure for name, figure in drawn.items()}
    return save_all(figures, done.plan.folder / "figures")


def _work_through(
    planned: OptimisationPlan, workers: int, progress: bool, tell: Callable[[Search], None]
) -> int:
    """Make what is missing of all searches; how many evaluations that were.

    Args:
        tell: called with every search when it has ended, those that need no more first.
    """
    stood = [len(evaluated(search)) for search in planned.searches]
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


Advance = Callable[[int], None]
"""Told how many evaluations have been made."""


def _one_by_one(
    planned: OptimisationPlan, left: list[Search], _: int, advance: Advance
) -> Iterator[Search]:
    for search in left:
        _search(search, planned.objectives[search.objective], advance)
        yield search


def _search(search: Search, objective: Objective, advance: Advance) -> None:
    """Make what is missing of one search. Only one process works on it at a time: its trials
    follow one from the other."""
    search.folder.mkdir(parents=True, exist_ok=True)
    with alone(search.folder), _one_thread(search.sampler):
        work(search.study, Evaluation(objective), after=lambda *_: advance(1))


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
    planned: OptimisationPlan, left: list[Search], workers: int, advance: Advance
) -> Iterator[Search]:
    """OptimisationPlan side by side, each by one process; yields what ends.

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
