"""What a study draws: samplers and pruners that go by a trial's slot, not by its number.

Every trial has a *slot*: its place in the sequence that an undisturbed single worker would go
through. What a trial draws depends on the seed, its slot and the finished trials alone, so a study
that was killed goes on as if it had not been.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState

from framework.base.errors import UserError

REPORTS = 10
"""Intermediate values of a trial, at equal distances, that pruning looks at."""

DRAWN_FIRST = 10
"""Candidates of a pool that every sampler begins with, drawn evenly: as many as Optuna's TPE and
Gaussian process wait for."""


@dataclass(frozen=True)
class StudyPlan:
    """What a study searches and how; everything in it is plain, so workers can be sent it.

    Attributes:
        storage: an SQLAlchemy URL, or the path of a journal file.
        maximise: for each objective whether it is maximised.
        space: what is searched.
        start: parameters of slot 0.
        content: all that decides the study; a study with other content is not gone on with.
        trials: finished trials wanted in total.
        pool: points (n, d) in the order of the space, all different; where there is one, a trial
            is one of them and no two trials are the same.
    """

    name: str
    storage: str
    maximise: tuple[bool, ...]
    space: dict[str, BaseDistribution]
    start: dict[str, Any]
    content: dict[str, Any]
    trials: int
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0
    pool: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

    @property
    def slots(self) -> int:
        """Trials there can be: a grid ends."""
        if self.sampler == "grid":
            return min(self.trials, 1 + len(grid(self.space)))
        return self.trials


def grid(space: dict[str, BaseDistribution]) -> list[dict[str, Any]]:
    """All points of a space of whole numbers and choices, in order.

    Raises:
        UserError: a parameter is continuous.
    """
    axes: dict[str, Sequence[Any]] = {}
    for name, over in space.items():
        if isinstance(over, CategoricalDistribution):
            axes[name] = over.choices
        elif isinstance(over, optuna.distributions.IntDistribution):
            axes[name] = range(over.low, over.high + 1)
        else:
            raise UserError(
                f"a grid needs every setting in steps, and '{name}' is continuous; give it "
                "'choices' in tuning.space, hold it at one value, or take another sampler"
            )
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]


def slots(trials: Sequence[FrozenTrial]) -> list[int]:
    """The place of every trial of a study in the undisturbed sequence.

    That of the trial whose place it took, else its number without those that took one. Both are
    set when a trial is made, so a slot never changes.

    Args:
        trials: all of the study, by number.
    """
    places, recovered = [], 0
    for trial in trials:
        own = trial.user_attrs.get("slot")
        places.append(trial.number - recovered if own is None else int(own))
        recovered += own is not None
    return places


def given_up(trial: FrozenTrial) -> bool:
    """Whether a trial counts for nothing because its process died: what fails by itself has a
    cause."""
    return trial.state == TrialState.FAIL and "cause" not in trial.user_attrs


class BySlot(BaseSampler):
    """A sampler made anew for every trial, seeded by the study's seed and the trial's slot."""

    def __init__(self, plan: StudyPlan) -> None:
        self.plan = plan
        self._inner: BaseSampler = RandomSampler()
        self._slot = 0

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._slot = _places(study)[trial._trial_id]
        seed = int(np.random.SeedSequence([self.plan.seed, self._slot]).generate_state(1)[0])
        self._inner = _SAMPLERS[self.plan.sampler](seed)
        for name in ("_search_space", "_intersection_search_space"):
            if hasattr(self._inner, name):
                own = getattr(self._inner, name)._include_pruned
                setattr(self._inner, name, _WholeSpace(self.plan.space, own))
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        if self._slot == 0 or self.plan.sampler == "grid" or self.plan.pool is not None:
            return self.plan.space
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self.plan.pool is not None:
            return self._candidate(study, trial, self.plan.pool)
        if self._slot == 0:
            return self.plan.start
        if self.plan.sampler == "grid":
            return grid(self.plan.space)[self._slot - 1]
        return self._proposed(study, trial, search_space)

    def _proposed(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self.plan.sampler == "cmaes":  # which seeds itself by the trial's number too
            trial = _numbered(trial, self._slot)
        return self._inner.sample_relative(study, trial, search_space)

    def _candidate(
        self, study: optuna.Study, trial: FrozenTrial, pool: NDArray[np.float64]
    ) -> dict[str, Any]:
        """Of the candidates that no trial has had, the nearest to what the sampler proposes.

        The trial's parameters are those of the candidate, so the sampler learns where a value
        was measured, not where it was asked for. Random search draws evenly from what is left:
        the nearest one to a random point would favour candidates with room around them.
        """
        names = list(self.plan.space)
        had = {
            tuple(each.params[name] for name in names)
            for each in study._storage.get_all_trials(study._study_id, deepcopy=False)
            if each._trial_id != trial._trial_id and each.params and not given_up(each)
        }
        left = np.array([point for point in pool.tolist() if tuple(point) not in had])
        if self.plan.sampler == "random" or self._slot < DRAWN_FIRST:
            generator = np.random.default_rng([self.plan.seed, self._slot])
            chosen = left[generator.integers(len(left))]
        else:
            space = self._inner.infer_relative_search_space(study, trial)
            proposed = self._proposed(study, trial, space)
            for name, over in self.plan.space.items():
                if name not in proposed and not over.single():
                    one = self._inner.sample_independent(study, trial, name, over)
                    proposed[name] = one
            # a parameter with one value is the same for all
            wanted = np.array([proposed.get(name, left[0, i]) for i, name in enumerate(names)])
            chosen = left[((left - wanted) ** 2).sum(1).argmin()]
        return dict(zip(names, chosen.tolist(), strict=True))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        self._inner.after_trial(study, trial, state, values)


class _WholeSpace(IntersectionSearchSpace):
    """What all trials so far have drawn: everything, once there is a trial.

    Optuna compares the distributions of all trials, which a sampler made anew for every trial
    would do every time.
    """

    def __init__(self, space: dict[str, BaseDistribution], include_pruned: bool) -> None:
        super().__init__(include_pruned)
        self._whole = dict(sorted(space.items()))
        done = TrialState.COMPLETE, TrialState.PRUNED
        self._done = done if include_pruned else done[:1]

    def calculate(
        self, study: optuna.Study, use_cache: bool = False
    ) -> dict[str, BaseDistribution]:
        trials = study._get_trials(deepcopy=False, use_cache=use_cache)
        return self._whole if any(trial.state in self._done for trial in trials) else {}


class _HyperbandBySlot(HyperbandPruner):
    """Hyperband whose brackets go by slot, so that a recovered trial stays in its own.

    A trial that was given up is in no bracket: another one has its slot, and values of both would
    count twice.
    """

    def __init__(self) -> None:
        super().__init__(min_resource=1, max_resource=REPORTS)
        self._places: dict[int, int] = {}
        # or the first trial of a process that goes on would be drawn without brackets
        self._try_initialization(None)  # type: ignore[arg-type]

    def _get_bracket_id(self, study: optuna.Study, trial: FrozenTrial) -> int:
        if given_up(trial):
            return -1
        if trial._trial_id not in self._places:
            self._places = _places(study)
        return super()._get_bracket_id(study, _numbered(trial, self._places[trial._trial_id]))


_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "gp": lambda seed: GPSampler(seed=seed),
    "cmaes": lambda seed: CmaEsSampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
    "grid": lambda seed: RandomSampler(seed=seed),
}


def pruner(name: str) -> BasePruner:
    """The pruner of a plan."""
    if name == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    if name == "hyperband":
        return _HyperbandBySlot()
    return NopPruner()


def _places(study: optuna.Study) -> dict[int, int]:
    """The slot of every trial, by the trial's id; `study` may be the view of one bracket."""
    trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
    return {trial._trial_id: place for place, trial in zip(slots(trials), trials, strict=True)}


def _numbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    twin = copy.copy(trial)
    twin.number = number
    return twin
