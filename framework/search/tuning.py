"""Optuna over an encoder's settings: searched on validation, scored once on the hold-out.

A trial fits one setting on the training part and is judged by the validation part alone. When the
search is over, the best setting and the defaults are fitted with every seed of the experiment on
one and the same hold-out, which no trial has looked at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from framework.base.errors import UserError, nearest, placed
from framework.base.files import require_writable, whole
from framework.benchmark.benchmark import Outcome, benchmark
from framework.benchmark.leaderboard import difference, leaderboard, to_markdown
from framework.config.experiment import Experiment
from framework.config.schema import Component
from framework.config.strict_yaml import write_yaml
from framework.config.tuning import Tuning
from framework.contracts.task import Fit
from framework.contracts.tracker import NOT_TRACKED, Summary, Tracker, Winner
from framework.metrics.names import higher_is_better
from framework.registry.registry import ENCODERS
from framework.runs.components import read_by, resolved, task_of
from framework.runs.execution import Progress, fit
from framework.runs.finished import RUNS
from framework.runs.items import divided
from framework.runs.plan import plan
from framework.runs.run import Run
from framework.search import trial_records
from framework.search.sampling import REPORTS, StudyPlan, grid
from framework.search.search_space import meant, moved_into, plain, search_space, told
from framework.search.storage import alone, usable
from framework.search.study import ended, open_study, snapshot
from framework.search.workers import work_through

WATCHED = 20_000
"""Unexplored items, drawn once, against which a trial's validation fields are ranked."""
GLANCED_AT = 4_000
"""The first of these, for the intermediate values that pruning looks at."""


@dataclass(frozen=True)
class Search:
    """A search for the settings of one encoder.

    Attributes:
        encoder: as the experiment has it: its settings are the defaults of this search.
        base: the run of the defaults; a trial differs in the encoder's settings alone.
        study: the study behind it.
        runs: the folder of results.
    """

    experiment: Experiment
    tuning: Tuning
    encoder: Component
    base: Run
    study: StudyPlan
    folder: Path
    runs: Path


@dataclass
class Tuned:
    """What a search left behind.

    Attributes:
        search: what was searched.
        best: the setting chosen, as a component of an experiment; None while trials are missing.
        finished, pruned, failed: numbers of trials.
        outcome: defaults, tuned and the other encoders on the hold-out; None with `best`.
        tracked: what the tracker knows the study by; None where nothing is kept.
    """

    search: Search
    best: Component | None = None
    chosen: FrozenTrial | None = None
    finished: int = 0
    pruned: int = 0
    failed: int = 0
    outcome: Outcome | None = None
    tracked: str | None = None
    causes: list[str] = field(default_factory=list)

    def differences(self) -> dict[str, dict[str, Any]]:
        """Tuned minus default on the hold-out, for every metric of the experiment."""
        if self.outcome is None or self.outcome.results is None or self.outcome.failures:
            return {}
        cube, best = self.outcome.results, self.best
        assert best is not None
        default = f"{self.search.encoder.title} default"
        metrics = cube.attrs["metrics"].split()
        return {name: difference(cube, best.title, default, name) for name in metrics}

    def to_markdown(self) -> str:
        """The table default / tuned, and what the tuning gained."""
        if self.outcome is None or self.outcome.results is None:
            return ""
        cube = self.outcome.results
        lines = [f"- {name}: tuned - default = {told}" for name, told in self.gains().items()]
        return "\n".join([*lines, "", to_markdown(leaderboard(cube), cube)])

    def gains(self) -> dict[str, str]:
        """The differences in words."""
        return {
            name: "{difference:+.3f} [{difference_low:+.3f}, {difference_high:+.3f}], "
            "{verdict}".format(**found)
            for name, found in self.differences().items()
        }


def tune(
    experiment: Experiment,
    runs: Path,
    *,
    encoder: str | None = None,
    trials: int | None = None,
    workers: int = 1,
    storage: str | None = None,
    timeout: float | None = None,
    tracker: Tracker = NOT_TRACKED,
    progress: bool = True,
    where: str = "",
) -> Tuned:
    """Search until the study has all of its trials, then score defaults and winner once.

    Args:
        encoder: name or label of the encoder to tune, in place of the experiment's choice.
        trials: finished trials in total, in place of the experiment's number.
        workers: processes; several machines may work on one storage.
        storage: an SQLAlchemy URL (``sqlite:///study.db``, ``postgresql://...``); a journal in
            the folder of results where none is given.
        timeout: seconds after which no new trial is begun; the same call goes on later.
        tracker: told of every trial when it ends.

    Raises:
        UserError: the search cannot be run as it is, or the study stands with other settings.
    """
    search = prepare(experiment, runs, encoder=encoder, trials=trials, storage=storage, where=where)
    require_writable(search.folder)
    tracker.require()
    with usable(search.study.storage):
        study = open_study(search.study)
    deadline = None if timeout is None else time.time() + timeout
    with tracker.begin(trial_records.work_of(experiment, search.base, search.study)) as tracked:
        reports = trial_records.Trials(
            tracked, search.tuning.objectives[0], lambda params: trial_run(search, params)
        )
        with usable(search.study.storage):
            work_through(
                search.study,
                _Objective(search),
                study,
                workers=workers,
                deadline=deadline,
                look=reports.tell_mine,
                progress=progress,
            )
        with alone(search.folder):  # of several commands the first scores, the others find it
            tuned = _concluded(search, study, runs, reports, workers, progress, where)
    tuned.tracked = tracked.key
    return tuned


def _concluded(
    search: Search,
    study: optuna.Study,
    runs: Path,
    reports: trial_records.Trials,
    workers: int,
    progress: bool,
    where: str,
) -> Tuned:
    """What stands of a search, as figures and tables; if it is over, its winner on the hold-out."""
    from framework.figures import study as study_plots

    with usable(search.study.storage):
        study = snapshot(study)
    tuned = _counted(search, study)

    study_plots.save_study_figures(study, search.tuning.objectives, search.folder / "figures")
    _write_trials(search, study)
    if tuned.best is not None:
        with whole(search.folder / "best.yaml") as at:
            at.write_text(write_yaml(tuned.best.as_yaml()))
        tuned.outcome = benchmark(
            final(search, tuned.best),
            runs,
            workers=workers,
            tracker=reports.tracked.below(),
            progress=progress,
            where=where,
        )
        if told_gains := tuned.to_markdown():
            with whole(search.folder / "tuned.md") as at:
                at.write_text(told_gains)
    reports.tell_all(study)
    reports.tracked.over(_summary(tuned, runs))
    return tuned


def _summary(tuned: Tuned, runs: Path) -> Summary:
    """What a tracker is told of a search in the end."""
    folder = tuned.search.folder
    if tuned.best is None or tuned.outcome is None:
        return trial_records.summary_of(None, None, folder)
    cell = next(run for run in tuned.outcome.plan if run.encoder == tuned.best.title)
    winner = None
    if cell.finished(runs):
        metric, *_ = tuned.differences()
        worse = tuned.differences().get(metric, {}).get("verdict") == "below"
        gain = f"{metric}: tuned - default = {tuned.gains()[metric]}" if worse else ""
        winner = Winner(cell.digest, cell.folder(runs), refused=gain)
    text = tuned.to_markdown()
    return trial_records.summary_of(tuned.chosen, tuned.outcome, folder, text=text, winner=winner)


def prepare(
    experiment: Experiment,
    runs: Path,
    *,
    encoder: str | None = None,
    trials: int | None = None,
    storage: str | None = None,
    where: str = "",
) -> Search:
    """Check everything that a search needs, before anything is computed.

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
    own = experiment.model_copy(
        update={
            "encoders": [component],
            "representations": _read_by([component], experiment),
            "splits": experiment.splits[:1],
            "seeds": [tuning.seed],
            "split_seed": tuning.seed,
        }
    )
    runs_of_defaults = plan(own, where, runs)
    if not tuning.objectives:
        task = task_of(runs_of_defaults[0].settings["task"])
        tuning = tuning.model_copy(update={"objectives": [task.default_metrics[0]]})
    if len(runs_of_defaults) > 1:
        raise UserError(
            f"{prefix}splits[0]: '{experiment.splits[0].title}' has {len(runs_of_defaults)} folds, "
            "and what is the hold-out of one is learned from in another; tune on a split with one "
            "fold (random, time), and benchmark the winner on this one"
        )
    if experiment.validation_fraction == 0:
        raise UserError(f"{prefix}validation_fraction: is 0, and settings are chosen on validation")
    base = runs_of_defaults[0]
    if not len(divided(base.settings)[1].validation):
        raise UserError(
            f"{prefix}validation_fraction: leaves no field to choose settings on; raise it, or "
            "bring more fields"
        )
    defaults = base.settings["encoder"]["parameters"]
    space, held = search_space(component, tuning.space, f"{prefix}tuning.space")
    pruner = tuning.pruner or ("median" if len(tuning.objectives) == 1 else "none")
    folder = runs / experiment.name / "tuning" / component.title
    searched = json.loads(
        json.dumps({name: plain(over) for name, over in space.items()}, default=list)
    )
    decided = tuning.model_dump(exclude={"trials", "encoder", "space"}) | {"pruner": pruner}
    study = StudyPlan(
        name=f"{experiment.name}/{component.title}",
        storage=storage or str(folder / "study.journal"),
        maximise=tuple(
            name != "seconds_fit" and higher_is_better(name) for name in tuning.objectives
        ),
        space=space,
        start={name: moved_into(over, told(defaults[name])) for name, over in space.items()},
        content={"tuning": {**decided, "space": searched}, "run": base.settings},
        trials=tuning.trials,
        sampler=tuning.sampler,
        pruner=pruner,
        seed=tuning.seed,
    )
    if tuning.sampler == "grid":
        with placed(f"{prefix}tuning.sampler"):
            grid(space)
    base = replace(base, settings=_with(base.settings, held))
    return Search(experiment, tuning, component, base, study, folder, runs)


def final(search: Search, best: Component) -> Experiment:
    """The benchmark that ends a search: defaults, winner, and the experiment's other encoders."""
    experiment, name = search.experiment, search.encoder.title
    others = [each for each in experiment.encoders if each.title != name]
    default = search.encoder.model_copy(update={"label": f"{name} default"})
    encoders = [default, best, *others]
    return experiment.model_copy(
        update={
            "name": f"{experiment.name}-{search.encoder.name}-tuned"[:80],
            "description": f"{name}: its defaults and the best of {search.tuning.trials} settings, "
            "chosen on validation; the hold-out is scored once.",
            "encoders": encoders,
            "representations": _read_by(encoders, experiment),
            "splits": experiment.splits[:1],
            "split_seed": search.tuning.seed,
            "tuning": None,
            "published": None,
        }
    )


def trial_run(search: Search, params: Mapping[str, Any]) -> Run:
    """The run of one setting."""
    return replace(search.base, settings=_with(search.base.settings, meant(params)))


def values_of(
    run: Run, watch: Callable[[Fit], Progress] | None = None, runs: Path = RUNS
) -> dict[str, float]:
    """Fit one setting; every metric on validation, and seconds_fit. The hold-out is not scored."""
    done = fit(run, watch, runs)
    return {**done.task.validate(done, WATCHED), "seconds_fit": done.seconds}


@dataclass(frozen=True)
class _Objective:
    """What one trial does."""

    search: Search

    def __call__(self, trial: Trial, params: dict[str, Any]) -> tuple[float, ...]:
        names = self.search.tuning.objectives
        watch = None if self.search.study.pruner == "none" else self._watching(trial)
        found = values_of(trial_run(self.search, params), watch, self.search.runs)
        trial.set_user_attr("values", found)
        return tuple(found[name] for name in names)

    def _watching(self, trial: Trial) -> Callable[[Fit], Progress]:
        metric = self.search.tuning.objectives[0]
        if metric == "seconds_fit":
            return lambda _: lambda done, total: None

        def watch(begun: Fit) -> Progress:
            told = 0

            def tell(done: int, total: int) -> None:
                nonlocal told
                step = done * REPORTS // total
                if step == told or done == total:
                    return
                told = step
                with begun.encoder.as_it_stands():
                    glance = begun.task.validate(begun, GLANCED_AT)
                trial.report(glance[metric], step)
                if trial.should_prune():
                    raise optuna.TrialPruned

            return tell

        return watch


def _counted(search: Search, study: optuna.Study) -> Tuned:
    trials = [trial for _, trial in ended(study)]
    of = {state: [t for t in trials if t.state == state] for state in TrialState}
    complete = of[TrialState.COMPLETE]
    causes = [f"trial {t.number}: {t.user_attrs['cause']}" for t in of[TrialState.FAIL]]
    tuned = Tuned(
        search,
        finished=len(complete),
        pruned=len(of[TrialState.PRUNED]),
        failed=len(causes),
        causes=causes,
    )
    if len(trials) < search.study.slots:
        return tuned
    if not complete:
        raise UserError(
            f"none of {len(trials)} trials succeeded; the first: {(causes or ['all pruned'])[0]}"
        )
    front = study.best_trials if len(search.tuning.objectives) > 1 else complete
    up = search.study.maximise[0]
    tuned.chosen = max(front, key=lambda t: (t.values[0] if up else -t.values[0], -t.number))
    setting = trial_run(search, tuned.chosen.params).settings["encoder"]["parameters"]
    tuned.best = Component(
        name=search.encoder.name, label=f"{search.encoder.title} tuned", parameters=setting
    )
    return tuned


def _write_trials(search: Search, study: optuna.Study) -> None:
    """All trials as a table: slot, number, state, values, settings, cause."""
    import pandas as pd

    rows = [
        {
            "slot": place,
            "trial": trial.number,
            "state": trial.state.name.lower(),
            **dict(zip(search.tuning.objectives, trial.values or (), strict=False)),
            **{name: json.dumps(value) for name, value in meant(trial.params).items()},
            "cause": trial.user_attrs.get("cause", ""),
        }
        for place, trial in ended(study)
    ]
    with whole(search.folder / "trials.csv") as at:
        pd.DataFrame(rows).to_csv(at, index=False)


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


def _read_by(encoders: list[Component], experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The settings of the representations that some encoders read."""
    names = {read_by(resolved(ENCODERS, component, "encoders")) for component in encoders}
    return {name: own for name, own in experiment.representations.items() if name in names}


def _with(settings: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    encoder = settings["encoder"]
    parameters = {**encoder["parameters"], **values}
    checked = resolved(ENCODERS, Component(name=encoder["name"], parameters=parameters), "trial")
    return {**settings, "encoder": checked}
