"""An Optuna study that loses nothing, and the workers on it: how it goes on after a kill.

Several processes, on one machine or many, may work on one study. A trial whose process died is
given up: it is marked as failed, and a new one takes its slot (`framework.search.study.sampling`). Where two
new ones meet in a slot, the older holds it.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import (
    DuplicatedStudyError,
    StorageInternalError,
    UpdateFinishedTrialError,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from framework.base.databases import shown
from framework.base.errors import UserError
from framework.search.study.ownership import HEARTBEAT, is_me, lives, owner
from framework.search.study.sampling import BySlot, StudyPlan, given_up, pruner, slots
from framework.search.study.storage import open_storage, usable

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
            study = optuna.load_study(study_name=plan.name, storage=storage)
        except KeyError:
            with suppress(DuplicatedStudyError):  # another process was quicker
                optuna.create_study(storage=storage, study_name=plan.name, directions=directions)
            study = optuna.load_study(study_name=plan.name, storage=storage)
        study.sampler = BySlot(plan)
        study.pruner = pruner(plan.pruner)
        stands = study.user_attrs.get("content")
        if stands is None:
            study.set_user_attr("content", plan.content)
    if stands is not None and (
        changed := _changes(stands, json.loads(json.dumps(plan.content, default=list)))
    ):
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
            recover(study)
            trial = _begin(study, plan)
            if trial is None:
                return
            done = _attempt(study, trial, objective)
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
            _give_up(study, trial._trial_id)


def n_free(study: optuna.Study, plan: StudyPlan) -> int:
    """How many slots no trial holds."""
    return plan.slots - len(_holders(study, plan))


def ended(study: optuna.Study) -> list[tuple[int, FrozenTrial]]:
    """Slot and trial of those that count: finished, pruned, or failed by themselves."""
    trials = study.get_trials(deepcopy=False)
    placed = zip(slots(trials), trials, strict=True)
    counted = [(s, t) for s, t in placed if t.state.is_finished() and not given_up(t)]
    return sorted(counted, key=lambda pair: pair[0])


def snapshot(study: optuna.Study) -> optuna.Study:
    """A copy in memory of how a study stands, which no storage can take away."""
    copied = optuna.create_study(study_name=study.study_name, directions=study.directions)
    copied.add_trials(study.get_trials(deepcopy=False))
    return copied


def _holders(study: optuna.Study, plan: StudyPlan) -> dict[int, int]:
    """The id of the trial that holds a slot, by slot: the oldest that was not given up."""
    trials = study.get_trials(deepcopy=False)
    held: dict[int, int] = {}
    for place, trial in zip(slots(trials), trials, strict=True):
        if place < plan.slots and trial.state != TrialState.WAITING and not given_up(trial):
            held.setdefault(place, trial._trial_id)
    return held


def _begin(study: optuna.Study, plan: StudyPlan) -> Trial | None:
    """A trial of this process in the first free slot, with its parameters; None where all are
    held."""
    while True:
        held = _holders(study, plan)
        place = next((place for place in range(plan.slots) if place not in held), None)
        if place is None:
            return None
        attributes: dict[str, Any] = {"owner": owner()}
        trials = study.get_trials(deepcopy=False)
        if place in slots(trials):
            attributes["slot"] = place  # that of one who was given up; else its number tells
        # owner and slot in one step with the trial: killed in between, it would be nobody's
        made = create_trial(state=TrialState.RUNNING, user_attrs=attributes)
        trial_id = study._storage.create_new_trial(study._study_id, template_trial=made)
        if trial_id in _holders(study, plan).values():
            break
        _give_up(study, trial_id)  # another worker was quicker
    try:  # what follows is `Study.ask`
        study._thread_local.cached_all_trials = None
        trial = Trial(study, trial_id)
        for name, over in plan.space.items():
            trial._suggest(name, over)
    except BaseException:
        _give_up(study, trial_id)
        raise
    return trial


def _attempt(study: optuna.Study, trial: Trial, objective: Objective) -> FrozenTrial | None:
    """One trial from its parameters to its end; None where it was given up meanwhile."""
    values: Sequence[float] | None = None
    try:
        with _Alive(study, trial):
            try:
                values = objective(trial, trial.params)
                if any(math.isnan(value) for value in values):
                    raise UserError("what is to be optimised is not a number")
                state = TrialState.COMPLETE
            except optuna.TrialPruned:
                state = TrialState.PRUNED
            except (UpdateFinishedTrialError, StorageInternalError):
                raise
            except Exception as error:
                trial.set_user_attr("cause", cause_of(error))
                state, values = TrialState.FAIL, None
            except BaseException:  # interrupted: the slot is free again
                _give_up(study, trial._trial_id)
                raise
        done = study.tell(trial, values, state, skip_if_finished=True)
    except UpdateFinishedTrialError:
        return None
    return None if given_up(done) else done


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


def _give_up(study: optuna.Study, trial_id: int) -> None:
    with suppress(UpdateFinishedTrialError):  # another process was quicker
        study._storage.set_trial_state_values(trial_id, TrialState.FAIL)


def _stale(trial: FrozenTrial) -> bool:
    own = trial.user_attrs.get("owner")
    if own is None or is_me(own):  # left by a storage that failed in the middle
        return True
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
