"""What the framework adds to a trial, beside Optuna alone and beside bare calls of MLflow.

The objective takes no time, so that only the machinery is measured. Every figure is a median of
interleaved repeats.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from framework.config.experiment import experiment_from
from framework.execution.here import Here
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.search.study.work import work
from framework.search.tuning import records as trial_records
from framework.search.tuning.plan import plan_tuning
from framework.search.tuning.trial import FitTrial
from framework.search.workers import work_through
from framework.tracking.store import store_uri
from framework.tracking.tracker import MlflowTracker
from tests.benchmarks.timing import medians, seconds
from tests.conftest import REPORTED, tiny
from tests.framework.search.killed import SPACE, START, height, planned

pytestmark = pytest.mark.speed

TRIALS = 50
SAMPLERS: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
    "tpe": lambda: optuna.samplers.TPESampler(seed=0),
    "random": lambda: optuna.samplers.RandomSampler(seed=0),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_trial_costs_little_more_than_with_optuna_alone(tmp_path, sampler, capsys):
    """Goal 1.5x, both on a journal file.

    Beyond Optuna the framework writes whose trial it is, looks for trials of the dead, and seeds
    a sampler for every slot, which is what makes a killed study go on to the bit.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folders = (tmp_path / str(number) for number in range(100))

    def through_framework():
        plan = planned(next(folders), sampler=sampler, trials=TRIALS)
        study = open_study(plan)
        work_through(plan, height, study, Here())
        assert len(ended(study)) == TRIALS

    def optuna_alone():
        folder = next(folders)
        folder.mkdir()
        storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
        study = optuna.create_study(
            storage=storage, direction="maximize", sampler=SAMPLERS[sampler]()
        )
        study.enqueue_trial(START)
        study.optimize(
            lambda trial: height(trial, {n: trial._suggest(n, over) for n, over in SPACE.items()})[
                0
            ],
            n_trials=TRIALS,
        )

    ours, theirs = medians(3, through_framework, optuna_alone)
    with capsys.disabled():
        print(
            f"\na trial without work, {sampler}: {1000 * ours / TRIALS:.1f} ms; "
            f"Optuna alone {1000 * theirs / TRIALS:.1f} ms: {ours / theirs:.2f}x"
        )
    assert ours / theirs < 2


def test_logging_a_trial_costs_no_more_than_the_same_calls_by_hand(tmp_path, monkeypatch, capsys):
    """Goal 0.3 s a trial, in MLflow's default store; the bare loop logs the same tags, settings,
    numbers, data set and file, each kind in one call."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("sets.txt").write_text("\n".join(REPORTED) + "\n", encoding="utf-8")
    n_trials, runs = 15, Path("runs")
    content = tiny(
        name="t", validation_fraction=0.3, tuning={"trials": n_trials, "sampler": "random"}
    )
    search = plan_tuning(experiment_from(content, "t"), runs)
    work(search.study, FitTrial(search))
    study = open_study(search.study)
    tracker = MlflowTracker(runs)
    tracker.require()
    shutil.copytree(runs, "again")
    tracked = tracker.begin(trial_records.work_of(search.experiment, search.base, search.study))
    trials = trial_records.Trials(tracked, "auroc", search.run_of)
    client = MlflowClient(store_uri(Path("again")))

    ours = seconds(lambda: trials.tell_mine(study)) / n_trials

    children = tracked._children()
    assert len(children) == n_trials
    where = client.create_experiment("bare", artifact_location=Path("bare").resolve().as_uri())

    def by_hand():
        for child in children:
            tags = {k: v for k, v in child.data.tags.items() if k != "mlflow.runName"}
            run = client.create_run(where, tags=tags, run_name="bare").info.run_id
            client.log_inputs(run, child.inputs.dataset_inputs)
            metrics = [Metric(name, value, 0, 0) for name, value in child.data.metrics.items()]
            params = [Param(name, value) for name, value in child.data.params.items()]
            client.log_batch(run, metrics, params)
            client.log_dict(run, search.base.settings, "trial.json")
            client.set_terminated(run)

    bare = seconds(by_hand) / n_trials
    with capsys.disabled():
        print(f"\na trial in MLflow {ours:.2f} s; by hand {bare:.2f} s: {ours / bare:.2f}x")
    assert ours / bare < 2
