"""A real PostgreSQL server for a while: Debian's binaries, a temporary folder, a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
ACCOUNT = "postgres"
"""Who runs the server where the tests run as root, whom it refuses."""


def binaries() -> Path | None:
    """The folder of the newest server that is installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if (on_path := shutil.which("initdb")) is not None:
        found.append(Path(on_path).resolve().parent)
    found = [path for path in found if (path / "pg_ctl").exists()]
    return max(found, key=lambda path: path.parent.name, default=None)


def missing() -> str:
    """Why no server can be started here; "" where one can."""
    if binaries() is None:
        return "no PostgreSQL server (Debian: postgresql)"
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        return "no psycopg2 (pip install phasezoo[postgresql])"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(ACCOUNT)
        except KeyError:
            return f"root may not run PostgreSQL, and there is no account '{ACCOUNT}'"
    return ""


@dataclass(frozen=True)
class Server:
    """A server with trust for everybody on this machine."""

    folder: Path
    port: int

    def url(self, database: str) -> str:
        """The address of a database, as a user writes it."""
        return f"postgresql://{ACCOUNT}@{HOST}:{self.port}/{database}"

    def create(self, database: str, like: str = "template1") -> str:
        """The address of a new database, a copy of another one."""
        place = ("-h", HOST, "-p", str(self.port), "-U", ACCOUNT)
        _run("createdb", *place, "-T", like, database)
        return self.url(database)

    def start(self) -> None:
        # durable enough for a test: nothing is asked to survive the machine
        options = f"-p {self.port} -c listen_addresses={HOST} -c unix_socket_directories='' -F"
        log = str(self.folder / "log")
        _run("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", options)

    def stop(self) -> None:
        """At once, as if its machine had failed."""
        _run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.folder / "data"))


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server with an empty cluster, gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, ACCOUNT)
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        cluster = ("-D", str(folder / "data"), "-U", ACCOUNT, "-A", "trust", "--no-sync")
        _run("initdb", *cluster, "--encoding", "UTF8", "--no-locale")
        server = Server(folder, port)
        server.start()
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):  # stopped by the test
                server.stop()


def _run(program: str, *arguments: str) -> None:
    """One of PostgreSQL's programs, as whom it accepts."""
    bin_folder = binaries()
    assert bin_folder is not None
    user = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(
        [bin_folder / program, *arguments],
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **user,
    )
