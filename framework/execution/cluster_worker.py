"""What a worker of a cluster does: it says whether it can work for a command, and works on a piece.

Everything here runs in the worker's process, called by its name from `framework.execution.cluster`.
"""

from __future__ import annotations

import contextlib
import ctypes
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from framework.base.versions import versions
from framework.execution.command import Command, serving
from framework.execution.executor import Failure, Outcome, attempt, sparing
from framework.registry.registry import ROOT
from framework.registry.source_code import code_digest

LOOK = 2.0
"""Seconds between two looks at whether a piece is still wanted."""


@dataclass(frozen=True)
class Terms:
    """What a worker must share with the command, and whom it works for.

    Attributes:
        identity: as `identity` of the command.
        folder: its working directory.
        mark: a file in the folder of results.
        command: who asks for the work.
    """

    identity: dict[str, str]
    folder: str
    mark: str
    command: Command


@lru_cache
def identity() -> dict[str, str]:
    """What must be the same wherever a number is computed: versions, and a digest of all code."""
    files = [path for top in ("framework", "zoo", "data") for path in (ROOT / top).rglob("*.py")]
    return {**versions(), "code of phasezoo": code_digest(*files)}


def refusal(terms: Terms, n_threads: int) -> str | None:
    """Why this process cannot work for a command; called on a worker."""
    mine = identity()
    differing = [
        f"{name} {mine.get(name, 'absent')} instead of {wanted}"
        for name, wanted in terms.identity.items()
        if mine.get(name) != wanted
    ]
    if differing:
        return (
            f"has {', '.join(differing)}, so its numbers could differ; install the same version "
            "there and start it again"
        )
    if n_threads > 1:
        return (
            f"has {n_threads} threads, and a piece of work needs a process of its own; start it as "
            f"`dask worker ADDRESS --nworkers {n_threads} --nthreads 1`"
        )
    for path in (terms.folder, terms.mark):
        if not Path(path).exists():
            return (
                f"does not see {path}; the working directory and the folder of results must lie "
                "on a filesystem that all workers share"
            )
    return None


class _Unwanted(BaseException):
    """Raised within a piece that nobody waits for any more."""


def perform(terms: Terms, topic: str, work: bytes, piece: bytes) -> Any:
    """One piece on a worker: its outcome, or why this worker cannot work for the command."""
    from distributed import get_worker

    worker = get_worker()
    if reason := refusal(terms, worker.state.nthreads):  # it may have come after the others
        return f"worker {worker.address} {reason}"
    key = worker.get_current_task()
    progress = sparing(lambda done, total: worker.log_event(topic, (key, done, total)))
    with (
        contextlib.chdir(terms.folder),
        serving(terms.command),
        contextlib.suppress(_Unwanted),
        _while_wanted(worker, key),
    ):
        return attempt(pickle.loads(work), pickle.loads(piece), progress)
    return Outcome(failure=Failure("the command was interrupted"))


@contextlib.contextmanager
def _while_wanted(worker: Any, key: Any) -> Iterator[None]:
    """Stop what this thread does when the command that asked for it is interrupted or dies.

    Dask itself lets a piece that has begun go on to its end.
    """
    thread, over, turn = threading.get_ident(), threading.Event(), threading.Lock()

    def watch() -> None:
        while not over.wait(LOOK):
            task = worker.state.tasks.get(key)
            if task is None or task.state not in ("executing", "long-running"):
                with turn:
                    if not over.is_set():
                        raised = ctypes.py_object(_Unwanted)
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with turn:
            over.set()
