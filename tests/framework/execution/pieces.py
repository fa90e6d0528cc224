"""Work that the tests of executors hand out; worker processes import it from here."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framework.base.errors import UserError
from framework.execution.executor import Progress


@dataclass(frozen=True)
class Deed:
    """Does what a piece says.

    Attributes:
        folder: where a piece that is under way leaves a file of its name with its process id.
    """

    folder: Path

    def __call__(self, piece: str, progress: Progress) -> float:
        verb, _, number = piece.partition(" ")
        with (self.folder / piece).open("a") as file:
            file.write(f"{os.getpid()}\n")
        if verb == "refuse":
            raise UserError(f"{piece}: give another one")
        if verb == "fail":
            raise KeyError(piece)
        if verb == "die" or (verb == "die-once" and len(attempts(self.folder, piece)) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if verb == "leave":
            os._exit(3)
        if verb == "sleep":
            for step in range(1000):
                time.sleep(0.05)
                progress(step, 1000)
        progress(1, 2)
        progress(2, 2)
        draws = np.random.default_rng(int(number)).normal(size=(50, 50))
        return float(np.linalg.slogdet(draws @ draws.T)[1])


def attempts(folder: Path, piece: str) -> list[int]:
    """The processes that worked on a piece, in order."""
    return [int(line) for line in (folder / piece).read_text().split()]
