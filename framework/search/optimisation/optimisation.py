"""Optuna over points of a space: samplers against random search, under one budget.

Every sampler searches every objective with every seed, each in a study of its own that goes on
after a kill. Of one seed all samplers begin alike: at the same point of a continuous space, with
the same candidates of a pool; so their differences are paired.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from framework.base.errors import UserError
from framework.base.files import require_writable
from framework.base.progress import new_bars
from framework.config.optimisation import Optimisation
from framework.contracts.objective import Objective
from framework.contracts.tracker import NOT_TRACKED, Tracker
from framework.execution.choice import executor_for
from framework.execution.executor import Executor, Progress
from framework.search.optimisation import records
from framework.search.optimisation.evaluations import Evaluation, collect, evaluated
from framework.search.optimisation.outcome import Optimised, file_name, write
from framework.search.optimisation.plan import (
    OptimisationPlan,
    Search,
    plan_optimisation,
    target_of,
)
from framework.search.optimisation.results import is_written
from framework.search.study.locks import alone
from framework.search.study.work import work


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

        executor = executor_for(workers, scheduler, runs, len(planned.searches))
        computed = _work_through(planned, executor, runs, progress, tell)
        done = Optimised(planned, *collect(planned), computed)
        with alone(planned.folder):
            if not is_written(done.results, planned.folder):
                save_figures(done)
                write(done)
        tracked.over(records.summary_of(done))
    done.tracked = tracked.key
    return done


def save_figures(done: Optimised) -> list[Path]:
    """Draw ``convergence``, ``hits`` where there are any (of several pools ``hits_by_space``, too), and what the objectives draw, as PNG."""
    from framework.figures.canvas import save_all
    from framework.figures.optimisation import convergence_figure, hits_by_space_figure, hits_figure

    figures = {"convergence": convergence_figure(done.results)}
    if int(done.results["n_hits"].sum()):
        figures["hits"] = hits_figure(done.results)
    if (done.results["n_hits"] > 0).sum() > 1:
        figures["hits_by_space"] = hits_by_space_figure(done.results)
    for title, objective in done.plan.objectives.items():
        drawn = objective.figures(done.of(title), target_of(objective, done.plan.experiment))
        figures |= {file_name(name, title): figure for name, figure in drawn.items()}
    return save_all(figures, done.plan.folder / "figures")


def _work_through(
    planned: OptimisationPlan,
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
    reused = {search.study.name: len(evaluated(search)) for search in planned.searches}
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


@dataclass(frozen=True)
class _Searching:
    """What is done with a search, wherever that is: what is missing of it. Only one process works
    on it at a time: its trials follow one from the other."""

    objectives: Mapping[str, Objective]

    def __call__(self, search: Search, progress: Progress) -> None:
        made = itertools.count(1)
        objective = Evaluation(self.objectives[search.objective])
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
