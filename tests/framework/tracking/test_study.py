"""What a study leaves in MLflow: every trial once, whatever happens to the store or the command."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

import phasezoo as commands
from framework.base.versions import versions
from framework.config.experiment import Experiment, experiment_from
from framework.contracts.representation import Samples
from framework.contracts.tracker import State, Summary
from framework.registry.parameters import Float
from framework.registry.registry import ENCODERS
from framework.runs.cell import read_cell
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.search.study.work import work
from framework.search.tuning import records as trial_records
from framework.search.tuning.plan import TuningPlan, plan_tuning
from framework.search.tuning.trial import FitTrial
from framework.tracking import tracker as tracking
from framework.tracking.store import store_uri
from framework.tracking.tracker import MlflowTracker
from tests.conftest import REPORTED, phasezoo, tiny
from tests.framework.audit.planted import NormScorer
from tests.framework.search.killed import STARTER

pytestmark = pytest.mark.usefixtures("blank_figures")

TAGS = [
    "encoder", "dataset", "split", "seed", "study", "task", "config_digest", "git_commit",
    "phasezoo_version",
]  # fmt: skip
FIGURES = {"history", "importances", "parallel_coordinates", "slice", "intermediate_values"}
UNSTABLE = {
    "hidden": [8],
    "latent_dim": {"low": 1, "high": 4},
    "epochs": 10,
    "weight_decay": 0.0,
    "optimiser": "sgd",
    "learning_rate": {"choices": [0.001, 1.0]},
    "batch_size": 8,
}
"""Half of these networks diverge, and of the others some are worth pruning."""


class Meddler(NormScorer):
    """Does something in its n-th fit: what befalls a command while it works."""

    baseline = False
    fits: ClassVar[int] = 0
    acts: ClassVar[dict[int, Callable[[], None]]] = {}

    def __init__(self, tilt: Annotated[float, Float(0.0, 1.0)] = 0.5) -> None:
        self.tilt = tilt

    def fit(self, samples: Samples, validation: Samples | None = None) -> Self:
        Meddler.fits += 1
        self.acts.get(Meddler.fits, lambda: None)()
        return super().fit(samples, validation)


@pytest.fixture
def meddler(monkeypatch: pytest.MonkeyPatch) -> type[Meddler]:
    """An encoder of another package, as `Registry` finds them."""
    point = EntryPoint("meddler", f"{__name__}:Meddler", ENCODERS.group)
    monkeypatch.setitem(ENCODERS._external, "meddler", point)
    monkeypatch.setattr(Meddler, "fits", 0)
    return Meddler


@pytest.fixture(autouse=True, scope="module")
def _default_store() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


def folder_with(blank_store: Path, folder: Path) -> Path:
    """A folder of results with an empty store."""
    runs = folder / "runs"
    runs.mkdir()
    shutil.copy(blank_store, runs)
    (folder / "sets.txt").write_text("\n".join(REPORTED) + "\n", encoding="utf-8")
    return runs


@pytest.fixture
def runs(blank_store: Path, tmp_path: Path) -> Path:
    return folder_with(blank_store, tmp_path)


def content(runs: Path, encoder: str, **changes: object) -> dict:
    """The tiny experiment with a search for one encoder."""
    own = {"trials": 4, "sampler": "random", **changes}
    data = {"name": "file", "path": str(runs.parent / "sets.txt")}
    return tiny(
        name="s", dataset=data, encoders=[encoder], validation_fraction=0.3, tuning=own
    )  # fmt: skip


def experiment(runs: Path, encoder: str, **changes: object) -> Experiment:
    return experiment_from(content(runs, encoder, **changes), "s")


def tune(runs: Path, encoder: str, *options: object, **changes: object):
    """The command."""
    path = runs.parent / "s.yaml"
    path.write_text(yaml.safe_dump(content(runs, encoder, **changes)), encoding="utf-8")
    return phasezoo("tune", path, "--runs", runs, *options)


def searched(runs: Path, **changes: object) -> tuple[TuningPlan, object]:
    """A search whose trials nobody has logged, and its study."""
    search = plan_tuning(experiment(runs, "element_frequency", **changes), runs)
    work(search.study, FitTrial(search))
    return search, open_study(search.study)


def reporter(search: TuningPlan, runs: Path) -> trial_records.Trials:
    """What tells MLflow of the trials of a search."""
    work = trial_records.work_of(search.experiment, search.base, search.study)
    tracked = MlflowTracker(runs).begin(work)
    return trial_records.Trials(tracked, "auroc", search.run_of)


def client_of(runs: Path) -> MlflowClient:
    return MlflowClient(store_uri(runs))


def found(runs: Path, kind: str, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
    """All runs of a kind, by the number of their trial where they have one."""
    client = client_of(runs)
    where = [each.experiment_id for each in client.search_experiments()]
    all_of_it = client.search_runs(where, f"tags.kind = '{kind}'", view)
    return sorted(all_of_it, key=lambda run: int(run.data.tags.get("trial", 0)))


def logged(runs: Path) -> list[tuple[str, str]]:
    """Number and status of the children of trials."""
    return [(run.data.tags["trial"], run.info.status) for run in found(runs, "trial")]


def files(runs: Path, run: Run, folder: str | None = None) -> set[str]:
    return {file.path for file in client_of(runs).list_artifacts(run.info.run_id, folder)}


@pytest.fixture(scope="module")
def study(blank_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, logged and its winner registered; only read."""
    runs = folder_with(blank_store, tmp_path_factory.mktemp("study"))
    said = tune(
        runs, "autoencoder", "--register", "best one", space=UNSTABLE, trials=10, seed=3
    )  # fmt: skip
    assert said.code == 0, said.err
    return runs


@pytest.fixture(scope="module")
def trials(study: Path) -> dict:
    """Slot and trial of the study as Optuna keeps them, by number."""
    search = plan_tuning(experiment(study, "autoencoder", space=UNSTABLE, trials=10, seed=3), study)
    return {trial.number: (place, trial) for place, trial in ended(open_study(search.study))}


class TestTheParent:
    def test_it_carries_what_the_study_is(self, study: Path) -> None:
        (parent,) = found(study, "study")
        tags = parent.data.tags
        assert set(TAGS) | {"study_digest"} <= set(tags)
        assert parent.info.status == "FINISHED"
        assert parent.info.run_name == tags["study"] == "s"
        assert (tags["encoder"], tags["split"], tags["seed"]) == ("autoencoder", "random", "3")
        assert tags["sampler"] == "random"
        assert parent.data.params["tuning.trials"] == "10"

    def test_its_figures_are_those_of_the_best_trial(self, study: Path, trials: dict) -> None:
        (parent,) = found(study, "study")
        best = trials[int(parent.data.tags["best_trial"])][1]
        assert best.values[0] == max(t.values[0] for _, t in trials.values() if t.values)
        expected = {f"best/validation/{k}": v for k, v in best.user_attrs["values"].items()}
        assert parent.data.metrics == expected
        assert parent.data.metrics["best/validation/auroc"] == best.values[0]
        assert "auroc: tuned - default = " in parent.data.tags["mlflow.note.content"]

    def test_tables_and_optunas_figures_lie_beside_it(self, study: Path) -> None:
        (parent,) = found(study, "study")
        assert files(study, parent) == {"trials.csv", "best.yaml", "figures"}
        names = {Path(path).stem for path in files(study, parent, "figures")}
        assert names == FIGURES
        place = client_of(study).download_artifacts(parent.info.run_id, "trials.csv")
        table = pd.read_csv(place)
        assert list(table["trial"]) == list(range(10))
        assert list(table["state"]) == [
            {"FINISHED": "complete", "KILLED": "pruned", "FAILED": "fail"}[status]
            for _, status in logged(study)
        ]

    def test_the_final_benchmark_hangs_below_it(self, study: Path) -> None:
        (parent,), (final,) = found(study, "study"), found(study, "benchmark")
        assert final.data.tags["mlflow.parentRunId"] == parent.info.run_id
        cells = found(study, "cell")
        assert {c.data.tags["mlflow.parentRunId"] for c in cells} == {final.info.run_id}
        named = {c.data.tags["encoder"] for c in cells}
        assert named == {"autoencoder default", "autoencoder tuned"}
        assert parent.data.tags["winner_cell"] in {c.data.tags["cell"] for c in cells}


class TestTrials:
    def test_every_trial_is_a_child_with_all_tags(self, study: Path, trials: dict) -> None:
        (parent,) = found(study, "study")
        children = found(study, "trial")
        assert [child.data.tags["trial"] for child in children] == [str(n) for n in trials]
        assert len(trials) == 10
        for child in children:
            tags = child.data.tags
            place, trial = trials[int(tags["trial"])]
            assert tags["mlflow.parentRunId"] == parent.info.run_id
            assert {name: tags[name] for name in TAGS} == {n: parent.data.tags[n] for n in TAGS}
            assert tags["slot"] == str(place)
            own = trial.user_attrs["owner"]
            assert tags["worker"] == f"{own['host']}:{own['pid']}"
            assert child.info.run_name == f"autoencoder trial {trial.number}"
            times = trial.datetime_start, trial.datetime_complete
            shown = child.info.start_time, child.info.end_time
            assert shown == tuple(int(t.timestamp() * 1000) for t in times)

    def test_its_params_are_what_it_tried(self, study: Path, trials: dict) -> None:
        for child in found(study, "trial"):
            _, trial = trials[int(child.data.tags["trial"])]
            params = child.data.params
            assert params["encoder.latent_dim"] == str(trial.params["latent_dim"])
            assert params["encoder.learning_rate"] == str(trial.params["learning_rate"])
            assert params["encoder.hidden"] == "[8]"
            assert params["task.candidates.pattern"] == "M-M'-A"

    def test_the_three_ends_of_a_trial_are_told_apart(self, study: Path, trials: dict) -> None:
        status = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
        expected = [(str(n), status[t.state.name]) for n, (_, t) in trials.items()]
        assert logged(study) == expected
        assert {state for _, state in expected} == {"FINISHED", "KILLED", "FAILED"}
        for child in found(study, "trial"):
            _, trial = trials[int(child.data.tags["trial"])]
            pruned, failure = (child.data.tags.get(name) for name in ("pruned", "failure"))
            assert (pruned is not None) == (child.info.status == "KILLED")
            assert (failure is not None) == (child.info.status == "FAILED")
            if pruned:
                assert (
                    pruned == f"after {len(trial.intermediate_values)} of its intermediate values"
                )
            if failure:
                assert failure == trial.user_attrs["cause"]
                assert "no longer finite" in failure

    def test_validation_metrics_are_those_of_optuna(self, study: Path, trials: dict) -> None:
        for child in found(study, "trial"):
            _, trial = trials[int(child.data.tags["trial"])]
            values = dict(trial.user_attrs.get("values", {}))
            seconds = values.pop("seconds_fit", None)
            metrics = child.data.metrics
            assert metrics.get("seconds/fit") == seconds
            shown = {k: v for k, v in metrics.items() if k.startswith("validation/")}
            assert shown == {f"validation/{k}": v for k, v in values.items()}
            assert bool(shown) == (child.info.status == "FINISHED")
            assert not [name for name in metrics if name.startswith("holdout/")]

    def test_intermediate_values_have_their_steps(self, study: Path, trials: dict) -> None:
        client = client_of(study)
        for child in found(study, "trial"):
            _, trial = trials[int(child.data.tags["trial"])]
            curve = client.get_metric_history(child.info.run_id, "intermediate/auroc")
            assert [(m.step, m.value) for m in curve] == list(trial.intermediate_values.items())
            assert bool(curve) == (child.info.status != "FAILED")

    def test_its_file_holds_what_reproduces_it(self, study: Path) -> None:
        child = found(study, "trial")[0]
        assert files(study, child) == {"trial.json"}
        place = client_of(study).download_artifacts(child.info.run_id, "trial.json")
        held = json.loads(Path(place).read_text())
        assert held["versions"] == versions()
        assert held["settings"]["encoder"]["parameters"]["hidden"] == [8]
        (given,) = child.inputs.dataset_inputs
        assert given.dataset.name == child.data.tags["dataset"]
        assert given.dataset.digest


class TestTheWinner:
    @pytest.mark.slow
    def test_in_a_fresh_process_it_scores_as_the_cell_did(
        self, study: Path, tmp_path: Path
    ) -> None:
        """By the address in the study's tags, and by the name that it was registered under."""
        (parent,) = found(study, "study")
        cell = read_cell(study / "cells" / parent.data.tags["winner_cell"])
        with xr.open_dataset(study / "s-autoencoder-tuned" / "results.nc") as cube:
            items = [str(name) for name in cube["candidate"].values[:6]]
        formulas = ["".join(name.split()) for name in items]
        code = (
            "import mlflow\n"
            f"for address in ({parent.data.tags['winner_model']!r}, 'models:/best one/1'):\n"
            "    model = mlflow.pyfunc.load_model(address)\n"
            f"    print(model.predict({items!r}))\n"
            f"    print(model.predict({formulas!r}))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, "MLFLOW_TRACKING_URI": store_uri(study)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.strip().splitlines()]
        assert len(lines) == 4
        assert len(set(lines[0])) > 1
        for scores in lines:
            np.testing.assert_allclose(scores, cell["score"].values[:6], rtol=1e-6)
        run = json.loads(
            (study / "cells" / parent.data.tags["winner_cell"] / "run.json").read_text()
        )
        best = yaml.safe_load((study / "s" / "tuning" / "autoencoder" / "best.yaml").read_text())
        assert run["encoder"]["parameters"]["latent_dim"] == best["latent_dim"]

    @pytest.mark.slow
    def test_another_winner_is_another_version(self, runs: Path) -> None:
        versions_of = []
        for n_trials in (1, 6):
            options = ("--register", "w", "--trials", n_trials)
            assert tune(runs, "pair_cooccurrence", *options).code == 0
            (parent,) = found(runs, "study")
            models = client_of(runs).search_model_versions("name = 'w'")
            versions_of.append((parent.data.tags["best_trial"], len(models)))
        (first, _), (last, _) = versions_of
        assert first == "0" != last
        assert versions_of == [(first, 1), (last, 2)]
        assert len(found(runs, "trial")) == 6


class TestNothingTwice:
    def test_the_same_command_logs_nothing_more(self, study: Path) -> None:
        def all_of_it() -> list:
            client = client_of(study)
            where = [each.experiment_id for each in client.search_experiments()]
            runs = client.search_runs(where, run_view_type=ViewType.ALL)
            return [
                sorted((run.info.run_id, run.info.status) for run in runs),
                sorted(model.model_id for model in client.search_logged_models(where)),
                [v.version for v in client.search_model_versions("name = 'best one'")],
            ]

        before = all_of_it()
        said = tune(
            study, "autoencoder", "--register", "best one", space=UNSTABLE, trials=10, seed=3
        )  # fmt: skip
        assert said.code == 0, said.err
        assert all_of_it() == before
        assert before[2] == ["1"] or before[2] == [1]

    def test_two_commands_that_log_one_trial_leave_one_child(
        self, runs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both looked before either had logged; each sees the other's children at its end."""
        search, study = searched(runs)
        monkeypatch.setattr(tracking.MlflowWork, "_children", lambda *_: [])
        one, two = (reporter(search, runs) for _ in range(2))
        assert one.tracked.key == two.tracked.key
        one.tell_mine(study)
        two.tell_mine(study)
        assert len(logged(runs)) == 8
        monkeypatch.undo()
        for each in (one, two, one):
            each.tell_all(study)
            each.tracked.over(Summary(State.STOPPED))
            assert logged(runs) == [(str(number), "FINISHED") for number in range(4)]


class TestGoingOn:
    @pytest.mark.slow
    def test_what_a_command_is_logging_is_left_to_it_until_it_is_dead(
        self, runs: Path, tmp_path: Path
    ) -> None:
        wanted, marker = content(runs, "element_frequency"), tmp_path / "begun"
        other = STARTER.Process(target=_tune_and_hang, args=(wanted, runs, marker))
        other.start()
        give_up = time.monotonic() + 60
        while not marker.exists() and time.monotonic() < give_up:
            time.sleep(0.05)
        assert tune(runs, "element_frequency", "--timeout", 0).code == 0
        assert logged(runs) == [("0", "FINISHED"), ("1", "RUNNING")]
        (parent,) = found(runs, "study")
        other.kill()
        other.join()
        said = tune(runs, "element_frequency")
        assert said.code == 0, said.err
        assert logged(runs) == [(str(number), "FINISHED") for number in range(4)]
        assert len(found(runs, "trial", ViewType.DELETED_ONLY)) == 1
        (again,) = found(runs, "study")
        assert (again.info.run_id, again.info.status) == (parent.info.run_id, "FINISHED")

    def test_a_store_that_fails_for_a_while_stops_nothing_and_is_caught_up(
        self, runs: Path, meddler: type[Meddler], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        artifacts = runs / "artifacts"

        def broken() -> None:
            artifacts.rename(runs / "away")
            artifacts.write_text("in the way")

        def mended() -> None:
            artifacts.unlink()
            (runs / "away").rename(artifacts)

        monkeypatch.setattr(meddler, "acts", {3: broken, 5: mended})
        said = tune(runs, "meddler", trials=6)
        assert said.code == 0, said.err
        assert logged(runs) == [(str(number), "FINISHED") for number in range(6)]
        for child in found(runs, "trial"):
            assert files(runs, child) == {"trial.json"}

    def test_a_store_that_stays_away_is_told_and_caught_up_by_the_same_command(
        self, runs: Path, meddler: type[Meddler], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        artifacts = runs / "artifacts"

        def broken() -> None:
            artifacts.rename(runs / "away")
            artifacts.write_text("in the way")

        monkeypatch.setattr(meddler, "acts", {3: broken})
        message = tune(runs, "meddler").message
        assert "mlflow.db: cannot be used" in message
        assert "run again to log the rest" in message
        fits = meddler.fits
        assert fits >= 5  # all trials, and what the final benchmark needs
        (parent,) = found(runs, "study")
        assert parent.info.status == "FAILED"
        artifacts.unlink()
        (runs / "away").rename(artifacts)
        assert tune(runs, "meddler").code == 0
        assert meddler.fits == fits
        assert logged(runs) == [(str(number), "FINISHED") for number in range(4)]
        assert [run.info.status for run in found(runs, "study")] == ["FINISHED"]
        assert {run.info.status for run in found(runs, "cell")} == {"FINISHED"}

    @pytest.mark.slow
    def test_a_store_that_is_gone_is_filled_again(self, runs: Path, blank_store: Path) -> None:
        assert tune(runs, "element_frequency").code == 0
        before = logged(runs)
        n_cells = len(found(runs, "cell"))
        shutil.copy(blank_store, runs)
        shutil.rmtree(runs / "artifacts")
        assert logged(runs) == []
        assert tune(runs, "element_frequency").code == 0
        assert logged(runs) == before == [(str(number), "FINISHED") for number in range(4)]
        assert len(found(runs, "cell")) == n_cells > 0

    def test_a_study_that_waits_to_go_on_is_a_killed_run_with_what_it_has(self, runs: Path) -> None:
        assert tune(runs, "element_frequency", "--timeout", 0).code == 0
        (parent,) = found(runs, "study")
        assert parent.info.status == "KILLED"
        assert "winner_model" not in parent.data.tags
        assert logged(runs) == []

    def test_an_interrupted_study_is_a_killed_run(
        self, runs: Path, meddler: type[Meddler], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(meddler, "acts", {3: interrupted})
        with pytest.raises(KeyboardInterrupt):
            commands.tune(experiment(runs, "meddler"), runs, progress=False)
        assert [run.info.status for run in found(runs, "study")] == ["KILLED"]
        assert logged(runs) == [("0", "FINISHED"), ("1", "FINISHED")]

    def test_where_every_trial_fails_study_and_trials_are_failed_runs(self, runs: Path) -> None:
        space = {**UNSTABLE, "learning_rate": 1.0}
        message = tune(runs, "autoencoder", space=space, trials=2).message
        assert "none of 2 trials succeeded" in message
        assert [run.info.status for run in found(runs, "study")] == ["FAILED"]
        assert logged(runs) == [("0", "FAILED"), ("1", "FAILED")]


def _tune_and_hang(wanted: dict, runs: Path, marker: Path) -> None:
    """The command, which is within the logging of its second trial for a long time."""
    log_values, logged_so_far = tracking.log_values, []

    def until_the_second(client: MlflowClient, run_id: str, *values: object) -> None:
        if client.get_run(run_id).data.tags["kind"] == "trial":
            logged_so_far.append(run_id)
        if len(logged_so_far) == 2:
            marker.touch()
            time.sleep(120)
        log_values(client, run_id, *values)

    tracking.log_values = until_the_second
    multiprocessing.process._parent_process = None  # a command of its own, no worker of the test
    commands.tune(experiment_from(wanted, "s"), runs, progress=False)
