"""Which store the runs go to, what happens to one that cannot be used, and the interface on it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from framework.base.errors import UserError
from framework.tracking import store, ui
from framework.tracking.tracker import MlflowTracker
from framework.tracking.ui import serve_ui, ui_command
from tests.conftest import PHASEZOO, phasezoo


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def answers(address: str, patience: float = 60) -> None:
    """Wait until a server answers."""
    give_up = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)


@pytest.fixture(autouse=True)
def _default_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


class TestTheStore:
    def test_the_default_is_a_file_in_the_folder_of_results(self, tmp_path: Path) -> None:
        assert store.store_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"

    def test_the_environment_is_respected(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/else.db")
        MlflowTracker(tmp_path / "runs").require()
        assert [path.name for path in tmp_path.iterdir()] == ["else.db"]

    def test_a_first_use_is_silent(self, tmp_path: Path) -> None:
        code = (
            "from pathlib import Path\nfrom framework.tracking.tracker import MlflowTracker\n"
            f"MlflowTracker(Path({str(tmp_path / 'runs')!r})).require()"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (tmp_path / "runs" / "mlflow.db").exists()

    def test_a_folder_that_cannot_be_made_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("here")
        with pytest.raises(UserError, match=r"mlflow\.db: cannot be used .*--no-track"):
            MlflowTracker(tmp_path / "file" / "runs").require()

    def test_a_damaged_file_is_refused_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
        started = time.perf_counter()
        with pytest.raises(UserError, match="not a database"):
            MlflowTracker(tmp_path).require()
        assert time.perf_counter() - started < 2

    def test_a_locked_file_is_refused_in_seconds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "PATIENCE", 1)
        holder = sqlite3.connect(tmp_path / "mlflow.db")
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match="locked"):
            MlflowTracker(tmp_path).require()
        holder.close()

    @pytest.mark.parametrize(
        "uri",
        [
            "http://me:secret@127.0.0.1:9",
            "postgresql://me:secret@127.0.0.1:9/mlflow",
            "htp://me:secret@server",
            "http://me:secret@[::1",
            "file:///tmp/old-file-store",
        ],
    )
    def test_a_wrong_address_is_refused_without_showing_the_password(
        self, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        started = time.perf_counter()
        with pytest.raises(UserError) as refused:
            MlflowTracker(tmp_path).require()
        assert time.perf_counter() - started < 10
        assert "secret" not in str(refused.value)
        assert "MLFLOW_TRACKING_URI" in str(refused.value)
        assert not list(tmp_path.iterdir())

    def test_a_server_that_never_answers_is_given_up_in_seconds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "PATIENCE", 1)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
            started = time.perf_counter()
            with pytest.raises(UserError, match=f"{address}: cannot be used"):
                MlflowTracker(tmp_path).require()
        assert time.perf_counter() - started < 8
        assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


class TestTheInterface:
    def test_it_starts_without_mlflow_and_torch_in_our_own_process(self) -> None:
        code = "import sys, framework.tracking.store, framework.commands.main; print({'mlflow', 'torch'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "set()"

    @pytest.mark.parametrize("chosen", [None, "false"])
    def test_nothing_is_sent_to_the_makers_of_mlflow_unless_the_user_says_so(
        self, chosen: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
        if chosen:
            monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", chosen)
        code = "import os; open('seen', 'w').write(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(ui, "ui_command", lambda *_: [sys.executable, "-c", code])
        assert serve_ui(tmp_path, free_port()) == 0
        assert Path("seen").read_text() == (chosen or "true")

    def test_a_folder_without_store_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="nothing is tracked there yet"):
            ui_command(tmp_path, 5000)

    @pytest.mark.parametrize(
        ("uri", "reason"),
        [
            ("foo://me:secret@server", "is not a store that the interface can open"),
            ("htp://server", "begins with one of sqlite://, postgresql://"),
            ("databricks", "is not a store"),
            ("file:///tmp/old-file-store", "is not a store"),
            ("/tmp/old-file-store", "is not a store"),
            ("http://[::1", "is not a valid address"),
            ("postgresql://me:secret@127.0.0.1:9/mlflow", "cannot be used"),
        ],
    )
    def test_an_address_that_it_cannot_open_is_one_message(
        self, uri: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        said = phasezoo("ui", "--runs", tmp_path)
        assert reason in said.message
        assert "MLFLOW_TRACKING_URI" in said.message
        assert "secret" not in said.message

    @pytest.mark.slow
    @pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_whatever_ends_it_nothing_is_left_behind(
        self, end: signal.Signals, blank_store: Path, tmp_path: Path
    ) -> None:
        shutil.copy(blank_store, tmp_path)
        port = free_port()
        command = [PHASEZOO, "ui", "--runs", str(tmp_path), "--port", str(port)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        answers(f"http://127.0.0.1:{port}")
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 2  # MLflow and its own workers
        process.send_signal(end)  # to the command alone
        _, complaints = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in complaints
        _, alive = psutil.wait_procs(family, timeout=1)
        assert not alive
        with socket.create_server(("127.0.0.1", port)):
            pass

    def test_a_server_that_ends_by_itself_leaves_no_children(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The child ignores SIGTERM, and outlives the process that started it."""
        monkeypatch.chdir(tmp_path)
        child = (
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            "open('ready', 'w'); time.sleep(60)"
        )
        code = (
            "import os, subprocess, sys, time\n"
            f"started = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
            "while not os.path.exists('ready'): time.sleep(0.01)\n"
            "open('pid', 'w').write(str(started.pid))\n"
        )
        monkeypatch.setattr(ui, "ui_command", lambda *_: [sys.executable, "-c", code])
        assert serve_ui(tmp_path, free_port()) == 0
        pid, give_up = int(Path("pid").read_text()), time.monotonic() + 5
        while runs(pid) and time.monotonic() < give_up:
            time.sleep(0.05)
        assert not runs(pid)

    def test_a_port_beyond_the_last_is_refused(self, blank_store: Path, tmp_path: Path) -> None:
        shutil.copy(blank_store, tmp_path)
        with pytest.raises(UserError, match="port 70000"):
            serve_ui(tmp_path, 70000)
