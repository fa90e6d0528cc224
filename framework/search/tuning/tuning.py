"""Optuna over an encoder's settings: searched on validation, scored once on the hold-out.

A trial fits one setting on the training part and is judged by the validation part alone. When the
search is over, the best setting and the defaults are fitted with every seed of the experiment on
one and the same hold-out, which no trial has looked at.
"""

from __future__ import annotations

import time
from pathlib import Path

import optuna

from framework.base.files import require_writable, whole
from framework.benchmark.benchmark import benchmark
from framework.config.experiment import Experiment
from framework.config.strict_yaml import write_yaml
from framework.contracts.tracker import NOT_TRACKED, Summary, Tracker, Winner
from framework.execution.choice import executor_for
from framework.search.study.locks import alone
from framework.search.study.storage import usable
from framework.search.study.study import open_study
from framework.search.study.trials import snapshot
from framework.search.tuning import records
from framework.search.tuning.outcome import Tuned, outcome_of, write_trials
from framework.search.tuning.plan import TuningPlan, hold_out_benchmark, plan_tuning
from framework.search.tuning.trial import FitTrial
from framework.search.workers import work_through


def tune(
    experiment: Experiment,
    runs: Path,
    *,
    encoder: str | None = None,
    trials: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    storage: str | None = None,
    timeout: float | None = None,
    tracker: Tracker = NOT_TRACKED,
    progress: bool = True,
    where: str = "",
) -> Tuned:
    """Search until the study has all of its trials, then score defaults and winner once.

    One worker repeats a search to the bit, also after a kill. With several workers, what a trial
    tries and whether it is pruned depend on which trials have ended by then (`Tuned.timing`).

    Args:
        runs: the folder of all results.
        encoder: name or label of the encoder to tune, in place of the experiment's choice.
        trials: finished trials in total, in place of the experiment's number.
        workers: processes; several machines may work on one storage.
        scheduler: address of a Dask scheduler, whose workers try settings in their place.
        storage: an SQLAlchemy URL (``sqlite:///study.db``, ``postgresql://...``); a journal in
            the folder of results where none is given.
        timeout: seconds after which no new trial is begun; the same call continues later.
        tracker: told of every trial when it ends.
        progress: show a bar on standard error.
        where: the file that messages name.

    Raises:
        UserError: the encoder is not in the experiment or has nothing to tune; the space, the
            split or the validation part do not fit; the folder or the storage cannot be used; the
            study was started with other settings; no trial succeeded.

    Example:
        >>> from pathlib import Path
        >>> from framework.config.experiment import read_experiment
        >>> experiment = read_experiment("experiments/tune_phase_field_vae.yaml")
        >>> tuned = tune(experiment, Path("runs"), trials=20, workers=2)  # doctest: +SKIP
        >>> tuned.best.parameters, tuned.gains()  # doctest: +SKIP
    """
    plan = plan_tuning(
        experiment, runs, encoder=encoder, trials=trials, storage=storage, where=where
    )
    executor = executor_for(workers, scheduler, runs)
    require_writable(plan.folder)
    tracker.require()
    with usable(plan.study.storage):
        study = open_study(plan.study)
    deadline = None if timeout is None else time.time() + timeout
    with tracker.begin(records.work_of(experiment, plan.base, plan.study)) as tracked:
        reports = records.Trials(tracked, plan.tuning.objectives[0], plan.run_of)
        with usable(plan.study.storage):
            work_through(
                plan.study,
                FitTrial(plan),
                study,
                executor,
                deadline=deadline,
                look=reports.tell_mine,
                progress=progress,
            )
        with alone(plan.folder):  # of several commands the first scores, the others reuse it
            tuned = _conclude(plan, study, runs, reports, workers, scheduler, progress, where)
    tuned.tracked = tracked.key
    return tuned


def _conclude(
    plan: TuningPlan,
    study: optuna.Study,
    runs: Path,
    reports: records.Trials,
    workers: int,
    scheduler: str | None,
    progress: bool,
    where: str,
) -> Tuned:
    """How a study stands, as figures and tables; if it is over, its winner on the hold-out."""
    from framework.figures.study import save_study_figures

    with usable(plan.study.storage):
        study = snapshot(study)
    tuned = outcome_of(plan, study)
    save_study_figures(study, plan.tuning.objectives, plan.folder / "figures")
    write_trials(plan, study)
    if tuned.best is not None:
        with whole(plan.folder / "best.yaml") as at:
            at.write_text(write_yaml(tuned.best.as_yaml()))
        tuned.outcome = benchmark(
            hold_out_benchmark(plan, tuned.best),
            runs,
            workers=workers,
            scheduler=scheduler,
            tracker=reports.tracked.below(),
            progress=progress,
            where=where,
        )
        if text := tuned.to_markdown():
            with whole(plan.folder / "tuned.md") as at:
                at.write_text(text)
    reports.tell_all(study)
    reports.tracked.over(_summary(tuned, runs))
    return tuned


def _summary(tuned: Tuned, runs: Path) -> Summary:
    """What a tracker is told of a tuning in the end."""
    folder = tuned.plan.folder
    if tuned.best is None or tuned.outcome is None:
        return records.summary_of(None, None, folder)
    cell = next(run for run in tuned.outcome.plan if run.encoder == tuned.best.title)
    winner = None
    if cell.finished(runs):
        refused = ""
        for metric, row in list(tuned.differences().items())[:1]:  # none where a run failed
            if row["verdict"] == "below":
                refused = f"{metric}: tuned - default = {tuned.gains()[metric]}"
        winner = Winner(cell.digest, cell.folder(runs), refused=refused)
    text = tuned.to_markdown()
    return records.summary_of(tuned.chosen, tuned.outcome, folder, text=text, winner=winner)
