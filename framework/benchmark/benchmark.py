"""The grid of runs of an experiment: finished ones are not run again, a failed one stops no other."""

from __future__ import annotations

import queue
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import xarray as xr

from framework.base.errors import UserError
from framework.base.files import require_writable, whole
from framework.base.progress import new_bars
from framework.benchmark.replaced import replaced_settings
from framework.config.experiment import Experiment
from framework.contracts.tracker import NOT_TRACKED, Tracker
from framework.execution.start import context
from framework.runs.components import task_of
from framework.runs.execution import execute
from framework.runs.plan import plan
from framework.runs.run import Run


@dataclass
class Outcome:
    """What a benchmark left behind.

    Attributes:
        results: the cube of all finished runs (`framework.benchmark.results`); None where none finished.
        folder: where results, leaderboard and figures lie.
        plan: all runs of the experiment.
        failures: cause by digest, of the runs that failed.
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
    tracker: Tracker = NOT_TRACKED,
    progress: bool = True,
    where: str = "",
) -> Outcome:
    """Compute what is missing of an experiment, and put all of it together.

    Args:
        runs: the folder of all results.
        workers: processes; results do not depend on their number.
        tracker: told of every run when it ends.
        progress: show progress bars on standard error.
        where: the file that messages name.

    Raises:
        UserError: the experiment cannot be run as it is, or nothing can be written.
    """
    from framework.benchmark import records

    planned = plan(experiment, where, runs)
    folder = runs / experiment.name
    require_writable(folder)
    tracker.require()
    missing = {run.digest: run for run in planned if not run.finished(runs)}
    outcome = Outcome(None, folder, planned)
    compute = _in_pool if workers > 1 and len(missing) > 1 else _in_process
    with tracker.begin(records.work_of(experiment, planned, folder)) as tracked:
        for run in planned:
            if run.digest not in missing:
                tracked.ended(records.cell_of(run, runs))
        with _Bars(len(planned), len(planned) - len(missing), shown=progress) as bars:
            for run, failure in compute(list(missing.values()), runs, bars, workers):
                if failure is None:
                    outcome.computed.append(run.digest)
                else:
                    outcome.failures[run.digest] = failure
                tracked.ended(records.cell_of(run, runs, failure))
                bars.finished(run)
        _put_together(experiment, outcome, runs)
        failed = bool(outcome.failures)
        tracked.over(records.summary_of(experiment, outcome.results, folder, runs, failed=failed))
    outcome.tracked = tracked.key
    return outcome


def _put_together(experiment: Experiment, outcome: Outcome, runs: Path) -> None:
    """Cube, leaderboard and figures of all finished runs, as files where they are not yet."""
    from framework.benchmark import published, results
    from framework.benchmark.figures import save_benchmark_figures

    outcome.replaced = replaced_settings(experiment, outcome.folder)
    outcome.results = results.collect(experiment, outcome.plan, runs)
    if experiment.published is not None:
        table = published.compare(experiment, outcome.results)
        with whole(outcome.folder / published.FILE) as at:
            table.to_csv(at, index=False)
    if outcome.results is not None and not results.stands(outcome.results, outcome.folder):
        task = task_of(outcome.plan[0].settings["task"])
        save_benchmark_figures(outcome.results, task, outcome.folder / "figures")
        results.write(outcome.results, experiment, outcome.folder)


Report = Callable[[Run, int, int], None]
Result = tuple[Run, str | None]


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


def _attempt(run: Run, runs: Path, report: Report) -> str | None:
    """Execute one run; the cause where it fails."""
    try:
        execute(run, runs, lambda done, total: report(run, done, total))
    except UserError as error:
        return str(error)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
    return None


def _in_process(missing: list[Run], runs: Path, bars: _Bars, _: int) -> Iterator[Result]:
    for run in missing:
        yield run, _attempt(run, runs, bars.fitting)


_reports: Any = None


def _join(reports: Any) -> None:
    global _reports
    _reports = reports


def _worker(run: Run, runs: Path) -> str | None:
    return _attempt(run, runs, lambda *report: _reports.put(report))


def _in_pool(missing: list[Run], runs: Path, bars: _Bars, workers: int) -> Iterator[Result]:
    """Side by side. A dying worker breaks the whole pool: what was left then goes one by one,
    so that only the run that kills its worker is lost."""
    left = yield from _pooled(missing, runs, bars, workers)
    for run in left:
        if (yield from _pooled([run], runs, bars, 1)):
            yield run, "its worker process died (killed, or out of memory)"


def _pooled(
    wanted: list[Run], runs: Path, bars: _Bars, workers: int
) -> Generator[Result, None, list[Run]]:
    """Yields what ends; returns the runs that a dying worker left undone."""
    start = context()
    reports = start.Queue()
    undone: list[Run] = []
    pool = ProcessPoolExecutor(workers, start, _join, (reports,))
    try:
        futures = {pool.submit(_worker, run, runs): run for run in wanted}
        for future in _as_they_end(futures, reports, bars):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                undone.append(futures[future])
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return undone


def _as_they_end(
    futures: Iterable[Future[str | None]], reports: Any, bars: _Bars
) -> Iterator[Future[str | None]]:
    open_ = set(futures)
    while open_:
        done, open_ = wait(open_, timeout=0.1, return_when=FIRST_COMPLETED)
        try:
            while True:
                bars.fitting(*reports.get_nowait())
        except queue.Empty:
            pass
        yield from done
