"""The grid of runs of an experiment: finished ones are not run again, a failed one stops no other."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import xarray as xr

from framework.base.files import remove_abandoned, require_writable, whole
from framework.base.progress import new_bars
from framework.benchmark.replaced import replaced_settings
from framework.config.experiment import Experiment
from framework.contracts.tracker import NOT_TRACKED, Tracker
from framework.execution.choice import executor_for
from framework.execution.executor import Progress
from framework.runs.components import task_of
from framework.runs.execution import execute
from framework.runs.plan import plan
from framework.runs.run import Run


@dataclass
class Outcome:
    """What a benchmark left behind.

    Attributes:
        results: the cube of all finished runs (`framework.benchmark.cube`); None where none finished.
        folder: where results, leaderboard and figures lie.
        plan: all runs of the experiment.
        failures: cause by digest, of the runs that failed; it names the file with the traceback.
        computed: digests of the runs that were computed now; the others stood already.
        tracked: what the tracker knows the benchmark by; None where nothing is kept.
        replaced: settings in which earlier results in this folder differed, which are replaced.
    """

    results: xr.Dataset | None
    folder: Path
    plan: list[Run]
    failures: dict[str, str] = field(default_factory=dict)
    computed: list[str] = field(default_factory=list)
    tracked: str | None = None
    replaced: list[str] = field(default_factory=list)


def benchmark(
    experiment: Experiment,
    runs: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    tracker: Tracker = NOT_TRACKED,
    progress: bool = True,
    where: str = "",
) -> Outcome:
    """Compute what is missing of an experiment, and put all of it together.

    Args:
        runs: the folder of all results.
        workers: processes; results do not depend on their number.
        scheduler: address of a Dask scheduler, whose workers compute in their place.
        tracker: told of every run when it ends.
        progress: show progress bars on standard error.
        where: the file that messages name.

    Raises:
        UserError: the experiment cannot be run as it is, or nothing can be written.
    """
    from framework.benchmark import records

    planned = plan(experiment, where, runs)
    remove_abandoned(runs / "cells")
    folder = runs / experiment.name
    require_writable(folder)
    tracker.require()
    missing = {run.digest: run for run in planned if not run.finished(runs)}
    outcome = Outcome(None, folder, planned)
    executor = executor_for(workers, scheduler, runs, len(missing))
    with tracker.begin(records.work_of(experiment, planned, folder)) as tracked:
        for run in planned:
            if run.digest not in missing:
                tracked.ended(records.cell_of(run, runs))
        with (
            _Bars(len(planned), len(planned) - len(missing), shown=progress) as bars,
            closing(executor.run(_Execute(runs), missing.values(), bars.fitting)) as ending,
        ):
            for run, ended in ending:
                cause = None
                if ended.failure is None:
                    outcome.computed.append(run.digest)
                    traceback_of(run, runs).unlink(missing_ok=True)
                else:
                    cause = ended.failure.kept(traceback_of(run, runs))
                    outcome.failures[run.digest] = cause
                tracked.ended(records.cell_of(run, runs, cause))
                bars.finished(run)
        _put_together(experiment, outcome, runs)
        failed = bool(outcome.failures)
        tracked.over(records.summary_of(experiment, outcome.results, folder, runs, failed=failed))
    outcome.tracked = tracked.key
    return outcome


def _put_together(experiment: Experiment, outcome: Outcome, runs: Path) -> None:
    """Cube, leaderboard and figures of all finished runs, as files where they are not yet."""
    from framework.benchmark import cube, published, results
    from framework.benchmark.figures import save_benchmark_figures

    outcome.replaced = replaced_settings(experiment, outcome.folder)
    outcome.results = cube.collect(experiment, outcome.plan, runs)
    if experiment.published is not None:
        table = published.compare(experiment, outcome.results)
        with whole(outcome.folder / published.FILE) as at:
            table.to_csv(at, index=False)
    if outcome.results is not None and not results.stands(outcome.results, outcome.folder):
        task = task_of(outcome.plan[0].settings["task"])
        save_benchmark_figures(outcome.results, task, outcome.folder / "figures")
        results.write(outcome.results, experiment, outcome.folder)


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
