"""The processes that work on one study, and the one that watches them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import optuna

from framework.base.errors import UserError
from framework.base.progress import new_bars
from framework.execution.start import context
from framework.search.study.plan import StudyPlan
from framework.search.study.trials import ended, n_free
from framework.search.study.work import TrialFunction, recover, work

PATIENCE = 0.5
"""Seconds between two looks at what other processes do."""


def work_through(
    plan: StudyPlan,
    objective: TrialFunction,
    study: optuna.Study,
    *,
    workers: int,
    deadline: float | None = None,
    look: Callable[[optuna.Study], None] | None = None,
    progress: bool = False,
) -> None:
    """Work until the study has all of its trials, whoever finishes them, or the time is over.

    Args:
        objective: what a trial does; sent to worker processes, so it must be picklable.
        workers: processes; one works in this one.
        deadline: `time.time` after which no new trial is begun.
        look: called again and again with the study, while the workers go on.
        progress: show a bar on standard error.

    Raises:
        UserError: a worker could not go on; finished trials stand.
    """
    with new_bars(progress) as bars:
        bar = bars.add_task("trials", total=plan.slots, completed=len(ended(study)))

        def watch(*_: Any) -> None:
            bars.update(bar, completed=len(ended(study)))
            if look is not None:
                look(study)

        while len(ended(study)) < plan.slots and not _late(deadline):
            recover(study)
            free = n_free(study, plan)
            if not free:
                time.sleep(PATIENCE)  # the last ones are worked on elsewhere
            elif workers == 1:
                work(plan, objective, deadline=deadline, after=watch)
            else:
                _side_by_side(plan, objective, min(workers, free), deadline, watch)
        watch()


def _side_by_side(
    plan: StudyPlan,
    objective: TrialFunction,
    workers: int,
    deadline: float | None,
    watch: Callable[[], None],
) -> None:
    """Worker processes; one that dies stops no other, and its trial is taken up again."""
    start = context()
    failures = start.SimpleQueue()
    processes = [
        start.Process(target=_worker, args=(plan, objective, deadline, failures), daemon=True)
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        while any(process.is_alive() for process in processes):
            time.sleep(PATIENCE)
            watch()
    finally:
        for process in processes:
            process.terminate()
            process.join()
    if not failures.empty():
        raise UserError(failures.get())
    if all(process.exitcode for process in processes):
        raise UserError(
            f"all {workers} workers died (exit codes {[p.exitcode for p in processes]}: killed, or "
            "out of memory); finished trials stand, the same command goes on"
        )


def _worker(
    plan: StudyPlan, objective: TrialFunction, deadline: float | None, failures: Any
) -> None:
    try:
        work(plan, objective, deadline=deadline)
    except UserError as error:
        failures.put(str(error))
    except KeyboardInterrupt:
        pass


def _late(deadline: float | None) -> bool:
    return deadline is not None and time.time() >= deadline
