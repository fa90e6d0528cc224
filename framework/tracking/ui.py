"""The process of MLflow's user interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from framework.base.databases import _parts, shown
from framework.base.errors import UserError
from framework.tracking.store import QUIET, require_something_tracked, store_uri

HOST = "127.0.0.1"


def ui_command(runs: Path, port: int) -> list[str]:
    """The command line of MLflow's user interface on the store.

    Raises:
        UserError: nothing is tracked yet, or the store is a server with an interface of its own.
    """
    uri = store_uri(runs)
    if _parts(uri).scheme in ("http", "https"):
        raise UserError(f"MLFLOW_TRACKING_URI is a server: open {shown(uri)} in a browser")
    require_something_tracked(runs)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    # one worker: a laptop has one user; the default of four costs gigabytes
    options = ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    return [*command, "--host", HOST, "--port", str(port), *options]


def serve_ui(runs: Path, port: int = 5000) -> int:
    """Run the user interface until it is interrupted or terminated.

    Returns:
        its exit code.

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
    # a session of its own: told to end by the terminal and by its parent, it shows a traceback
    server = subprocess.Popen(command, env=quiet, start_new_session=True)
    before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        return server.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
