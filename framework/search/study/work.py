"""A worker on a study: it takes trials until the study has all of its own, and outlives no kill.

Several processes, on one machine or many, may work on one study. A trial whose process died is
given up: it is marked as failed, and a new one takes its slot (`framework.search.study.trials`).
Where two new ones meet in a slot, the older one keeps it.
"""

from __future__ import annotations

import math
import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from framework.base.errors import UserError
from framework.base.processes import is_this
from framework.execution.executor import in_one_line
from framework.search.study.optuna_internals import (
    ask,
    create_running_trial,
    mark_failed,
    trial_id,
)
from framework.search.study.ownership import HEARTBEAT, lives, owner
from framework.search.study.plan import StudyPlan
from framework.search.study.storage import usable
from framework.search.study.study import open_study
from framework.search.study.trials import given_up, holders, slots

TrialFunction = Callable[[Trial, dict[str, Any]], Sequence[float]]
"""Values of a trial with these parameters; raises `optuna.TrialPruned` to end it early."""


def work(
    plan: StudyPlan,
    function: TrialFunction,
    *,
    deadline: float | None = None,
    after: Callable[[optuna.Study, FrozenTrial], None] | None = None,
) -> None:
    """Take trials, one after the other, until the study has all of its own.

    Args:
        function: what a trial does.
        deadline: `time.time` after which no new trial is begun.
        after: called with every trial that this process finished.

    Raises:
        UserError: the storage failed; finished trials are kept.
    """
    study = open_study(plan)
    with usable(plan.storage):
        while _go_on(deadline):
            recover(study)
            trial = _begin(study, plan)
            if trial is None:
                return
            done = _attempt(study, trial, function)
            if after is not None and done is not None:
                after(study, done)


def _go_on(deadline: float | None) -> bool:
    """Neither late, nor a worker whose command was killed."""
    command = multiprocessing.parent_process()
    return (deadline is None or time.time() < deadline) and (command is None or command.is_alive())


def recover(study: optuna.Study) -> None:
    """Give up the trials of processes that died; called between two trials of this one."""
    for trial in study.get_trials(deepcopy=False):
        if trial.state == TrialState.RUNNING and _stale(trial):
            mark_failed(study, trial_id(trial))


def _begin(study: optuna.Study, plan: StudyPlan) -> Trial | None:
    """A trial of this process in the first free slot, with its parameters; None where all are
    taken."""
    while True:
        taken = holders(study, plan)
        slot = next((slot for slot in range(plan.slots) if slot not in taken), None)
        if slot is None:
            return None
        attributes: dict[str, Any] = {"owner": owner()}
        if slot in slots(study.get_trials(deepcopy=False)):
            attributes["slot"] = slot  # that of one who was given up; else its number says it
        created = create_running_trial(study, attributes)
        if created in holders(study, plan).values():
            break
        mark_failed(study, created)  # another worker was quicker
    try:
        return ask(study, created, plan.space)
    except BaseException:
        mark_failed(study, created)
        raise


def _attempt(study: optuna.Study, trial: Trial, function: TrialFunction) -> FrozenTrial | None:
    """One trial from its parameters to its end; None where it was given up meanwhile."""
    values: Sequence[float] | None = None
    try:
        with _Alive(study, trial):
            try:
                values = function(trial, trial.params)
                if any(math.isnan(value) for value in values):
                    raise UserError("the objective returned NaN")
                state = TrialState.COMPLETE
            except optuna.TrialPruned:
                state = TrialState.PRUNED
            except (UpdateFinishedTrialError, StorageInternalError):
                raise
            except Exception as error:
                trial.set_user_attr("cause", in_one_line(error))
                state, values = TrialState.FAIL, None
            except BaseException:  # interrupted: the slot is free again
                mark_failed(study, trial_id(trial))
                raise
        done = study.tell(trial, values, state, skip_if_finished=True)
    except UpdateFinishedTrialError:
        return None
    return None if given_up(done) else done


@dataclass
class _Alive:
    """Writes a sign of life now and then while a trial goes on."""

    study: optuna.Study
    trial: Trial
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT):
            try:
                self.trial.set_user_attr("seen", time.time())
            except Exception:  # given to another, or the storage is away: the trial's end tells
                return


def _stale(trial: FrozenTrial) -> bool:
    worker = trial.user_attrs.get("owner")
    if worker is None or is_this(worker):  # left by a storage that failed in the middle
        return True
    return not lives(worker, trial.user_attrs.get("seen", 0))
