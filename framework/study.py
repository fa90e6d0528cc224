"""An Optuna study that loses nothing, and the workers on it: how it goes on after a kill.

Several processes, on one machine or many, may work on one study. A trial whose process died is
marked as failed, and another takes its slot (`framework.sampling`).
"""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from framework.errors import UserError
from framework.ownership import HEARTBEAT, lives
from framework.sampling import BySlot, StudyPlan, pruner, slot_of, slots
from framework.store import shown
from framework.study_storage import open_storage, usable

UNOWNED = 10
"""Seconds that a trial may have no owner: one is written right after it is made."""


Objective = Callable[[Trial, dict[str, Any]], Sequence[float]]
"""Values of a trial with these parameters; raises `optuna.TrialPruned` to end it early."""


def open_study(plan: StudyPlan) -> optuna.Study:
    """The study of a plan, created where there is none.

    Raises:
        UserError: the storage cannot be used, or holds a study of this name with other content.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with usable(plan.storage):
        storage = open_storage(plan.storage)
        both = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
        directions = [both[up] for up in plan.maximise]
        try:
            study = optuna.create_study(
                storage=storage, study_name=plan.name, directions=directions
            )
            study.set_user_attr("content", plan.content)
        except DuplicatedStudyError:
            study = optuna.load_study(study_name=plan.name, storage=storage)
        study.sampler = BySlot(plan)
        study.pruner = pruner(plan.pruner)
        stands = study.user_attrs.get("content")
    if stands is None:  # killed between the two lines above
        study.set_user_attr("content", plan.content)
    elif changed := _changes(stands, json.loads(json.dumps(plan.content, default=list))):
        raise UserError(
            f"study '{plan.name}' in {shown(plan.storage)} was begun with other settings, and its "
            "trials cannot be compared with new ones:\n  " + "\n  ".join(changed) + "\n"
            "put them back, or give the experiment another 'name' to begin a new study"
        )
    return study


def work(
    plan: StudyPlan,
    objective: Objective,
    *,
    deadline: float | None = None,
    after: Callable[[optuna.Study, FrozenTrial], None] | None = None,
) -> None:
    """Take trials, one after the other, until the study has all of its own.

    Args:
        deadline: `time.time` after which no new trial is begun.
        after: called with every trial that this process finished.

    Raises:
        UserError: the storage failed; finished trials stand.
    """
    study = open_study(plan)
    with usable(plan.storage):
        while _go_on(deadline):
            recover(study, plan)
            if len(_taken(study)) >= plan.slots:
                return
            trial = study.ask(fixed_distributions=plan.space)
            if slot_of(study, trial._trial_id) >= plan.slots:  # another worker was quicker
                _give_up(study, trial)
                return
            done = _attempt(study, trial, objective)
            if after is not None and done is not None:
                after(study, done)


def _go_on(deadline: float | None) -> bool:
    """Neither late, nor a worker whose command was killed."""
    command = multiprocessing.parent_process()
    return (deadline is None or time.time() < deadline) and (command is None or command.is_alive())


def recover(study: optuna.Study, plan: StudyPlan, *, orphans: bool = False) -> None:
    """Give the slots of dead processes' trials to new ones.

    Args:
        orphans: also slots that nobody took over, because a process died doing so, or because
            there were more trials than wanted then; for one process at a time.
    """
    trials = study.get_trials(deepcopy=False)
    for place, trial in zip(slots(trials), trials, strict=True):
        if trial.state == TrialState.RUNNING and _stale(trial) and _give_up(study, trial):
            study.enqueue_trial({}, user_attrs={"slot": place})
    if orphans:
        trials = study.get_trials(deepcopy=False)
        free: set[int] = set()
        held: set[int] = set()
        for place, trial in zip(slots(trials), trials, strict=True):
            (free if _given_up(trial) else held).add(place)
        for place in sorted(free - held):
            if place < plan.slots:
                study.enqueue_trial({}, user_attrs={"slot": place})


def ended(study: optuna.Study) -> list[tuple[int, FrozenTrial]]:
    """Slot and trial of those that count: finished, pruned, or failed by themselves."""
    trials = study.get_trials(deepcopy=False)
    placed = zip(slots(trials), trials, strict=True)
    counted = [(s, t) for s, t in placed if t.state.is_finished() and not _given_up(t)]
    return sorted(counted, key=lambda pair: pair[0])


def under_way(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that a living process works on, here or elsewhere, or nobody has taken yet."""
    return [t for t in study.get_trials(deepcopy=False) if not t.state.is_finished()]


def _attempt(study: optuna.Study, trial: Trial, objective: Objective) -> FrozenTrial | None:
    """One trial from its parameters to its end; None where it was given to another meanwhile."""
    with _Alive(study, trial):
        try:
            values = objective(trial, trial.params)
        except optuna.TrialPruned:
            state, values = TrialState.PRUNED, None
        except Exception as error:
            trial.set_user_attr("cause", cause_of(error))
            state, values = TrialState.FAIL, None
        except BaseException:  # interrupted: the slot is free again
            _give_up(study, trial)
            raise
        else:
            state = TrialState.COMPLETE
    try:
        return study.tell(trial, values, state)
    except UpdateFinishedTrialError:
        return None


def cause_of(error: Exception) -> str:
    """A failure in one line."""
    if isinstance(error, UserError):
        return str(error)

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"


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


def _taken(study: optuna.Study) -> list[FrozenTrial]:
    return [
        t
        for t in study.get_trials(deepcopy=False)
        if not _given_up(t) and t.state != TrialState.WAITING
    ]


def _given_up(trial: FrozenTrial) -> bool:
    """Whether its process died: what fails by itself has a cause."""
    return trial.state == TrialState.FAIL and "cause" not in trial.user_attrs


def _give_up(study: optuna.Study, trial: Trial | FrozenTrial) -> bool:
    """Mark a trial as one of a dead process; whether no other process was quicker."""
    try:
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return False
    return True


def _stale(trial: FrozenTrial) -> bool:
    own = trial.user_attrs.get("owner")
    if own is None:
        begun = trial.datetime_start
        return begun is None or time.time() - begun.timestamp() > UNOWNED
    return not lives(own, trial.user_attrs.get("seen", 0))


def _changes(before: Any, now: Any, place: str = "") -> list[str]:
    """What differs between two contents, one line each."""
    if isinstance(before, dict) and isinstance(now, dict):
        lines = []
        for key in dict.fromkeys([*before, *now]):
            inner = f"{place}.{key}".lstrip(".")
            if key not in now or key not in before:
                was, is_ = (json.dumps(each.get(key, "absent")) for each in (before, now))
                lines.append(f"{inner}: {was} -> {is_}")
            else:
                lines += _changes(before[key], now[key], inner)
        return lines
    return [] if before == now else [f"{place}: {json.dumps(before)} -> {json.dumps(now)}"]
