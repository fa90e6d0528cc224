"""What is logged to MLflow, that nothing is logged twice, and that a failing store costs no result."""

import dataclasses
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from framework.base.errors import UserError
from framework.benchmark import records, results
from framework.benchmark.benchmark import Outcome, benchmark
from framework.benchmark.leaderboard import leaderboard
from framework.config.experiment import Experiment, experiment_from
from framework.runs.cell import read_cell
from framework.runs.saved import SavedRun
from framework.tracking import client as tracking_client
from framework.tracking import runs as logged_runs
from framework.tracking import tracker as tracking
from framework.tracking import winner
from framework.tracking.recorded import recorded
from framework.tracking.store import store_uri
from framework.tracking.tracker import MlflowTracker
from framework.tracking.ui import serve_ui, ui_command
from phasezoo import audit

pytestmark = pytest.mark.usefixtures("blank_figures")

ROOT = Path(__file__).resolve().parents[3]
CONTENT = {
    "name": "tiny",
    "description": "Three encoders, for a test.",
    "dataset": "oqmd_icsd",
    "task": {"name": "plausibility", "candidates": {"name": "pattern", "pattern": "M-M'-A"}},
    "splits": ["random"],
    "seeds": [0, 1],
    "encoders": [
        "random_score",
        "element_frequency",
        {"name": "autoencoder", "epochs": 2, "hidden": [8], "latent_dim": 2},
    ],
    "resamples": 100,
}
IDENTITY = ["encoder", "dataset", "split", "seed", "study", "config_digest", "task"]
TAGS = [*IDENTITY, "git_commit", "phasezoo_version"]


@pytest.fixture(autouse=True)
def _default_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return experiment_from(CONTENT, "test")


@pytest.fixture(scope="module")
def computed(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results that nothing has tracked; copied, never written."""
    runs = tmp_path_factory.mktemp("computed")
    benchmark(experiment, runs, progress=False)
    return runs


@pytest.fixture(scope="module")
def tracked(
    experiment: Experiment, computed: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Outcome]:
    """A tracked benchmark, in a folder whose name is hard on URIs; only read."""
    runs = tmp_path_factory.mktemp("a") / "my runs #ü"
    shutil.copytree(computed, runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return runs, tracked_benchmark(experiment, runs)


@pytest.fixture
def fresh(
    experiment: Experiment, computed: Path, blank_store: Path, tmp_path: Path
) -> tuple[Path, Outcome]:
    """The same results and an empty store, free to be changed."""
    runs = tmp_path / "runs"
    shutil.copytree(computed, runs)
    shutil.copy(blank_store, runs)
    return runs, benchmark(experiment, runs, progress=False)


def tracked_benchmark(experiment: Experiment, runs: Path) -> Outcome:
    return benchmark(experiment, runs, tracker=MlflowTracker(runs), progress=False)


def log(experiment: Experiment, runs: Path) -> str:
    """Log a benchmark of which all runs have finished; the id of its parent run."""
    outcome = tracked_benchmark(experiment, runs)
    assert outcome.tracked is not None and not outcome.computed
    return outcome.tracked


def log_failed(experiment: Experiment, runs: Path, outcome: Outcome) -> str:
    """Log a benchmark of which some runs have failed."""
    with MlflowTracker(runs).begin(
        records.work_of(experiment, outcome.plan, outcome.folder)
    ) as tracked:
        for run in outcome.plan:
            tracked.ended(records.cell_of(run, runs, outcome.failures.get(run.digest)))
        tracked.over(
            records.summary_of(experiment, outcome.results, outcome.folder, runs, failed=True)
        )
    return tracked.key


def client_of(runs: Path) -> MlflowClient:
    return MlflowClient(store_uri(runs))


def children_of(runs: Path, parent: str) -> list[Run]:
    client = client_of(runs)
    where = [client.get_run(parent).info.experiment_id]
    return list(client.search_runs(where, f"tags.mlflow.parentRunId = '{parent}'"))


def all_runs(runs: Path) -> list[Run]:
    client = client_of(runs)
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()]))


def child_of(tracked: tuple[Path, Outcome], encoder: str, seed: int) -> Run:
    runs, outcome = tracked
    wanted = (encoder, str(seed))
    children = children_of(runs, outcome.tracked)
    (found,) = [c for c in children if (c.data.tags["encoder"], c.data.tags["seed"]) == wanted]
    return found


class TestWhatIsLogged:
    def test_one_parent_holds_one_finished_child_a_cell(
        self, tracked: tuple[Path, Outcome]
    ) -> None:
        runs, outcome = tracked
        children = children_of(runs, outcome.tracked)
        assert {c.data.tags["cell"] for c in children} == {run.digest for run in outcome.plan}
        assert len(all_runs(runs)) == 1 + len(children) == 7
        assert {c.info.status for c in children} == {"FINISHED"}
        parent = client_of(runs).get_run(outcome.tracked)
        assert parent.info.status == "FINISHED"
        assert parent.info.run_name == "tiny"
        assert client_of(runs).get_experiment(parent.info.experiment_id).name == "plausibility"

    def test_every_run_carries_every_tag(self, tracked: tuple[Path, Outcome]) -> None:
        runs, _ = tracked
        everything = all_runs(runs)
        for run in everything:
            assert set(TAGS) <= set(run.data.tags)
            assert run.data.tags["dataset"] == "oqmd_icsd"
            assert run.data.tags["study"] == "tiny"
        assert len({run.data.tags["config_digest"] for run in everything}) == 1

    def test_the_commit_is_that_of_this_code(self, tracked: tuple[Path, Outcome]) -> None:
        head = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True
        )
        expected = head.stdout.strip() or "unknown"
        told = child_of(tracked, "random_score", 0).data.tags["git_commit"]
        assert told.removesuffix("-dirty") == expected

    def test_outside_of_git_the_commit_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(logged_runs, "ROOT", tmp_path)
        assert logged_runs._git_commit() == "unknown"
        monkeypatch.setenv("PATH", "")  # no git at all
        assert logged_runs._git_commit() == "unknown"

    def test_metrics_are_those_of_the_cube(self, tracked: tuple[Path, Outcome]) -> None:
        cube = tracked[1].results
        for encoder in cube["encoder"].values:
            for seed in cube["seed"].values:
                logged = child_of(tracked, encoder, seed).data.metrics
                cell = cube.sel(encoder=encoder, seed=seed, split="random")
                for metric in cube["metric"].values:
                    at = cell.sel(metric=metric)
                    np.testing.assert_equal(logged[f"holdout/{metric}"], float(at["value"]))
                    for side in ("low", "high", "random"):
                        np.testing.assert_equal(logged[f"holdout/{metric}_{side}"], float(at[side]))
                assert logged["seconds/fit"] == float(cell["seconds_fit"])
                assert logged["seconds/score"] == float(cell["seconds_score"])

    def test_training_curves_have_a_value_an_epoch(self, tracked: tuple[Path, Outcome]) -> None:
        runs, _ = tracked
        child = child_of(tracked, "autoencoder", 1)
        history = json.loads(read_cell(runs / "cells" / child.data.tags["cell"]).attrs["history"])
        for part in ("train", "validation"):
            curve = client_of(runs).get_metric_history(child.info.run_id, f"{part}/loss")
            assert [(m.step, m.value) for m in curve] == list(enumerate(history[f"{part}_loss"], 1))

    def test_params_are_the_flat_settings(self, tracked: tuple[Path, Outcome]) -> None:
        params = child_of(tracked, "autoencoder", 0).data.params
        assert params["encoder.name"] == "autoencoder"
        assert params["encoder.latent_dim"] == "2"
        assert params["encoder.hidden"] == "[8]"
        assert params["task.candidates.pattern"] == "M-M'-A"
        assert params["seed"] == "0"
        assert int(params["n_holdout"]) > 10

    def test_the_audit_is_a_tag_to_filter_by_and_numbers_to_sort_by(
        self, tracked: tuple[Path, Outcome]
    ) -> None:
        runs, outcome = tracked
        for encoder in outcome.results["encoder"].values:
            child = child_of(tracked, encoder, 0)
            cell = read_cell(runs / "cells" / child.data.tags["cell"])
            verdict, reasons, values = json.loads(cell.attrs["audit"])
            assert child.data.tags["audit"] == verdict
            assert child.data.tags["audit_reasons"] == "; ".join(reasons)
            logged = {k: v for k, v in child.data.metrics.items() if k.startswith("audit/")}
            assert logged == {f"audit/{name}": value for name, value in values.items()}
        weak = client_of(runs).search_runs([child.info.experiment_id], "tags.audit = 'weak'")
        assert "random_score" in {run.data.tags["encoder"] for run in weak}

    def test_a_quantity_that_is_no_number_is_not_logged(
        self, tracked: tuple[Path, Outcome]
    ) -> None:
        runs, outcome = tracked
        cell = read_cell(outcome.plan[0].folder(runs))
        values = {"kl": math.inf, "view_spread": math.nan, "additive_r2": 0.5}
        cell.attrs["audit"] = json.dumps(["weak", [], values])
        logged = {name for name in records._metrics(cell) if name.startswith("audit/")}
        assert logged == {"audit/additive_r2"}

    def test_long_and_odd_settings_are_made_to_fit(self) -> None:
        flat = tracking_client.flat({"a b@c": ["x" * 900], "d": [{"parameters": {"e": None}}]})
        assert flat["d.0.e"] == "null"
        assert len(flat["a b_c"]) == 500

    def test_the_data_set_is_an_input_with_its_digest(self, tracked: tuple[Path, Outcome]) -> None:
        runs, outcome = tracked
        for child in children_of(runs, outcome.tracked):
            (given,) = client_of(runs).get_run(child.info.run_id).inputs.dataset_inputs
            assert given.dataset.name == "oqmd_icsd"
            assert given.dataset.digest == outcome.results.attrs["dataset_digest"][:36]
            source = mlflow.data.get_source(given.dataset).to_dict()["tags"]
            assert "Kirklin" in source["citation"]
            assert source["licence"]
            assert {t.key: t.value for t in given.tags} == {"mlflow.data.context": "training"}

    def test_files_lie_beside_their_runs(self, tracked: tuple[Path, Outcome]) -> None:
        runs, outcome = tracked
        client = client_of(runs)

        def files(run_id: str, folder: str | None = None) -> set[str]:
            return {file.path for file in client.list_artifacts(run_id, folder)}

        child = child_of(tracked, "autoencoder", 0).info.run_id
        assert files(child) >= {"run.json", "ranking.csv", "encoder.ckpt", "representation.npz"}
        assert len(files(child, "figures")) >= 2
        own = {"experiment.yaml", "leaderboard.csv", "leaderboard.md", "results.nc", "figures"}
        assert files(outcome.tracked) >= own
        assert (runs / "artifacts").is_dir()

    def test_the_parent_shows_the_leaderboard_and_its_first_row(
        self, tracked: tuple[Path, Outcome]
    ) -> None:
        runs, outcome = tracked
        parent = client_of(runs).get_run(outcome.tracked).data
        best = leaderboard(outcome.results).iloc[0]
        assert parent.tags["winner"] == best["encoder"]
        assert parent.metrics["best/auroc"] == pytest.approx(best["auroc"])
        assert parent.metrics["best/auroc_low"] < parent.metrics["best/auroc"]
        assert "| encoder |" in parent.tags["mlflow.note.content"]

    def test_a_child_lasts_as_long_as_its_fit(self, tracked: tuple[Path, Outcome]) -> None:
        child = child_of(tracked, "autoencoder", 0)
        lasted = (child.info.end_time - child.info.start_time) / 1000
        measured = child.data.metrics["seconds/fit"] + child.data.metrics["seconds/score"]
        assert lasted == pytest.approx(measured, abs=0.01)


class TestNothingTwice:
    def test_a_repeated_benchmark_logs_nothing(
        self, tracked: tuple[Path, Outcome], experiment: Experiment
    ) -> None:
        runs, outcome = tracked
        before = sorted(run.info.run_id for run in all_runs(runs))
        again = tracked_benchmark(experiment, runs)
        assert again.tracked == outcome.tracked
        assert sorted(run.info.run_id for run in all_runs(runs)) == before
        models = client_of(runs).search_logged_models(
            [client_of(runs).get_run(outcome.tracked).info.experiment_id]
        )
        assert len(models) == 1

    def test_what_a_killed_process_left_is_caught_up(
        self,
        fresh: tuple[Path, Outcome],
        experiment: Experiment,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        runs, outcome = fresh
        monkeypatch.setattr(tracking_client, "METRICS_A_CALL", 7)  # limits of one call never show
        monkeypatch.setattr(tracking_client, "PARAMS_A_CALL", 3)

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            logged, log_path = [], tracking.log_path

            def until_the_third(client: MlflowClient, run_id: str, path: Path) -> None:
                logged.append(run_id)
                killed() if len(set(logged)) == 3 else log_path(client, run_id, path)

            patch.setattr(tracking, "log_path", until_the_third)
            with pytest.raises(KeyboardInterrupt):
                log(experiment, runs)
        (parent,) = (r for r in all_runs(runs) if r.data.tags["kind"] == "benchmark")
        children = children_of(runs, parent.info.run_id)
        assert parent.info.status == "KILLED"
        assert sorted(c.info.status for c in children) == ["FINISHED", "FINISHED", "RUNNING"]

        with monkeypatch.context() as patch:
            patch.setattr(winner, "log", killed)
            with pytest.raises(KeyboardInterrupt):
                log(experiment, runs)
        assert log(experiment, runs) == parent.info.run_id
        children = children_of(runs, parent.info.run_id)
        assert [c.info.status for c in children] == ["FINISHED"] * 6
        assert {c.data.tags["cell"] for c in children} == {run.digest for run in outcome.plan}
        finished = client_of(runs).get_run(parent.info.run_id)
        assert finished.info.status == "FINISHED"
        assert "winner_model" in finished.data.tags

    def test_a_deleted_child_is_logged_again(
        self, fresh: tuple[Path, Outcome], experiment: Experiment
    ) -> None:
        runs, _ = fresh
        parent = log(experiment, runs)
        client_of(runs).delete_run(children_of(runs, parent)[0].info.run_id)
        assert log(experiment, runs) == parent
        assert len(children_of(runs, parent)) == 6

    def test_a_deleted_task_is_restored(
        self, fresh: tuple[Path, Outcome], experiment: Experiment
    ) -> None:
        runs, _ = fresh
        parent = log(experiment, runs)
        client = client_of(runs)
        client.delete_experiment(client.get_run(parent).info.experiment_id)
        again = log(experiment, runs)
        assert len(children_of(runs, again)) == 6

    def test_another_experiment_has_its_own_parent(
        self, fresh: tuple[Path, Outcome], experiment: Experiment
    ) -> None:
        runs, _ = fresh
        one = log(experiment, runs)
        renamed = experiment.model_copy(update={"name": "other"})
        two = log(renamed, runs)
        assert one != two
        assert len(children_of(runs, two)) == 6

    def test_a_failure_stays_when_the_cell_succeeds_later(
        self, fresh: tuple[Path, Outcome], experiment: Experiment, tmp_path: Path
    ) -> None:
        runs, complete = fresh
        broken = complete.plan[0]
        shutil.move(broken.folder(runs), tmp_path / "later")
        cube = results.collect(experiment, complete.plan, runs)
        failed = dataclasses.replace(
            complete, results=cube, failures={broken.digest: "loss is nan\n" + "x" * 9000}
        )
        parent = log_failed(experiment, runs, failed)
        assert log_failed(experiment, runs, failed) == parent  # no second FAILED child
        children = children_of(runs, parent)
        (child,) = [c for c in children if c.info.status == "FAILED"]
        assert child.data.tags["cell"] == broken.digest
        assert child.data.tags["failure"].startswith("loss is nan")
        assert child.data.params["seed"] == str(broken.seed)
        assert len(children) == 6
        assert client_of(runs).get_run(parent).info.status == "FAILED"
        with pytest.raises(UserError, match="has ended as FAILED"):
            _ = recorded(child.info.run_id, runs).folder

        shutil.move(tmp_path / "later", broken.folder(runs))
        assert log(experiment, runs) == parent
        statuses = [c.info.status for c in children_of(runs, parent)]
        assert sorted(statuses) == ["FAILED", *["FINISHED"] * 6]
        assert client_of(runs).get_run(parent).info.status == "FINISHED"

    def test_a_benchmark_of_which_nothing_finished_is_a_failed_run(
        self, fresh: tuple[Path, Outcome], experiment: Experiment
    ) -> None:
        runs, outcome = fresh
        shutil.rmtree(runs / "cells")
        causes = {run.digest: "no luck" for run in outcome.plan}
        nothing = Outcome(None, outcome.folder, outcome.plan, causes)
        parent = log_failed(experiment, runs, nothing)
        assert client_of(runs).get_run(parent).info.status == "FAILED"
        assert {c.info.status for c in children_of(runs, parent)} == {"FAILED"}

    def test_a_benchmark_that_fails_whole_is_tracked(self, tmp_path: Path) -> None:
        diverging = {"name": "autoencoder", "optimiser": "sgd", "learning_rate": 0.1, "epochs": 3}
        content = {**CONTENT, "encoders": [diverging], "seeds": [0]}
        outcome = tracked_benchmark(experiment_from(content, "test"), tmp_path)
        assert outcome.results is None
        (child,) = children_of(tmp_path, outcome.tracked)
        assert child.info.status == "FAILED"
        assert "no longer finite" in child.data.tags["failure"]


class TestTheWinner:
    def test_it_scores_in_a_fresh_process_as_the_cell_did(
        self, tracked: tuple[Path, Outcome], tmp_path: Path
    ) -> None:
        runs, outcome = tracked
        tags = client_of(runs).get_run(outcome.tracked).data.tags
        cell = read_cell(runs / "cells" / tags["winner_cell"])
        names = [str(name) for name in outcome.results["candidate"].values[:5]]
        code = (
            "import sys, mlflow\n"
            f"model = mlflow.pyfunc.load_model({tags['winner_model']!r})\n"
            f"print(model.predict({names!r}))\n"
            "print(model.predict(['LiCoO2', 'O Co Li', 'Li-Co-O']))\n"
            "try:\n    model.predict(['NaCl'])\nexcept Exception as error:\n    print(error)\n"
        )
        environment = {**os.environ, "MLFLOW_TRACKING_URI": store_uri(runs)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        scores, formula, message = done.stdout.strip().splitlines()
        np.testing.assert_allclose(json.loads(scores), cell["score"].values[:5], rtol=1e-6)
        assert len(set(json.loads(formula))) == 1
        assert "NaCl" in message
        assert "elements" in message
        assert not list(tmp_path.iterdir())  # no stray mlruns

    def test_its_files_run_no_pickle(self, tracked: tuple[Path, Outcome]) -> None:
        runs, _ = tracked
        (model,) = (runs / "artifacts").glob("*/models/*/artifacts")
        assert not [path for path in model.rglob("*") if path.suffix in (".pkl", ".pickle")]
        assert {p.name for p in (model / "artifacts" / "run").iterdir()} >= {"run.json"}


class TestArtifacts:
    def test_a_cell_comes_back_able_to_score(self, tracked: tuple[Path, Outcome]) -> None:
        runs, outcome = tracked
        child = child_of(tracked, "autoencoder", 0)
        cell = read_cell(runs / "cells" / child.data.tags["cell"])
        for _ in range(2):  # downloaded, then from the copy
            saved = SavedRun.open(recorded(child.info.run_id, runs).folder)
            scores = saved.score(list(outcome.results["candidate"].values[:5]))
            np.testing.assert_allclose(scores, cell["score"].values[:5], rtol=1e-5)

    def test_a_run_of_the_store_can_be_audited(self, tracked: tuple[Path, Outcome]) -> None:
        child = child_of(tracked, "element_frequency", 0)
        assert audit(child.info.run_id, runs=tracked[0]).verdict == child.data.tags["audit"]

    @pytest.mark.parametrize("run_id", ["0" * 32, "nonsense", "../cells"])
    def test_an_unknown_run_is_named(self, tracked: tuple[Path, Outcome], run_id: str) -> None:
        with pytest.raises(UserError, match=f"'{run_id}' is not a run"):
            _ = recorded(run_id, tracked[0]).folder

    def test_a_benchmark_is_no_cell(self, tracked: tuple[Path, Outcome]) -> None:
        with pytest.raises(UserError, match="is a benchmark; give a finished child"):
            recorded(tracked[1].tracked, tracked[0])

    def test_a_folder_without_store_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="nothing is tracked"):
            _ = recorded("0" * 32, tmp_path).folder
        assert not list(tmp_path.iterdir())


class TestAStoreThatFails:
    def test_a_store_that_dies_later_leaves_the_results(
        self, fresh: tuple[Path, Outcome], experiment: Experiment
    ) -> None:
        runs, _ = fresh
        (runs / "artifacts").write_text("in the way")
        with pytest.raises(UserError, match=r"results are kept in .*tiny; run again"):
            log(experiment, runs)
        (runs / "artifacts").unlink()
        parent = log(experiment, runs)
        assert [c.info.status for c in children_of(runs, parent)] == ["FINISHED"] * 6


class TestTheInterface:
    def test_it_serves_logs_and_ends(
        self,
        fresh: tuple[Path, Outcome],
        experiment: Experiment,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """One server for all of it: a start takes 5 s."""
        runs, _ = fresh
        parent = log(experiment, runs)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        code = (
            "import sys\nfrom pathlib import Path\nfrom framework.tracking import ui\n"
            f"sys.exit(ui.serve_ui(Path({str(runs)!r}), {port}))"
        )
        served = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            assert _status(address) == 200
            with pytest.raises(UserError, match=f"port {port} cannot be used"):
                serve_ui(runs, port)
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            MlflowTracker(runs).require()
            client_of(runs).delete_run(children_of(runs, parent)[0].info.run_id)
            assert log(experiment, runs) == parent  # over HTTP
            assert len(children_of(runs, parent)) == 6
            assert capfd.readouterr() == ("", "")
            child = children_of(runs, parent)[0]
            assert (recorded(child.info.run_id, runs).folder / "run.json").exists()
            with pytest.raises(UserError, match=f"open {address}"):
                ui_command(runs, port)
        finally:
            os.killpg(served.pid, signal.SIGINT)  # Ctrl+C in a terminal
            output, complaints = served.communicate(timeout=20)
        assert address in output
        assert "Traceback" not in complaints
        assert served.returncode == 0
        with socket.create_server(("127.0.0.1", port)):  # nothing is left behind on it
            pass


def _status(address: str, patience: float = 60) -> int:
    give_up = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
