"""The grid of runs of an experiment: finished ones are not run again, a failed one stops no other."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import xarray as xr

from framework.base.files import require_writable, whole
from framework.base.progress import new_bars
from framework.config.experiment import Experiment
from framework.execution.choice import executor_for
from framework.execution.executor import Progress
from framework.runs.components import task_of
from framework.runs.execution import execute, remove_abandoned
from framework.runs.plan import Run, plan


@dataclass
class Outcome:
    """What a benchmark left behind.

    Attributes:
        results: the cube of all finished runs (`framework.benchmark.results`); None where none finished.
        folder: where results, leaderboard and figures lie.
        plan: all runs of the experiment.
        failures: cause by digest, of the runs that failed; it names the file with the traceback.
        computed: digests of the runs that were computed now; the others stood already.
        tracked: the parent run in MLflow, where one was logged.
    """

    results: xr.Dataset | None
    folder: Path
    plan: list[Run]
    failures: dict[str, str] = field(default_factory=dict)
    computed: list[str] = field(default_factory=list)
    tracked: str | None = None


def benchmark(
    experiment: Experiment,
    runs: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    track: bool = True,
    progress: bool = True,
    where: str = "",
    parent: str | None = None,
) -> Outcome:
    """Compute what is missing of an experiment, and put all of it together.

    Args:
        runs: the folder of all results.
        workers: processes; results do not depend on their number.
        scheduler: address of a Dask scheduler, whose workers compute in their place.
        track: log to MLflow.
        progress: show progress bars on standard error.
        where: the file that messages name.
        parent: a run in MLflow below which this one is logged.

    Raises:
        UserError: the experiment cannot be run as it is, or nothing can be written.
    """
    from framework.benchmark import published, results
    from framework.benchmark.figures import save_benchmark_figures

    planned = plan(experiment, where)
    remove_abandoned(runs)
    folder = runs / experiment.name
    require_writable(folder)
    if track:
        from framework.tracking import mlflow as tracking

        tracking.require_store(runs)
    missing = {run.digest: run for run in planned if not run.finished(runs)}
    outcome = Outcome(None, folder, planned)
    executor = executor_for(workers, scheduler, runs, len(missing))
    with (
        _Bars(len(planned), len(planned) - len(missing), shown=progress) as bars,
        closing(executor.run(_Execute(runs), missing.values(), bars.fitting)) as ending,
    ):
        for run, ended in ending:
            if ended.failure is None:
                outcome.computed.append(run.digest)
                traceback_of(run, runs).unlink(missing_ok=True)
            else:
                outcome.failures[run.digest] = ended.failure.kept(traceback_of(run, runs))
            bars.finished(run)
    outcome.results = results.collect(experiment, planned, runs)
    if experiment.published is not None:
        table = published.compare(experiment, outcome.results)
        with whole(folder / published.FILE) as at:
            table.to_csv(at, index=False)
    if outcome.results is not None and not results.stands(outcome.results, folder):
        task = task_of(planned[0].settings["task"])
        save_benchmark_figures(outcome.results, task, folder / "figures")
        results.write(outcome.results, experiment, folder)
    if track:
        outcome.tracked = tracking.log_benchmark(experiment, outcome, runs, parent)
    return outcome


@dataclass(frozen=True)
class _Execute:
    """What is done with a run, wherever that is."""

    runs: Path

    def __call__(self, run: Run, progress: Progress) -> None:
        execute(run, self.runs, progress)


def traceback_of(run: Run, runs: Path) -> Path:
    """Where the traceback of a failed run is kept until it succeeds."""
    return runs / "failures" / f"{run.digest}.txt"


class _Bars:
    """An overall bar, and one for every fit that is under way."""

    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self._progress = new_bars(shown)
        self._all = self._progress.add_task("runs", total=total, completed=done)
        self._fits: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def fitting(self, run: Run, done: int, total: int) -> None:
        if run.digest not in self._fits:
            title = f"{run.encoder} {run.split} {run.seed}"
            self._fits[run.digest] = self._progress.add_task(title, total=total)
        self._progress.update(self._fits[run.digest], completed=done, total=total)

    def finished(self, run: Run) -> None:
        if run.digest in self._fits:
            self._progress.remove_task(self._fits.pop(run.digest))
        self._progress.advance(self._all)
