"""The trials of a study: their slots, and which of them count.

Every trial has a *slot*: its place in the sequence that an undisturbed single worker would go
through. A trial whose process died is *given up*, and a new one takes its slot.
"""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from framework.search.study.optuna_internals import all_trials, trial_id
from framework.search.study.plan import StudyPlan


def slots(trials: Sequence[FrozenTrial]) -> list[int]:
    """The slot of every trial of a study.

    That of the trial whose slot it took, else its number without those that took one. Both are
    set when a trial is made, so a slot never changes.

    Args:
        trials: all of the study, by number.
    """
    places, recovered = [], 0
    for trial in trials:
        taken = trial.user_attrs.get("slot")
        places.append(trial.number - recovered if taken is None else int(taken))
        recovered += taken is not None
    return places


def slot_by_id(study: optuna.Study) -> dict[int, int]:
    """The slot of every trial, by the trial's id; `study` may be the view of one bracket."""
    trials = all_trials(study)
    return {trial_id(trial): slot for slot, trial in zip(slots(trials), trials, strict=True)}


def given_up(trial: FrozenTrial) -> bool:
    """Whether a trial counts for nothing because its process died: what fails by itself has a
    cause."""
    return trial.state == TrialState.FAIL and "cause" not in trial.user_attrs


def ended(study: optuna.Study) -> list[tuple[int, FrozenTrial]]:
    """Slot and trial of those that count: finished, pruned, or failed by themselves."""
    trials = study.get_trials(deepcopy=False)
    placed = zip(slots(trials), trials, strict=True)
    counted = [(s, t) for s, t in placed if t.state.is_finished() and not given_up(t)]
    return sorted(counted, key=lambda pair: pair[0])


def holders(study: optuna.Study, plan: StudyPlan) -> dict[int, int]:
    """By slot the id of the trial that holds it: the oldest that was not given up."""
    trials = study.get_trials(deepcopy=False)
    holder: dict[int, int] = {}
    for slot, trial in zip(slots(trials), trials, strict=True):
        if slot < plan.slots and trial.state != TrialState.WAITING and not given_up(trial):
            holder.setdefault(slot, trial_id(trial))
    return holder


def n_free(study: optuna.Study, plan: StudyPlan) -> int:
    """How many slots no trial holds."""
    return plan.slots - len(holders(study, plan))


def snapshot(study: optuna.Study) -> optuna.Study:
    """A copy in memory of how a study stands, which no storage can take away."""
    copied = optuna.create_study(study_name=study.study_name, directions=study.directions)
    copied.add_trials(study.get_trials(deepcopy=False))
    return copied
