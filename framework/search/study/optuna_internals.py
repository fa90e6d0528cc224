"""The one place that uses parts of Optuna which its documentation does not promise.

pyproject.toml pins the version that has them; tests/framework/search/study/test_optuna_internals.py
names each part that another version lacks, and what would break.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import HyperbandPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial


def trial_id(trial: FrozenTrial | Trial) -> int:
    """The key of a trial in its storage; unlike its number it is never changed by a sampler."""
    return trial._trial_id


def all_trials(study: optuna.Study) -> list[FrozenTrial]:
    """All trials by number, also where ``study`` is the view of one bracket of Hyperband."""
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


def create_running_trial(study: optuna.Study, attributes: Mapping[str, Any]) -> int:
    """A new trial that has its attributes from its first moment; its id.

    `optuna.Study.ask` makes a trial without attributes, and a process that is killed right after
    it leaves a trial that belongs to nobody.
    """
    running = create_trial(state=TrialState.RUNNING, user_attrs=dict(attributes))
    return study._storage.create_new_trial(study._study_id, template_trial=running)


def ask(study: optuna.Study, trial_id: int, space: Mapping[str, BaseDistribution]) -> Trial:
    """What `optuna.Study.ask` does with a trial once it is made: let the sampler choose."""
    study._thread_local.cached_all_trials = None
    trial = Trial(study, trial_id)
    for name, distribution in space.items():
        trial._suggest(name, distribution)
    return trial


def mark_failed(study: optuna.Study, trial_id: int) -> None:
    """End a trial of any process as failed; one that has ended meanwhile stays as it is."""
    with suppress(UpdateFinishedTrialError):
        study._storage.set_trial_state_values(trial_id, TrialState.FAIL)


def give_whole_space(sampler: BaseSampler, space: Mapping[str, BaseDistribution]) -> None:
    """Tell a sampler what is searched, in place of what it would infer from all earlier trials."""
    for name in ("_search_space", "_intersection_search_space"):  # CMA-ES; TPE and GP
        if hasattr(sampler, name):
            setattr(sampler, name, _WholeSpace(space, isinstance(sampler, TPESampler)))


class _WholeSpace(IntersectionSearchSpace):
    """What all trials so far have drawn: everything, once there is a trial.

    Optuna compares the distributions of all trials, which a sampler made anew for every trial
    would do every time.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], include_pruned: bool) -> None:
        super().__init__(include_pruned)
        self._whole = dict(sorted(space.items()))
        finished = TrialState.COMPLETE, TrialState.PRUNED
        self._finished = finished if include_pruned else finished[:1]

    def calculate(
        self, study: optuna.Study, use_cache: bool = False
    ) -> dict[str, BaseDistribution]:
        trials = study._get_trials(deepcopy=False, use_cache=use_cache)
        return self._whole if any(trial.state in self._finished for trial in trials) else {}


class RenumberedHyperband(HyperbandPruner):
    """Hyperband whose brackets go by another number of a trial than its own.

    Args:
        resources: intermediate values of a whole trial.
        renumbered: the trial under its other number; None where it belongs to no bracket.
    """

    def __init__(
        self,
        resources: int,
        renumbered: Callable[[optuna.Study, FrozenTrial], FrozenTrial | None],
    ) -> None:
        super().__init__(min_resource=1, max_resource=resources)
        self._renumbered = renumbered
        # or the first trial of a process that goes on would be drawn without brackets
        self._try_initialization(None)  # type: ignore[arg-type]

    def _get_bracket_id(self, study: optuna.Study, trial: FrozenTrial) -> int:
        other = self._renumbered(study, trial)
        return -1 if other is None else super()._get_bracket_id(study, other)
