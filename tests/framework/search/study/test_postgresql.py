"""Study and MLflow store on a real PostgreSQL: many work, everything counts once, and it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from optuna.trial import FrozenTrial

from framework.base.databases import with_driver
from framework.config.experiment import read_experiment
from framework.execution.processes import Processes
from framework.search.study.study import open_study
from framework.search.study.trials import ended, given_up
from framework.search.study.work import work
from framework.search.tuning.plan import plan_tuning
from framework.search.workers import work_through
from framework.tracking.tracker import MlflowTracker
from tests.conftest import PHASEZOO, REPORTED, Said, phasezoo, tiny, write_yaml
from tests.framework.search.killed import STARTER, DiesOnce, height, planned, sequence
from tests.postgresql import Server, missing, postgresql

psycopg2 = pytest.importorskip("psycopg2")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

N_TRIALS = 12


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def store(server: Server) -> str:
    """MLflow's database: its tables take seconds to make, so the tests share it."""
    url = server.create("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", url)
        MlflowTracker(Path()).require()
    return url


@dataclass(frozen=True)
class Desk:
    """A study of a test: its file, the address of its database, and that of MLflow's."""

    experiment: Path
    studies: str
    store: str

    def command(self, *options: object) -> list[str]:
        given = ["tune", self.experiment, "--storage", self.studies, *options]
        return [str(each) for each in given]

    def begun(self, *options: object) -> subprocess.Popen:
        """The command as a process of its own."""
        return subprocess.Popen(
            [PHASEZOO, *self.command(*options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def trials(self) -> list[tuple[int, FrozenTrial]]:
        """Slot and trial of what counts."""
        wanted = read_experiment(self.experiment)
        search = plan_tuning(wanted, Path("runs"), storage=self.studies)
        return ended(open_study(search.study))

    def logged(self, kind: str) -> list[Run]:
        client = MlflowClient(with_driver(self.store))
        where = [each.experiment_id for each in client.search_experiments()]
        mine = f"tags.kind = '{kind}' and tags.study LIKE '{self.experiment.stem}%'"
        return list(client.search_runs(where, mine))


def require_whole(desk: Desk) -> None:
    """Every slot counted once, every trial and every run logged once; nothing left open."""
    trials = desk.trials()
    assert [place for place, _ in trials] == list(range(N_TRIALS))
    expected = {
        (str(trial.number), str(place), f"{own['host']}:{own['pid']}", "FINISHED")
        for place, trial in trials
        for own in [trial.user_attrs["owner"]]
    }
    children = desk.logged("trial")
    names = ("trial", "slot", "worker")
    shown = [(*(child.data.tags[n] for n in names), child.info.status) for child in children]
    assert len(shown) == N_TRIALS
    assert set(shown) == expected
    (study,), (final,) = desk.logged("study"), desk.logged("benchmark")
    assert {study.info.status, final.info.status} == {"FINISHED"}
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {study.info.run_id}
    assert final.data.tags["mlflow.parentRunId"] == study.info.run_id
    cells = [cell.data.tags["cell"] for cell in desk.logged("cell")]
    assert len(cells) == len(set(cells)) > 0


@pytest.fixture
def desk(server: Server, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A new study in a new database, logged to the common MLflow."""
    monkeypatch.chdir(tmp_path)
    Path("sets.txt").write_text("\n".join(REPORTED) + "\n", encoding="utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    name = f"test{time.monotonic_ns()}"
    own = {"trials": N_TRIALS, "sampler": "random", "pruner": "none"}
    content = tiny(encoders=["pair_cooccurrence"], validation_fraction=0.3, tuning=own)
    return Desk(write_yaml(content, f"{name}.yaml"), server.create(name), store)


def said(process: subprocess.Popen) -> Said:
    out, err = process.communicate(timeout=300)
    return Said(process.returncode, out, err)


@contextmanager
def held_back(desk: Desk) -> Iterator[Callable[[], int]]:
    """Nobody can begin or end a trial meanwhile; gives how many processes wait for that."""
    with closing(psycopg2.connect(desk.studies)) as holding, holding.cursor() as holder:
        holder.execute("LOCK TABLE trials IN SHARE MODE")
        yield lambda: _asked(
            desk,
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < give_up, "it does not come"
        time.sleep(0.05)


def _asked(desk: Desk, question: str) -> int:
    with closing(psycopg2.connect(desk.studies)) as database, database.cursor() as cursor:
        cursor.execute(question)
        return int(cursor.fetchone()[0])


def test_four_workers_share_a_study(desk: Desk) -> None:
    desk.trials()  # makes the tables
    with ThreadPoolExecutor(1) as aside:
        with held_back(desk) as waiting:
            command = aside.submit(phasezoo, *desk.command("--workers", 4))
            until(lambda: waiting() == 4)
        done = command.result()
    assert done.code == 0, done.err
    require_whole(desk)
    worked = Counter(trial.user_attrs["owner"]["pid"] for _, trial in desk.trials())
    assert len(worked) == 4
    assert os.getpid() not in worked


def test_two_commands_with_two_workers_each_share_a_study(desk: Desk) -> None:
    """All four begin at one moment; both commands log, one scores the winner."""
    desk.trials()
    model = desk.experiment.stem
    with held_back(desk) as waiting:
        commands = [desk.begun("--workers", 2, "--register", model) for _ in range(2)]
        until(lambda: waiting() == 4)
    for done in [said(command) for command in commands]:
        assert done.code == 0, done.err
        assert f"{N_TRIALS} finished" in done.out
    require_whole(desk)
    pids = {command.pid for command in commands}
    assert {trial.user_attrs["owner"]["command"] for _, trial in desk.trials()} == pids
    by = {json.loads(child.data.tags["logged_by"])["pid"] for child in desk.logged("trial")}
    assert by == pids
    client = MlflowClient(with_driver(desk.store))
    assert len(client.search_model_versions(f"name = '{model}'")) == 1


def test_processes_that_find_a_database_without_tables_make_them_once(
    server: Server, tmp_path: Path
) -> None:
    plan = planned(tmp_path, storage=server.create("empty"), trials=8)
    processes = [STARTER.Process(target=work, args=(plan, height)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert [place for place, *_ in sequence(plan)] == list(range(8))


def test_one_of_four_workers_is_killed_and_the_others_go_on(server: Server, tmp_path: Path) -> None:
    plan = planned(tmp_path, storage=server.create("killed"), trials=12)
    study = open_study(plan)
    work_through(plan, DiesOnce(tmp_path, 4), study, Processes(4))
    assert [place for place, *_ in sequence(plan)] == list(range(12))
    lost = [t.user_attrs["owner"]["pid"] for t in study.trials if given_up(t) and t.params]
    workers = Counter(trial.user_attrs["owner"]["pid"] for _, trial in ended(study))
    assert len(lost) == 1
    assert lost[0] not in workers
    assert 3 <= len(workers) <= 4, "three are left, and one may have come for the one that is lost"


def test_a_server_that_stops_is_one_message_and_the_command_goes_on(
    server: Server, desk: Desk
) -> None:
    """Storage and MLflow's store go at once, while two workers are within their trials."""
    desk.trials()
    command = desk.begun("--workers", 2)
    try:
        until(lambda: _stopped_after(2, server, desk))
        message = said(command).message
    finally:
        command.kill()
        server.start()
    assert "study storage postgresql://127.0.0.1" in message
    assert "finished trials are kept" in message
    before = desk.trials()
    assert 2 <= len(before) < N_TRIALS
    done = phasezoo(*desk.command())
    assert done.code == 0, done.err
    require_whole(desk)
    kept = {trial.number: trial.values for _, trial in desk.trials()}
    assert {trial.number: trial.values for _, trial in before}.items() <= kept.items()


def _stopped_after(number: int, server: Server, desk: Desk) -> bool:
    """Stop the server while two workers are within it, if so many trials are finished."""
    with suppress(psycopg2.OperationalError), held_back(desk) as waiting:
        if _asked(desk, "SELECT count(*) FROM trials WHERE state = 'COMPLETE'") >= number:
            until(lambda: waiting() == 2)
            server.stop()
            return True
    return False
