"""The plan of an optimisation: all searches of an experiment, checked before any is made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution

from framework.base.errors import UserError, nearest, placed
from framework.config.optimisation import OPTUNAS, Optimisation
from framework.config.schema import Component
from framework.contracts.objective import Objective, PoolObjective
from framework.registry.parameters import checked, parameters
from framework.registry.registry import OBJECTIVES, PREDICTORS
from framework.registry.source_code import code_digest
from framework.search.study.plan import StudyPlan
from framework.search.study.surrogate import (
    REACH_TARGET,
    SUPPLIED,
    Surrogate,
    able_predictors,
    require_uncertainty,
)

SAMPLING = Path(__file__).parents[1] / "study" / "sampling.py"

GIVEN = ("runs",)
"""Constructor arguments of an objective that the framework supplies."""

READS = ("path", "dataset")
"""Settings of an objective that name its data, in the order in which --data is meant for them."""


@dataclass(frozen=True)
class Search:
    """One search: a sampler on an objective with a seed."""

    objective: str
    sampler: str
    seed: int
    study: StudyPlan

    @property
    def folder(self) -> Path:
        return Path(self.study.storage).parent


@dataclass(frozen=True)
class OptimisationPlan:
    """All that an experiment searches, checked before anything is computed.

    Attributes:
        objectives: by title.
    """

    experiment: Optimisation
    objectives: dict[str, Objective]
    searches: list[Search]
    folder: Path


def plan_optimisation(
    experiment: Optimisation,
    runs: Path,
    *,
    data: str | Path | None = None,
    where: str = "",
) -> OptimisationPlan:
    """Check everything that the searches need.

    Raises:
        UserError: an unknown objective or setting, unreadable data, more trials than a pool has
            candidates, a target that nothing reaches, a sampler that cannot search a space.
    """
    prefix = f"{where}: " if where else ""
    folder = runs / experiment.name
    objectives: dict[str, Objective] = {}
    searches: list[Search] = []
    samplers = [
        (component, _sampler(component, f"{prefix}samplers[{i}]"))
        for i, component in enumerate(experiment.samplers)
    ]
    if data is not None and not any(map(_reads, experiment.objectives)):
        raise UserError(f"{prefix}--data {data}: no objective here reads data; leave it out")
    for i, component in enumerate(experiment.objectives):
        place = f"{prefix}objectives[{i}]"
        settings = _settings(component, data, place)
        with placed(place):
            item = OBJECTIVES.load(component.name)
            supplied = {"runs": runs} if "runs" in inspect.signature(item).parameters else {}
            objective: Objective = item(**settings, **supplied)
            _require_searchable(objective, experiment, [of for _, of in samplers])
        objectives[component.title] = objective
        searches += _searches(experiment, component, settings, objective, samplers, folder)
    return OptimisationPlan(experiment, objectives, searches, folder)


def _searches(
    experiment: Optimisation,
    component: Component,
    settings: dict[str, Any],
    objective: Objective,
    samplers: list[tuple[Component, Surrogate | None]],
    folder: Path,
) -> list[Search]:
    """Every sampler with every seed on one objective."""
    space, target = objective.space, target_of(objective, experiment)
    content = {
        "objective": {"name": component.name, **_without_data(settings)},
        "space": {name: [over.low, over.high] for name, over in space.items()},
        "code": code_digest(OBJECTIVES.source(component.name), SAMPLING),
        **objective.content(),
    }
    searches = []
    for named, surrogate in samplers:
        sampler, name = named.title, named.name
        for seed in experiment.seeds:
            at = folder / "optimisation" / component.title / f"{sampler}-{seed}"
            study = StudyPlan(
                name=f"{experiment.name}/{component.title}/{sampler}-{seed}",
                storage=str(at / "study.journal"),
                maximise=objective.directions,
                space=dict[str, BaseDistribution](space),
                start=_start(space, seed),
                content={**content, **_content(name, surrogate, target), "seed": seed},
                trials=experiment.trials,
                sampler=name,
                seed=seed,
                surrogate=surrogate and replace(surrogate, target=target),
                pool=objective.points if isinstance(objective, PoolObjective) else None,
            )
            searches.append(Search(component.title, sampler, seed, study))
    return searches


def _sampler(component: Component, place: str) -> Surrogate | None:
    """The model behind a sampler; None of Optuna's own.

    Raises:
        UserError: there is no such sampler or setting, or the predictor states no uncertainty.
    """
    name, given = component.name, component.parameters
    if name in OPTUNAS:
        checked(lambda: None, given, name=name, where=place)
        return None
    if name not in PREDICTORS.names():
        raise UserError(
            f"{place}: '{name}' is not a sampler; {nearest(name, (*OPTUNAS, *able_predictors()))}"
        )
    require_uncertainty(name, place)
    how = parameters(Surrogate, SUPPLIED)
    own = {key: value for key, value in given.items() if key not in how}
    settings = checked(PREDICTORS.load(name), own, name=name, where=place)
    chosen = {key: value for key, value in given.items() if key in how}
    return Surrogate(
        name, settings, **checked(Surrogate, chosen, name=name, where=place, given=SUPPLIED)
    )


def _content(name: str, surrogate: Surrogate | None, target: float | None) -> dict[str, Any]:
    """What decides a sampler's choices."""
    if surrogate is None:
        return {"sampler": name}
    aimed = {"target": target} if surrogate.acquisition == REACH_TARGET else {}
    code = code_digest(PREDICTORS.source(name))
    how = {key: getattr(surrogate, key) for key in parameters(Surrogate, SUPPLIED)}
    return {"sampler": {"name": name, **surrogate.settings, **how, **aimed, "code": code}}


def target_of(objective: Objective, experiment: Optimisation) -> float | None:
    """The value that a hit of an objective reaches; None where nothing is a hit."""
    if experiment.top is not None and isinstance(objective, PoolObjective):
        return objective.value_of_top(experiment.top)
    return experiment.target


def _reads(component: Component) -> str | None:
    """The setting of an objective that names its data."""
    if component.name not in OBJECTIVES.names():
        return None
    known = parameters(OBJECTIVES.load(component.name), GIVEN)
    return next((name for name in READS if name in known), None)


def _settings(component: Component, data: str | Path | None, place: str) -> dict[str, Any]:
    item = OBJECTIVES.load(component.name, place)
    given, reads = dict(component.parameters), _reads(component)
    if reads is not None:
        if data is not None:
            given[reads] = str(data)
        elif reads == "path" and reads not in given:
            raise UserError(
                f"{place}: '{component.name}' reads a file; name it with --data FILE, or as "
                f"'{reads}' here"
            )
    return checked(item, given, name=component.name, where=place, given=GIVEN)


def _without_data(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the place of a file: its content counts, wherever it lies."""
    return {name: value for name, value in settings.items() if name != "path"}


def _require_searchable(
    objective: Objective, experiment: Optimisation, surrogates: list[Surrogate | None]
) -> None:
    names = [sampler.name for sampler in experiment.samplers]
    target = target_of(objective, experiment)
    if target is None and any(of and of.acquisition == REACH_TARGET for of in surrogates):
        raise UserError(
            f"samplers: '{REACH_TARGET}' needs a value to reach; give 'target', or 'top' for a pool"
        )
    if "cmaes" in names and sum(not o.single() for o in objective.space.values()) < 2:
        raise UserError(
            "samplers: 'cmaes' needs two or more coordinates, and this objective has one; leave "
            "it out"
        )
    if "cmaes" in names and (len(objective.directions) > 1 or objective.constraints):
        what = "keeps no constraints" if objective.constraints else "searches one value alone"
        raise UserError(f"samplers: 'cmaes' {what}, and this objective has more; leave it out")
    if isinstance(objective, PoolObjective) and experiment.trials > len(objective):
        raise UserError(
            f"trials: {experiment.trials} are more than the {len(objective)} candidates, each "
            f"of which is evaluated once; take {len(objective)} or fewer"
        )
    if target is not None:
        _require_reachable(objective, target)


def _require_reachable(objective: Objective, target: float) -> None:
    """Refuse a target that nothing reaches, or every candidate of a pool."""
    if isinstance(objective, PoolObjective):
        hits = objective.reaches(objective.values, target)
        if not hits.any() or hits.all():
            which = "none" if not hits.any() else "every one"
            raise UserError(
                f"target: {which} of the {len(objective)} candidates reaches {target:g}; the "
                f"{objective.quantity} goes from {objective.values.min():g} to "
                f"{objective.values.max():g} {objective.units}".rstrip()
            )
    elif objective.optimum is not None and not objective.reaches(objective.optimum, target):
        side = "below" if objective.maximise else "above"
        raise UserError(
            f"target: nothing reaches {target:g}; the best value is {objective.optimum:g}, so "
            f"give one {side} it"
        )


def _start(space: Mapping[str, FloatDistribution], seed: int) -> dict[str, float]:
    """An evenly drawn point that all samplers of a seed begin at."""
    generator = np.random.default_rng(seed)
    return {name: generator.uniform(over.low, over.high) for name, over in space.items()}
