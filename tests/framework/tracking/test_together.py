"""Several commands on one store, commands that are killed, and a store whose folder was moved."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
import yaml
from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

from framework.base.errors import UserError
from framework.benchmark import records
from framework.benchmark.benchmark import benchmark
from framework.commands.benchmark import benchmark as tracked_benchmark
from framework.config.experiment import Experiment, experiment_from
from framework.contracts.tracker import Piece, Record
from framework.runs.plan import plan
from framework.search.tuning import outcome
from framework.tracking import runs as logged_runs
from framework.tracking.recorded import recorded
from framework.tracking.store import store_uri
from framework.tracking.tracker import MlflowTracker, MlflowWork
from tests.conftest import PHASEZOO, phasezoo, tiny
from tests.postgresql import missing, postgresql

pytestmark = pytest.mark.usefixtures("blank_figures")

ENCODERS = ["element_frequency", "input_norm", "pca"]


@pytest.fixture(autouse=True)
def _default_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def runs(desk: Path, blank_store: Path) -> Path:
    """A folder of results with an empty store."""
    folder = desk / "runs"
    folder.mkdir()
    shutil.copy(blank_store, folder)
    return folder


def content(folder: Path, name: str = "t", encoders: list | None = None) -> dict:
    data = {"name": "file", "path": str(folder / "sets.txt")}
    return tiny(name=name, dataset=data, encoders=encoders or ENCODERS)


def experiment(folder: Path, **changes: object) -> Experiment:
    return experiment_from(content(folder, **changes), "t")


def found(runs: Path, kind: str, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
    client = MlflowClient(store_uri(runs))
    where = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(where, f"tags.kind = '{kind}'", view))


def start(folder: Path, wanted: dict, **changes: str) -> subprocess.Popen[str]:
    """`phasezoo benchmark` as a process of its own."""
    path = folder / f"{wanted['name']}.yaml"
    path.write_text(yaml.safe_dump(wanted), encoding="utf-8")
    return subprocess.Popen(
        [PHASEZOO, "benchmark", str(path), "--runs", str(folder / "runs")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | changes,
    )  # fmt: skip


def all_end_well(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, out + err
        assert "Traceback" not in err


class TestAtTheSameMoment:
    @pytest.mark.slow
    def test_commands_make_one_fresh_store_together(self, desk: Path) -> None:
        """As processes, and without a store before."""
        wanted = [content(desk, name, ENCODERS[:2]) for name in ("one", "two", "one")]
        all_end_well(*[start(desk, each) for each in wanted])
        cells = Counter(run.data.tags["study"] for run in found(desk / "runs", "cell"))
        assert cells == {"one": 2, "two": 2}
        assert {run.info.status for run in found(desk / "runs", "cell")} == {"FINISHED"}
        parents = found(desk / "runs", "benchmark")
        assert sorted(run.data.tags["study"] for run in parents) == ["one", "two"]
        assert {run.info.status for run in parents} == {"FINISHED"}
        assert not list((desk / "runs").glob(".*.db"))

    @pytest.mark.slow
    @pytest.mark.skipif(bool(missing()), reason=missing())
    def test_commands_make_one_fresh_store_on_postgresql_together(self, desk: Path) -> None:
        with postgresql() as server:
            address = {"MLFLOW_TRACKING_URI": server.create("fresh")}
            code = (
                "from pathlib import Path\n"
                "from framework.tracking.tracker import MlflowTracker\n"
                "MlflowTracker(Path('runs')).require()"
            )
            together = [
                subprocess.Popen(
                    [sys.executable, "-c", code],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                    env=os.environ | address,
                )
                for _ in range(3)
            ]  # fmt: skip
            all_end_well(*together)

    def test_a_store_that_is_made_is_there_whole_or_not_at_all(
        self, desk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "search_experiments", killed)
            with pytest.raises(KeyboardInterrupt):
                MlflowTracker(desk / "runs").require()
        assert not (desk / "runs" / "mlflow.db").exists()

    def test_of_two_that_make_a_store_the_first_stands(
        self, desk: Path, blank_store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        search = MlflowClient.search_experiments

        def overtaken(client: MlflowClient, **given: object) -> object:
            shutil.copy(blank_store, desk / "runs" / "mlflow.db")
            (desk / "runs" / "mlflow.db").touch()
            return search(client, **given)

        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "search_experiments", overtaken)
            MlflowTracker(desk / "runs").require()
        assert [p.name for p in (desk / "runs").glob("*mlflow*")] == ["mlflow.db"]

    def test_two_benchmarks_lose_nothing_of_each_other(self, runs: Path, desk: Path) -> None:
        """A second command begins and ends while a child of the first one is open."""
        wanted = experiment(desk)
        outcome = benchmark(wanted, runs, progress=False)
        work = records.work_of(wanted, outcome.plan, outcome.folder)
        first = MlflowTracker(runs).begin(work)
        half = _open_child(first, owner={"pid": os.getppid()}, cell=outcome.plan[0].digest)
        second = tracked_benchmark(wanted, runs, progress=False)
        assert second.tracked == first.key
        children = {run.info.run_id: run.info.status for run in found(runs, "cell")}
        assert children.pop(half) == "RUNNING"
        assert list(children.values()) == ["FINISHED"] * 2

    @pytest.mark.parametrize("by", ["a dead process", "this process, whose store failed", "old"])
    def test_a_child_that_nobody_works_on_is_logged_anew(
        self, runs: Path, desk: Path, by: str
    ) -> None:
        owner = {"a dead process": {"pid": 2**22 + 1}, "old": None}.get(by, {})
        wanted = experiment(desk)
        outcome = benchmark(wanted, runs, progress=False)
        work = records.work_of(wanted, outcome.plan, outcome.folder)
        first = MlflowTracker(runs).begin(work)
        half = _open_child(first, owner=owner, cell=outcome.plan[0].digest)
        tracked_benchmark(wanted, runs, progress=False)
        children = {run.info.run_id: run.info.status for run in found(runs, "cell")}
        assert half not in children
        assert list(children.values()) == ["FINISHED"] * 3

    def test_a_child_of_another_machine_is_left_alone_for_a_while(
        self, runs: Path, desk: Path
    ) -> None:
        for age, left in ((0, False), (logged_runs.LONGEST_OPEN + 1, True)):
            tag = {"host": "elsewhere", "pid": 1, "started": 0, "at": time.time() - age}
            child = _FakeChild("RUNNING", {"logged_by": json.dumps(tag)})
            assert logged_runs.left_behind(child) is left

    def test_of_children_of_one_run_one_stays(
        self, runs: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = experiment(desk)
        outcome = benchmark(wanted, runs, progress=False)
        work = records.work_of(wanted, outcome.plan, outcome.folder)
        with monkeypatch.context() as patch:
            patch.setattr(MlflowWork, "_children", lambda *_: [])  # neither sees the other
            for tracked in [MlflowTracker(runs).begin(work) for _ in range(2)]:
                for run in outcome.plan:
                    tracked.ended(records.cell_of(run, runs))
        assert len(found(runs, "cell")) == 6
        tracked_benchmark(wanted, runs, progress=False)
        assert len(found(runs, "cell")) == 3


class _FakeChild:
    def __init__(self, status: str, tags: dict[str, str]) -> None:
        self.info = type("Info", (), {"status": status})
        self.data = type("Data", (), {"tags": tags})


def _open_child(work: MlflowWork, owner: dict | None, cell: str) -> str:
    """A child in the middle of being logged, by a process that differs from this one in some
    things; by one that did not sign it where None."""
    run_id = work._begin(_piece(cell), Record({}), "")
    if owner is None:
        work.client.delete_tag(run_id, "logged_by")
        return run_id
    tag = json.loads(work.client.get_run(run_id).data.tags["logged_by"])
    if "pid" in owner and psutil.pid_exists(owner["pid"]):
        owner = {**owner, "started": psutil.Process(owner["pid"]).create_time()}
    work.client.set_tag(run_id, "logged_by", json.dumps(tag | owner))
    return run_id


def _piece(cell: str) -> Piece:
    return Piece("cell", cell, "half", {}, record=lambda: Record({}))


class TestWhileItRuns:
    def test_a_run_is_in_the_store_as_soon_as_it_has_ended(
        self, runs: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        states: list[tuple[str, Counter]] = []
        log = MlflowWork.ended

        def looked(work: MlflowWork, piece: Piece) -> None:
            log(work, piece)
            (parent,) = found(runs, "benchmark")
            states.append((parent.info.status, Counter(r.info.status for r in found(runs, "cell"))))

        monkeypatch.setattr(MlflowWork, "ended", looked)
        tracked_benchmark(experiment(desk), runs, progress=False)
        assert states == [("RUNNING", {"FINISHED": n}) for n in (1, 2, 3)]
        (parent,) = found(runs, "benchmark")
        assert parent.info.status == "FINISHED"

    @pytest.mark.slow
    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
    def test_a_killed_benchmark_goes_on_in_the_same_parent(
        self, runs: Path, desk: Path, end: signal.Signals
    ) -> None:
        long_fit = {"name": "autoencoder", "epochs": 1000}
        wanted = content(desk, encoders=[*ENCODERS, long_fit])
        process = start(desk, wanted)

        def n_logged() -> int:  # one that is still being logged would be logged anew
            return sum(run.info.status == "FINISHED" for run in found(runs, "cell"))

        while n_logged() < 3 and process.poll() is None:
            time.sleep(0.2)
        process.send_signal(end)
        process.communicate(timeout=60)
        (parent,) = found(runs, "benchmark")
        before = {run.info.run_id for run in found(runs, "cell")}
        assert len(before) == 3
        assert parent.info.status == ("RUNNING" if end == signal.SIGKILL else "KILLED")
        all_end_well(start(desk, wanted))
        (again,) = found(runs, "benchmark")
        assert (again.info.run_id, again.info.status) == (parent.info.run_id, "FINISHED")
        cells = found(runs, "cell")
        assert before < {run.info.run_id for run in cells} and len(cells) == 4
        assert {run.info.status for run in cells} == {"FINISHED"}


class TestAMovedFolder:
    @pytest.fixture
    def moved(self, runs: Path, desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A tracked benchmark, moved to a folder whose name is hard on addresses."""
        tracked_benchmark(experiment(desk), runs, progress=False)
        there = tmp_path_factory.mktemp("moved") / "my runs #ü" / "runs"
        there.parent.mkdir()
        shutil.move(runs, there)
        return there

    def test_the_same_command_finds_everything_again(self, moved: Path, desk: Path) -> None:
        ids = {run.info.run_id for run in found(moved, "cell")}
        outcome = tracked_benchmark(experiment(desk), moved, progress=False)
        assert not outcome.computed
        assert {run.info.run_id for run in found(moved, "cell")} == ids
        client = MlflowClient(store_uri(moved))
        for run in [*found(moved, "cell"), *found(moved, "benchmark")]:
            assert run.info.artifact_uri.startswith(moved.as_uri())
            assert client.list_artifacts(run.info.run_id)
        (parent,) = found(moved, "benchmark")
        model = client.get_logged_model(parent.data.tags["winner_model"].removeprefix("models:/"))
        assert model.artifact_location.startswith(moved.as_uri())
        assert (desk / "runs").exists() is False

    def test_a_run_is_fetched_from_where_it_is_now(self, moved: Path) -> None:
        folder = recorded(found(moved, "cell")[0].info.run_id, moved).folder
        assert (folder / "run.json").exists()

    def test_a_new_work_lies_beside_the_old_ones(self, moved: Path, desk: Path) -> None:
        tracked_benchmark(experiment(desk, name="later"), moved, progress=False)
        assert not (desk / "runs").exists()
        later = [r for r in found(moved, "cell") if r.data.tags["study"] == "later"]
        assert {r.info.artifact_uri.startswith(moved.as_uri()) for r in later} == {True}

    def test_a_copy_and_its_original_keep_their_own_files(
        self, runs: Path, desk: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        tracked_benchmark(experiment(desk), runs, progress=False)
        copy = tmp_path_factory.mktemp("copy") / "runs"
        shutil.copytree(runs, copy)
        for each in (copy, runs):
            tracked_benchmark(experiment(desk), each, progress=False)
            for run in found(each, "cell"):
                assert run.info.artifact_uri.startswith(each.as_uri())

    def test_a_store_without_its_files_still_points_to_them(
        self, runs: Path, desk: Path, tmp_path: Path
    ) -> None:
        tracked_benchmark(experiment(desk), runs, progress=False)
        alone = tmp_path / "alone"
        alone.mkdir()
        shutil.copy(runs / "mlflow.db", alone)
        run = found(alone, "cell")[0].info
        assert (recorded(run.run_id, alone).folder / "run.json").exists()
        assert run.artifact_uri.startswith(runs.as_uri())


class TestWhatCannotBeServed:
    @pytest.fixture
    def table(self, desk: Path) -> dict:
        metals, anions = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Al"), ("O", "S", "F")
        formulas = [f"{one}{n}{two}" for one in metals for two in anions for n in (1, 2, 3)]
        rows = [f"{formula},{i % 7}" for i, formula in enumerate(formulas)]
        (desk / "t.csv").write_text("\n".join(["formula,gap", *rows]) + "\n")
        return {
            "name": "p",
            "dataset": {"name": "file", "path": str(desk / "t.csv")},
            "task": {"name": "property", "properties": ["gap"], "labels": [20]},
            "metrics": ["gap/20/mae"],
            "splits": ["random"],
            "seeds": [0],
            "encoders": ["descriptors"],
            "resamples": 100,
        }

    def test_the_winner_of_a_property_is_not_served_as_plausibility(
        self, runs: Path, table: dict
    ) -> None:
        tracked_benchmark(experiment_from(table, "p"), runs, progress=False)
        (parent,) = found(runs, "benchmark")
        assert parent.data.tags["winner"] == "descriptors"
        assert parent.data.tags["winner_model"].startswith("not logged: ")
        assert "task 'property'" in parent.data.tags["winner_model"]
        where = [parent.info.experiment_id]
        assert not MlflowClient(store_uri(runs)).search_logged_models(where)


class TestRegistering:
    @pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "..", "x" * 300, "a\nb"])
    def test_a_name_that_mlflow_refuses_is_told_before_anything_is_computed(
        self, runs: Path, desk: Path, name: str
    ) -> None:
        path = desk / "t.yaml"
        wanted = content(desk, encoders=["pca"]) | {"validation_fraction": 0.3}
        path.write_text(yaml.safe_dump(wanted | {"tuning": {"trials": 2}}), encoding="utf-8")
        said = phasezoo("tune", path, "--runs", runs, "--register", name)
        assert said.message.startswith("--register '")
        assert "give a name such as" in said.message
        assert not list(runs.rglob("study.journal"))

    def test_a_winner_that_is_worse_than_the_defaults_is_not_registered(
        self, runs: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        below = {"difference": -0.2, "difference_low": -0.3, "difference_high": -0.1}
        monkeypatch.setattr(outcome, "difference", lambda *_: {**below, "verdict": "below"})
        path = desk / "t.yaml"
        wanted = content(desk, encoders=["pca"]) | {"validation_fraction": 0.3}
        path.write_text(yaml.safe_dump(wanted | {"tuning": {"trials": 2}}), encoding="utf-8")
        message = phasezoo("tune", path, "--runs", runs, "--register", "w").message
        assert message.startswith("--register w: not registered, because the tuned settings are")
        assert "auroc: tuned - default = -0.200 [-0.300, -0.100]" in message
        assert not MlflowClient(store_uri(runs)).search_registered_models()
        (study,) = found(runs, "study")
        assert study.info.status == "FINISHED"
        assert "winner_model" in study.data.tags
        assert phasezoo("tune", path, "--runs", runs).code == 0

    def test_nothing_is_registered_of_a_task_whose_winner_cannot_be_served(
        self, runs: Path, desk: Path
    ) -> None:
        wanted = experiment(desk)
        work = records.work_of(wanted, plan(wanted), desk)
        work = dataclasses.replace(work, unservable="not logged: why")
        with pytest.raises(UserError, match=r"--register w: there would be no model .*why"):
            MlflowTracker(runs, register="w").begin(work)
