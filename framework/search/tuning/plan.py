"""The plan of a tuning: which encoder, over which settings, and the run that its trials vary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution

from framework.base.errors import UserError, nearest, placed
from framework.config.experiment import Experiment
from framework.config.schema import Component
from framework.config.tuning import Tuning
from framework.registry.metrics import higher_is_better
from framework.registry.registry import ENCODERS
from framework.runs.components import read_by, resolved, task_of
from framework.runs.items import divided
from framework.runs.plan import plan as plan_runs
from framework.runs.run import Run
from framework.search.study.plan import StudyPlan, grid
from framework.search.tuning.space import (
    as_content,
    clipped,
    from_optuna,
    search_space,
    to_optuna,
)


@dataclass(frozen=True)
class TuningPlan:
    """All that a tuning needs, checked before anything is computed.

    Attributes:
        encoder: as the experiment has it, with the values that ``tuning.space`` fixes. Its
            settings are the defaults of this tuning, so tuned and default differ in nothing but
            what was searched.
        base: the run of the defaults; a trial differs in the encoder's settings alone.
        study: the study behind it.
        folder: of this tuning.
        runs: the folder of all results.
    """

    experiment: Experiment
    tuning: Tuning
    encoder: Component
    base: Run
    study: StudyPlan
    folder: Path
    runs: Path

    @property
    def default_title(self) -> str:
        """What results call the defaults."""
        return f"{self.encoder.title} default"

    def run_of(self, params: Mapping[str, Any]) -> Run:
        """The run of a trial's parameters."""
        return _with_settings(self.base, from_optuna(params))


def plan_tuning(
    experiment: Experiment,
    runs: Path,
    *,
    encoder: str | None = None,
    trials: int | None = None,
    storage: str | None = None,
    where: str = "",
) -> TuningPlan:
    """Check everything that a tuning needs.

    Args:
        runs: the folder of all results.
        encoder: name or label, in place of the experiment's choice.
        trials: finished trials in total, in place of the experiment's number.
        storage: of the study; a journal in the folder of results where None.
        where: the file that messages name.

    Raises:
        UserError: the encoder is not in the experiment or has nothing to tune, the space does
            not fit it, or the split has several folds.
    """
    prefix = f"{where}: " if where else ""
    tuning = experiment.tuning or Tuning()
    if trials is not None:
        tuning = tuning.model_copy(update={"trials": trials})
    component = _chosen(experiment, encoder or tuning.encoder, prefix)
    if encoder is not None and component != _chosen(experiment, tuning.encoder, prefix):
        tuning = tuning.model_copy(update={"space": {}})  # was meant for another encoder
    base = _run_of_defaults(experiment, component, tuning, runs, where)
    if not tuning.objectives:
        first = task_of(base.settings["task"]).default_metrics[0]
        tuning = tuning.model_copy(update={"objectives": [first]})
    space, fixed = search_space(component, tuning.space, f"{prefix}tuning.space")
    base = _with_settings(base, fixed)
    component = component.model_copy(update={"parameters": {**component.parameters, **fixed}})
    if tuning.sampler == "grid":
        with placed(f"{prefix}tuning.sampler"):
            grid(space)
    folder = runs / experiment.name / "tuning" / component.title
    study = _study(f"{experiment.name}/{component.title}", tuning, space, base, folder, storage)
    return TuningPlan(experiment, tuning, component, base, study, folder, runs)


def hold_out_benchmark(plan: TuningPlan, best: Component) -> Experiment:
    """The benchmark that ends a tuning: defaults, winner, and the experiment's other encoders."""
    experiment, name = plan.experiment, plan.encoder.title
    others = [each for each in experiment.encoders if each.title != name]
    default = plan.encoder.model_copy(update={"label": plan.default_title})
    encoders = [default, best, *others]
    return experiment.model_copy(
        update={
            "name": f"{experiment.name}-{plan.encoder.name}-tuned"[:80],
            "description": f"{name}: its defaults and the best of {plan.tuning.trials} settings, "
            "chosen on validation; the hold-out is scored once.",
            "encoders": encoders,
            "representations": _read_by(encoders, experiment),
            "splits": experiment.splits[:1],
            "split_seed": plan.tuning.seed,
            "tuning": None,
            "published": None,
        }
    )


def _chosen(experiment: Experiment, wanted: str | None, prefix: str) -> Component:
    """The encoder to tune; the first contestant where none is named."""
    titles = [component.title for component in experiment.encoders]
    if wanted is None:
        contestants = [c for c in experiment.encoders if not ENCODERS.load(c.name).baseline]
        return (contestants or experiment.encoders)[0]
    for component in experiment.encoders:
        if wanted in (component.title, component.name):
            return component
    ENCODERS.require(wanted, f"{prefix}tuning.encoder")
    raise UserError(
        f"{prefix}tuning.encoder: no encoder here is '{wanted}'; {nearest(wanted, titles)}"
    )


def _run_of_defaults(
    experiment: Experiment, component: Component, tuning: Tuning, runs: Path, where: str
) -> Run:
    prefix = f"{where}: " if where else ""
    alone = experiment.model_copy(
        update={
            "encoders": [component],
            "representations": _read_by([component], experiment),
            "splits": experiment.splits[:1],
            "seeds": [tuning.seed],
            "split_seed": tuning.seed,
        }
    )
    folds = plan_runs(alone, where, runs)
    if len(folds) > 1:
        raise UserError(
            f"{prefix}splits[0]: '{experiment.splits[0].title}' has {len(folds)} folds, and the "
            "hold-out of one is training data of another; tune on a split with one fold (random, "
            "time), and benchmark the winner on this one"
        )
    if experiment.validation_fraction == 0:
        raise UserError(f"{prefix}validation_fraction: is 0, and settings are chosen on validation")
    if not len(divided(folds[0].settings)[1].validation):
        raise UserError(
            f"{prefix}validation_fraction: leaves no field to choose settings on; raise it, or "
            "bring more fields"
        )
    return folds[0]


def _study(
    name: str,
    tuning: Tuning,
    space: dict[str, BaseDistribution],
    base: Run,
    folder: Path,
    storage: str | None,
) -> StudyPlan:
    """The study of a tuning. Its content has the settings of the base run, so that changed values
    of what is not searched are noticed, too."""
    defaults = base.settings["encoder"]["parameters"]
    pruner = tuning.pruner or ("median" if len(tuning.objectives) == 1 else "none")
    searched = {name: as_content(distribution) for name, distribution in space.items()}
    decided = tuning.model_dump(exclude={"trials", "encoder", "space"}) | {"pruner": pruner}
    return StudyPlan(
        name=name,
        storage=storage or str(folder / "study.journal"),
        maximise=tuple(
            name != "seconds_fit" and higher_is_better(name) for name in tuning.objectives
        ),
        space=space,
        start={name: clipped(over, to_optuna(defaults[name])) for name, over in space.items()},
        content={
            "tuning": {**decided, "space": json.loads(json.dumps(searched, default=list))},
            "run": base.settings,
        },
        trials=tuning.trials,
        sampler=tuning.sampler,
        pruner=pruner,
        seed=tuning.seed,
    )


def _read_by(encoders: list[Component], experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The settings of the representations that some encoders read."""
    names = {read_by(resolved(ENCODERS, component, "encoders")) for component in encoders}
    return {name: own for name, own in experiment.representations.items() if name in names}


def _with_settings(run: Run, values: Mapping[str, Any]) -> Run:
    """A run whose encoder has other settings."""
    encoder = run.settings["encoder"]
    parameters = {**encoder["parameters"], **values}
    checked = resolved(ENCODERS, Component(name=encoder["name"], parameters=parameters), "trial")
    return replace(run, settings={**run.settings, "encoder": checked})
