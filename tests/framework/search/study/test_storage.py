"""A storage that fails ends in one message, destroys nothing, and goes on once it is mended."""

import json
import resource
import shutil
import socket
import sqlite3
import subprocess
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from framework.base.errors import UserError
from framework.config.experiment import experiment_from
from framework.search.study.study import open_study
from framework.search.study.work import work
from framework.search.tuning.plan import plan_tuning
from framework.search.tuning.trial import FitTrial
from tests.conftest import phasezoo, tiny, write_yaml
from tests.framework.search.killed import curve, in_process, planned, sequence

CONTENT = tiny(
    encoders=["pair_cooccurrence"],
    validation_fraction=0.3,
    tuning={"trials": 3, "sampler": "random"},
)


def tune(*options: object):
    """The command on the tiny experiment, without MLflow."""
    return phasezoo("tune", write_yaml(CONTENT), "--no-track", *options)


def searched(trials: int = 3, storage: str | None = None) -> list[tuple]:
    """What the command does before it scores the winner, which takes seconds: the trials alone."""
    experiment = experiment_from({"name": "tiny", **CONTENT}, "tiny.yaml")
    search = plan_tuning(experiment, Path("runs"), trials=trials, storage=storage)
    work(search.study, FitTrial(search))
    return sequence(search.study)


class TestUnusable:
    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("nonsense://somewhere/x", "Can't load plugin"),
            ("mysql://user:secret@127.0.0.1:1/x", "cannot be used"),
            ("postgresql://user:secret@127.0.0.1:1/x", "Connection refused"),
            ("postgresql://user:secret@host:port/x", "is not a valid address"),
            ("sqlite:////proc/no/such/study.db", "unable to open database file"),
            ("sqlite://", "database in memory"),
            ("sqlite:///:memory:", "database in memory"),
            ("sets.txt/study.journal", "cannot be used"),
            ("runs", "cannot be used"),
            ("sets.txt", "not the journal of a study"),
            ("sqlite:///sets.txt", "not a database"),
        ],
    )
    def test_a_storage_that_cannot_be_is_refused(self, desk, url, told):
        Path("runs").mkdir()
        before = Path("sets.txt").read_bytes()
        message = tune("--storage", url).message
        assert told in message
        assert "secret" not in message
        assert Path("sets.txt").read_bytes() == before
        assert not Path("runs/cells").exists()

    def test_a_database_given_as_a_file_is_left_as_it_is(self, desk):
        searched(storage="sqlite:///study.db")
        before = Path("study.db").read_bytes()
        assert "sqlite:///FILE" in tune("--storage", "study.db").message
        assert Path("study.db").read_bytes() == before

    def test_a_host_that_never_answers_is_not_waited_for(self, desk):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
            port = deaf.getsockname()[1]
            with closing(socket.create_connection(("127.0.0.1", port))):  # the queue is full
                message = tune("--storage", f"postgresql://u@127.0.0.1:{port}/x").message
        assert f"127.0.0.1:{port}/x: cannot be used" in message

    def test_a_study_of_a_newer_optuna_is_refused(self, desk):
        searched(storage="sqlite:///study.db")
        with closing(sqlite3.connect("study.db")) as database:
            database.execute("UPDATE version_info SET schema_version = 99")
            database.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
            database.commit()
        assert "study.db: cannot be used" in tune("--storage", "sqlite:///study.db").message


class TestDamagedJournal:
    @pytest.fixture
    def journal(self, desk) -> Path:
        searched()
        return Path("runs/tiny/tuning/pair_cooccurrence/study.journal")

    @pytest.mark.parametrize(
        "damage",
        [b'{"op_code":4,"worker', b"not JSON", b"\xff\xfe\x00", b"[]", b"{}", b"7", b"\0" * 50],
    )
    def test_a_line_in_the_middle_is_named_and_left(self, journal, damage):
        lines = journal.read_bytes().splitlines()
        whole = journal.read_bytes()
        damaged = b"\n".join([*lines[:5], damage, *lines[5:]]) + b"\n"
        before = searched()
        journal.write_bytes(damaged)
        assert f"{journal}: line 6 is damaged" in tune("--trials", 4).message
        assert journal.read_bytes() == damaged
        journal.write_bytes(whole)  # what the message says: take the line out
        assert searched(4)[:3] == before

    def test_a_line_that_does_not_fit_is_told(self, journal):
        damaged = journal.read_bytes() + b'{"op_code":4}\n'
        journal.write_bytes(damaged)
        assert f"{journal}: a line does not fit the others (KeyError)" in tune().message
        assert journal.read_bytes() == damaged

    @pytest.mark.parametrize("torn", [b'{"op_code":6,"worker_id":"12', b"{", b"\0\0\0\0"])
    def test_a_torn_last_line_is_put_aside(self, journal, torn):
        before = searched()
        with journal.open("ab") as file:
            file.write(torn)
        assert searched() == before  # nothing to write: nothing is touched
        assert journal.read_bytes().endswith(torn)
        assert searched(5)[:3] == before
        assert journal.with_name("study.journal.torn").read_bytes() == torn + b"\n"
        assert all(json.loads(line) for line in journal.read_bytes().splitlines())

    def test_a_line_torn_while_others_write_is_put_aside(self, tmp_path):
        """A worker dies within a line, and another one writes on without opening anew."""
        plan = planned(tmp_path, trials=4)
        journal = tmp_path / "study.journal"

        def torn(trial, params):
            if trial.number == 2:
                with journal.open("ab") as file:
                    file.write(b'{"op_code":8,"work')
            return curve(trial, params)

        work(plan, torn)
        whole = planned(tmp_path / "whole", trials=4)
        work(whole, curve)
        assert sequence(plan) == sequence(whole)

    def test_an_empty_journal_is_a_new_study(self, journal):
        before = searched()
        journal.write_bytes(b"")
        assert searched() == before

    def test_a_journal_of_optuna_itself_can_be_read(self, tmp_path):
        """And the other way round: the dashboard reads ours."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        plan = planned(tmp_path)
        work(plan, curve)
        backend = JournalFileBackend(plan.storage)
        theirs = optuna.load_study(study_name="s", storage=JournalStorage(backend))
        assert [t.values for t in theirs.trials] == [t.values for t in open_study(plan).trials]


class TestFullDisk:
    @pytest.mark.parametrize("room", [0, 1, 60, 400, 1500, 4000])
    def test_a_file_that_can_grow_no_more_ends_in_a_message(self, tmp_path, room):
        whole = planned(tmp_path / "whole", trials=12)
        work(whole, curve)
        plan = planned(tmp_path / "full", trials=4)
        work(plan, curve)
        size = Path(plan.storage).stat().st_size
        more = planned(tmp_path / "full", trials=12)
        assert in_process(_limited, more, size + room, str(tmp_path / "told")) == 0
        told = (tmp_path / "told").read_text()
        assert told.startswith(f"study storage {plan.storage}: cannot be used ([Errno 27]")
        content = Path(plan.storage).read_bytes()
        assert len(content) <= size + room
        assert all(json.loads(line) for line in content.splitlines())
        work(more, curve)
        assert sequence(more) == sequence(whole)

    def test_the_command_on_a_full_disk_goes_on_when_there_is_room(self, desk):
        with _mounted(Path("small"), "-t", "tmpfs", "-o", "size=64k") as small:
            journal = str(small / "study.journal")
            before = searched(storage=journal)
            filler = small / "filler"
            with suppress(OSError):
                filler.write_bytes(b"x" * 2**17)
            message = tune("--storage", journal, "--trials", 30).message
            assert "No space left on device" in message
            filler.unlink()
            assert searched(30, journal)[:3] == before

    def test_a_journal_that_may_not_be_written_is_told(self, desk):
        Path("store").mkdir()
        before = searched(storage="store/study.journal")
        content = Path("store/study.journal").read_bytes()
        with _mounted(Path("store"), "--bind", "-o", "ro", source="store"):
            message = tune("--storage", "store/study.journal", "--trials", 5).message
        assert "Read-only file system" in message
        assert Path("store/study.journal").read_bytes() == content
        assert searched(5, "store/study.journal")[:3] == before

    def test_a_folder_of_results_that_may_not_be_written_is_told(self, desk):
        Path("runs").write_text("in the way")
        assert "runs/tiny/tuning/pair_cooccurrence: cannot be written" in tune().message


class TestSQLite:
    def test_a_locked_database_is_told_and_the_command_goes_on(self, desk):
        url = "sqlite:///study.db"
        before = searched(storage=url)
        with closing(sqlite3.connect("study.db")) as database:
            database.execute("BEGIN EXCLUSIVE")
            assert "database is locked" in tune("--storage", url, "--trials", 4).message
            database.rollback()
        assert searched(4, url)[:3] == before

    def test_locked_within_a_trial_it_is_no_failure_of_the_trial(self, tmp_path):
        storage = f"sqlite:///{tmp_path / 'study.db'}"
        whole = planned(tmp_path / "whole", trials=4)
        work(whole, curve)
        plan = planned(tmp_path, storage=storage, trials=4)
        held = []

        def locked(trial, params):
            if trial.number == 2 and not held:
                held.append(sqlite3.connect(tmp_path / "study.db"))
                held[0].execute("BEGIN EXCLUSIVE")
            return curve(trial, params)

        with pytest.raises(UserError, match="database is locked"):
            work(plan, locked)
        held[0].close()
        work(plan, curve)
        assert sequence(plan) == sequence(whole)

    def test_a_damaged_database_is_told_and_left(self, desk):
        searched(storage="sqlite:///study.db")
        content = bytearray(Path("study.db").read_bytes())
        content[4096:12288] = b"\xa5" * 8192
        Path("study.db").write_bytes(content)
        message = tune("--storage", "sqlite:///study.db", "--trials", 4).message
        assert "study.db: cannot be used" in message
        assert Path("study.db").read_bytes() == content


@pytest.mark.usefixtures("blank_figures")
class TestDamagedResults:
    """What a search ends with: its final runs."""

    def test_truncated_files_are_told_and_computed_again(self, desk):
        assert tune().code == 0
        before = Path("runs/tiny/tuning/pair_cooccurrence/trials.csv").read_bytes()
        for checkpoint in Path("runs/cells").glob("*/encoder.npz"):
            checkpoint.write_bytes(checkpoint.read_bytes()[:100])
            message = phasezoo("rank", checkpoint.parent).message
            assert f"{checkpoint}: not a readable" in message
        cell = next(Path("runs/cells").glob("*/cell.nc"))
        cell.write_bytes(cell.read_bytes()[: cell.stat().st_size // 2])
        Path("runs/tiny-pair_cooccurrence-tuned/results.nc").unlink()
        message = tune().message
        assert f"{cell}: cannot be read" in message
        assert f"delete the folder {cell.parent}" in message
        shutil.rmtree(cell.parent)
        assert tune().code == 0
        assert Path("runs/tiny/tuning/pair_cooccurrence/trials.csv").read_bytes() == before


def _limited(plan, size: int, told: str) -> None:
    """Work with no file larger than a size; what was said goes to a file that is smaller."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        work(plan, curve)
    except UserError as error:
        Path(told).write_text(str(error))


@contextmanager
def _mounted(where: Path, *options: str, source: str = "none"):
    """Something mounted for a while; skips where that is not permitted."""
    where.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, source, where], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)
