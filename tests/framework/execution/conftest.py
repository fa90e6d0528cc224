"""A real Dask scheduler with workers of their own, each a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("distributed")

PATIENCE = 180
"""Seconds that a busy machine may take for anything here."""

ROOT = Path(__file__).parents[3]
SETTINGS = {
    "PYTHONPATH": str(ROOT),  # the tests' own work
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",  # a restart takes seconds
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False",
}


class Scheduler:
    """A scheduler and its workers; all of them end with `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen] = []
        log = self._start("scheduler", "distributed.cli.dask_scheduler", "--host", "127.0.0.1")
        self.address = _said(r"Scheduler at: +(tcp://\S+)", log)

    def worker(self, *options: str, program: str = "", **environment: str) -> None:
        """Start a worker, and wait until the scheduler knows it.

        Args:
            program: Python that its processes run first.
        """
        module = "distributed.cli.dask_worker"
        name = f"worker {len(self._processes)}"
        log = self._start(name, module, self.address, *options, program=program, **environment)
        _said(r"(Registered to)", log)

    def workers(self) -> list[psutil.Process]:
        """The processes that compute: the last one of each worker's nanny."""
        nannies = map(psutil.Process, [process.pid for process in self._processes[1:]])
        return [each for nanny in nannies for each in nanny.children() if _computes(each)]

    def kill(self) -> None:
        """Kill the scheduler alone."""
        self._processes[0].kill()

    def stop(self, first: int = 0) -> None:
        for process in reversed(self._processes[first:]):
            process.terminate()
            process.wait(30)
        del self._processes[first:]

    def _start(self, name: str, module: str, *options: str, program: str = "", **env: str) -> Path:
        log = self.folder / f"{name}.log"
        command = [*options, "--port", "0", "--no-dashboard"] if name == "scheduler" else options
        if name != "scheduler":
            command = [*options, "--no-dashboard", "--local-directory", str(self.folder)]
        started = f"{program}\nfrom {module} import main\nmain()"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", started, *command],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | SETTINGS | env,
                cwd=self.folder,
            )
        self._processes.append(process)
        return log


def _said(what: str, log: Path) -> str:
    give_up = time.monotonic() + PATIENCE
    while not (match := re.search(what, log.read_text())):
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.1)
    return match[1]


def _computes(process: psutil.Process) -> bool:
    return "resource_tracker" not in " ".join(process.cmdline())


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory) -> Iterator[Scheduler]:
    """Two workers of one thread each."""
    started = Scheduler(tmp_path_factory.mktemp("dask"))
    try:
        for _ in range(2):
            started.worker("--nthreads", "1")
        yield started
    finally:
        started.stop()


@pytest.fixture
def bare_scheduler(tmp_path) -> Iterator[Scheduler]:
    """A scheduler without workers."""
    started = Scheduler(tmp_path)
    try:
        yield started
    finally:
        started.stop()
