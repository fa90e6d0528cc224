"""What a study draws: samplers and pruners that go by a trial's slot, not by its number.

What a trial draws depends on the seed, its slot (`framework.search.study.trials`) and the finished
trials alone, so a study that was killed goes on as if it had not been.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from framework.search.study.optuna_internals import (
    RenumberedHyperband,
    all_trials,
    give_whole_space,
    trial_id,
)
from framework.search.study.plan import StudyPlan, grid
from framework.search.study.surrogate import Past, Surrogate, chosen, drawn
from framework.search.study.trials import given_up, slot_by_id, slots

REPORTS = 10
"""Intermediate values of a trial, at equal distances, that pruning looks at."""

DRAWN_FIRST = 10
"""Points that every sampler begins with, drawn evenly: as many as Optuna's TPE and Gaussian process
wait for."""


class BySlot(BaseSampler):
    """A sampler made anew for every trial, seeded by the study's seed and the trial's slot."""

    def __init__(self, plan: StudyPlan) -> None:
        self.plan = plan
        self._inner: BaseSampler = RandomSampler()
        self._slot = self._seed = 0

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._slot = slot_by_id(study)[trial_id(trial)]
        seed = self._seed = int(
            np.random.SeedSequence([self.plan.seed, self._slot]).generate_state(1)[0]
        )
        sampler = "random" if self.plan.surrogate else self.plan.sampler
        self._inner = _SAMPLERS[sampler](seed)
        give_whole_space(self._inner, self.plan.space)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        modelled = self.plan.surrogate is not None and self._slot >= DRAWN_FIRST
        if self._slot == 0 or self.plan.sampler == "grid" or self.plan.pool is not None or modelled:
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
        if self.plan.surrogate is not None:
            return self._point(study, trial) if self._slot >= DRAWN_FIRST else {}
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
        taken = {
            tuple(each.params[name] for name in names)
            for each in all_trials(study)
            if trial_id(each) != trial_id(trial) and each.params and not given_up(each)
        }
        left = np.array([point for point in pool.tolist() if tuple(point) not in taken])
        if self.plan.sampler == "random" or self._slot < DRAWN_FIRST:
            generator = np.random.default_rng([self.plan.seed, self._slot])
            point = left[generator.integers(len(left))]
        elif self.plan.surrogate is not None:
            past = self._past(study, trial)
            point = left[self._chosen(self.plan.surrogate, past, left)]
        else:
            space = self._inner.infer_relative_search_space(study, trial)
            proposed = self._proposed(study, trial, space)
            for name, distribution in self.plan.space.items():
                if name not in proposed and not distribution.single():
                    value = self._inner.sample_independent(study, trial, name, distribution)
                    proposed[name] = value
            # a parameter with one value is the same for all
            wanted = np.array([proposed.get(name, left[0, i]) for i, name in enumerate(names)])
            point = left[((left - wanted) ** 2).sum(1).argmin()]
        return dict(zip(names, point.tolist(), strict=True))

    def _point(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        """The point of a continuous space that a model chooses among many."""
        assert self.plan.surrogate is not None
        past = self._past(study, trial)
        bounds: Any = self.plan.space.values()
        low, high = (np.array([getattr(over, end) for over in bounds]) for end in ("low", "high"))
        among = drawn(low, high, past, self._seed)
        point = among[self._chosen(self.plan.surrogate, past, among)]
        return dict(zip(self.plan.space, point.tolist(), strict=True))

    def _chosen(self, surrogate: Surrogate, past: Past, among: NDArray[np.float64]) -> int:
        return chosen(surrogate, past, among, self._seed)

    def _past(self, study: optuna.Study, trial: FrozenTrial) -> Past:
        """What was measured before this batch, and what of it has been chosen already."""
        assert self.plan.surrogate is not None
        batch = self.plan.surrogate.batch
        began = self._slot - (self._slot - DRAWN_FIRST) % batch
        nothing = [np.nan] * len(self.plan.maximise)
        sign = np.where(self.plan.maximise, 1.0, -1.0)
        measured, pending = [], []
        placed = zip(slots(all_trials(study)), all_trials(study), strict=True)
        for slot, each in sorted(placed, key=lambda pair: pair[0]):
            if given_up(each) or not each.params or trial_id(each) == trial_id(trial):
                continue
            point = [each.params[name] for name in self.plan.space]
            if slot < began and each.state.is_finished():
                violations = list(each.constraints.values()) if each.values else None
                measured.append((point, each.values or nothing, violations))
            elif slot < self._slot:
                pending.append(point)
        width = max((len(violations or ()) for *_, violations in measured), default=0)
        unknown = [np.nan] * width
        d = len(self.plan.space)
        return Past(
            np.array([point for point, *_ in measured], float).reshape(len(measured), d),
            np.array([v for _, v, _ in measured], float).reshape(len(measured), len(nothing))
            * sign,
            np.array([v or unknown for *_, v in measured], float).reshape(len(measured), width),
            np.array(pending, float).reshape(len(pending), d),
        )

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


class _SlotOf:
    """A trial under the number of its slot, so that a recovered one stays in its own bracket.

    A trial that was given up is in no bracket: another one has its slot, and values of both would
    count twice.
    """

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> FrozenTrial | None:
        if given_up(trial):
            return None
        if trial_id(trial) not in self._slots:
            self._slots = slot_by_id(study)
        return _numbered(trial, self._slots[trial_id(trial)])


_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "gp": lambda seed: GPSampler(seed=seed),
    "cmaes": lambda seed: CmaEsSampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
    "grid": lambda seed: RandomSampler(seed=seed),
}


def pruner(name: str) -> BasePruner:
    """The pruner of that name."""
    if name == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    if name == "hyperband":
        return RenumberedHyperband(REPORTS, _SlotOf())
    return NopPruner()


def _numbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    twin = copy.copy(trial)
    twin.number = number
    return twin
