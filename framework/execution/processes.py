"""Pieces in processes of this machine: each process has a pipe of its own and one piece at a time.

Nothing is shared between the processes, so that one which is killed leaves no lock behind and
nobody waits for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic

from framework.execution.executor import (
    Ending,
    Executor,
    Failure,
    Outcome,
    Piece,
    Report,
    Result,
    Work,
    attempt,
    sparing,
)

ATTEMPTS = 2
"""Processes that may die on one piece: the first may have been killed for what others did."""

_IMPORTED = ["framework.search.tuning.tuning", "framework.neural.encoder", "framework.figures.run"]
"""Imports of seconds, made once in a server process from which every worker is a copy."""


class Processes(Executor):
    """Processes of this machine, begun when there is work for them."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(
        self, work: Work[Piece, Result], pieces: Iterable[Piece], report: Report[Piece]
    ) -> Ending[Piece, Result]:
        tasks = (_Task(piece) for piece in pieces)
        again: list[_Task[Piece]] = []
        idle: list[_Process[Piece]] = []
        busy: dict[Connection, _Process[Piece]] = {}
        try:
            while True:
                while len(busy) < self.workers:
                    task = again.pop() if again else next(tasks, None)
                    if task is None:
                        break
                    process = idle.pop() if idle else _Process(work)
                    busy[process.pipe] = process
                    process.give(task)
                if not busy:
                    return
                for pipe in wait(list(busy)):
                    process = busy[pipe]  # type: ignore[index]
                    message = process.message()
                    if isinstance(message, tuple):
                        report(process.task.piece, *message)
                        continue
                    del busy[process.pipe]
                    task = process.task
                    if isinstance(message, Outcome):
                        idle.append(process)
                        yield task.piece, message
                    elif task.deaths + 1 < ATTEMPTS:
                        again.append(_Task(task.piece, task.deaths + 1))
                    else:
                        yield task.piece, Outcome(failure=Failure(message, died=True))
        finally:
            for process in (*idle, *busy.values()):
                process.end()


class _Task(Generic[Piece]):
    """A piece, and how many processes died on it."""

    def __init__(self, piece: Piece, deaths: int = 0) -> None:
        self.piece = piece
        self.deaths = deaths


class _Process(Generic[Piece]):
    """One process, seen from the main one."""

    task: _Task[Piece]

    def __init__(self, work: Work[Piece, Any]) -> None:
        start = _context()
        self.pipe, theirs = start.Pipe()
        self._process = start.Process(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, task: _Task[Piece]) -> None:
        self.task = task
        with suppress(BrokenPipeError, ConnectionResetError):  # it died; `message` will say so
            self.pipe.send(task.piece)

    def message(self) -> tuple[int, int] | Outcome | str:
        """Progress, the outcome of the piece, or how the process died."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(1)  # its pipe is gone a moment before it is
            self.end()
            return f"its worker process died ({_end_of(self._process.exitcode)})"

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _end_of(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed, or out of memory"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _context() -> Any:
    """Processes start with everything imported already, where the system can do that."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def _serve(pipe: Connection, work: Work[Piece, Result]) -> None:
    """What a process does: piece after piece, until the main process ends it or is gone."""
    # Ctrl+C reaches all processes of a terminal; the main one decides, and ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_main_process, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            piece: Piece = pipe.recv()
            pipe.send(attempt(work, piece, sparing(lambda *done: pipe.send(done))))


def _end_with_the_main_process() -> None:
    """A killed process cannot end its workers, so they watch it."""
    main = multiprocessing.parent_process()
    assert main is not None
    main.join()
    os._exit(1)
