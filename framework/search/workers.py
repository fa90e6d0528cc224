"""The workers on one study, and the command that watches them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import optuna

from framework.base.errors import UserError
from framework.base.progress import new_bars
from framework.execution.executor import Executor, Failure, Progress
from framework.search.study.plan import StudyPlan
from framework.search.study.trials import ended, n_free
from framework.search.study.work import TrialFunction, recover, work

PATIENCE = 0.5
"""Seconds between two looks at what other commands do."""
DEATHS = 2
"""Workers that may die, one after the other, without a trial that ends in between."""


def work_through(
    plan: StudyPlan,
    objective: TrialFunction,
    study: optuna.Study,
    executor: Executor,
    *,
    deadline: float | None = None,
    look: Callable[[optuna.Study], None] | None = None,
    progress: bool = False,
) -> None:
    """Work until the study has all of its trials, whoever finishes them, or the time is over.

    Args:
        objective: what a trial does; sent to worker processes, so it must be picklable.
        executor: where the trials run. Workers coordinate through the storage of the study alone.
        deadline: `time.time` after which no new trial is begun.
        look: called again and again with the study, while the workers go on.
        progress: show a bar on standard error.

    Raises:
        UserError: a worker could not go on, or workers died one after the other; finished trials
            are kept.
    """
    loop = _Loop(plan, objective, deadline)
    deaths: list[str] = []
    with new_bars(progress) as bars:
        n_ended = len(ended(study))
        bar = bars.add_task("trials", total=plan.slots, completed=n_ended)

        def watch(*_: Any) -> None:
            nonlocal n_ended
            before, n_ended = n_ended, len(ended(study))
            if n_ended > before:
                deaths.clear()
            bars.update(bar, completed=n_ended)
            if look is not None:
                look(study)

        def wanted() -> Iterator[int]:
            """A worker more wherever a trial is free, at first and when others died."""
            recover(study)
            for number in range(n_free(study, plan)):
                recover(study)
                if _late(deadline) or not n_free(study, plan):
                    return
                yield number

        while len(ended(study)) < plan.slots and not _late(deadline):
            with closing(executor.run(loop, wanted(), watch)) as ending:
                for _, outcome in ending:
                    watch()
                    if outcome.failure is not None:
                        deaths.append(_death(outcome.failure))
                    if len(deaths) == DEATHS:
                        raise UserError(
                            f"workers died one after the other, and no trial ended in between: "
                            f"{deaths[-1]}; finished trials are kept. Run the same command to "
                            "continue."
                        )
            if len(ended(study)) < plan.slots and not n_free(study, plan):
                time.sleep(PATIENCE)  # the last ones are worked on elsewhere
        watch()


@dataclass(frozen=True)
class _Loop:
    """What one worker does: trial after trial, until none is free."""

    plan: StudyPlan
    objective: TrialFunction
    deadline: float | None

    def __call__(self, _: int, progress: Progress) -> None:
        done = itertools.count(1)
        total = self.plan.slots
        work(
            self.plan,
            self.objective,
            deadline=self.deadline,
            after=lambda *_: progress(next(done), total),
        )


def _death(failure: Failure) -> str:
    """How a worker died; anything else that ended it is raised."""
    if failure.refused:
        raise UserError(failure.cause)
    if not failure.died:
        raise RuntimeError(f"a worker failed:\n{failure.traceback}")
    return failure.cause


def _late(deadline: float | None) -> bool:
    return deadline is not None and time.time() >= deadline
