"""The process of MLflow's user interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

from framework.base.databases import DATABASE_PORTS, PATIENCE, address, probe, shown
from framework.base.errors import UserError
from framework.tracking.places import follow_moved_folder
from framework.tracking.store import QUIET, as_user_error, require_something_tracked, store_uri

HOST = "127.0.0.1"

ENDING = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]
"""What ends the interface: Ctrl+C, a supervisor, a terminal that is closed."""


def ui_command(runs: Path, port: int) -> list[str]:
    """The command line of MLflow's user interface on the store.

    Raises:
        UserError: nothing is tracked yet, or the store is a server with an interface of its own,
            of an unknown kind, or cannot be reached.
    """
    uri = store_uri(runs)
    kind = address(uri).scheme.partition("+")[0]
    if kind in ("http", "https"):
        raise UserError(f"MLFLOW_TRACKING_URI is a server: open {shown(uri)} in a browser")
    if kind not in ("sqlite", *DATABASE_PORTS):
        known = ", ".join(f"{name}://" for name in ("sqlite", *DATABASE_PORTS, "http"))
        raise UserError(
            f"MLFLOW_TRACKING_URI: {shown(uri)} is not a store that the interface can open; "
            f"give an address that begins with one of {known}"
        )
    require_something_tracked(runs)
    with as_user_error(uri, "fix it, or set another MLFLOW_TRACKING_URI", ()):
        probe(uri)
        follow_moved_folder(runs)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    # one worker: a laptop has one user; the default of four costs gigabytes
    options = ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    return [*command, "--host", HOST, "--port", str(port), *options]


def serve_ui(runs: Path, port: int = 5000) -> int:
    """Run the user interface until it is interrupted or terminated, by Ctrl+C or a signal; no
    process of it is left behind.

    Returns:
        its exit code, 0 where it was ended.

    Raises:
        UserError: as `ui_command`, or the port is taken.
    """
    command = ui_command(runs, port)
    try:
        socket.create_server((HOST, port)).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"port {port} cannot be used ({error}); choose another: --port") from None
    print(f"MLflow on http://{HOST}:{port} (Ctrl+C ends it)", flush=True)
    quiet = {**QUIET, **os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with _ended_by_signals():
        # a session of its own: told to end by the terminal and by its parent, it shows a traceback
        server = subprocess.Popen(command, env=quiet, start_new_session=True)
        try:
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(server)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """The first signal interrupts, and those after it change nothing: the server is ending. What
    was ignored before (by ``nohup``) still is."""
    before = {number: signal.getsignal(number) for number in ENDING}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    def interrupt(_: int, __: FrameType | None) -> None:
        for number in heard:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heard:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and all processes that it started; they are killed where they do not end."""
    family = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(server.pid).children(recursive=True)
    for signalled in (signal.SIGTERM, signal.SIGKILL):
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signalled)
        if server.poll() is None:
            server.send_signal(signalled)
        with suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE)
        _, family = psutil.wait_procs(family, timeout=PATIENCE)
    with suppress(AttributeError, ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)  # what outlived the process that had started it
