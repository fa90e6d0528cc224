"""The contract of what computes pieces of work: a run, a search, a chunk of a screening.

The caller hands over one function and a stream of pieces, and gets each piece back with its
outcome as soon as it ends, in whatever order. Where the function runs decides no number: each
piece computes on one thread and shares nothing with the others.
"""

from __future__ import annotations

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from framework.base.errors import UserError
from framework.base.files import whole

Piece = TypeVar("Piece")
Result = TypeVar("Result")

Progress = Callable[[int, int], None]
"""Called by the function that works on a piece: how much is done, of how much."""

Report = Callable[[Piece, int, int], None]
"""Called in the main process with the progress of a piece; some steps are left out."""

PAUSE = 0.1
"""Seconds between two reports of one piece that leave its process."""


Work = Callable[[Piece, Progress], Result]
"""What is done with a piece. It travels to other processes, so it must be picklable, like pieces
and results."""


@dataclass(frozen=True)
class Failure:
    """Why a piece has no result.

    Attributes:
        cause: in one line.
        traceback: where it was raised; empty where the process died.
        refused: it is the message of a `UserError`.
        died: the process that worked on it died.
    """

    cause: str
    traceback: str = ""
    refused: bool = False
    died: bool = False

    def kept(self, path: Path) -> str:
        """The cause; where there is a traceback, it is written to a file that the text names."""
        if not self.traceback:
            return self.cause
        with whole(path) as at:
            at.write_text(self.traceback, encoding="utf-8")
        return f"{self.cause}; traceback in {path}"


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """How a piece ended: with a result, or with a failure."""

    result: Result | None = None
    failure: Failure | None = None


Ending = Generator[tuple[Piece, Outcome[Result]], None, None]
"""Pieces as they end, in whatever order."""


class Executor(ABC):
    """Computes pieces of work somewhere."""

    @abstractmethod
    def run(
        self, work: Work[Piece, Result], pieces: Iterable[Piece], report: Report[Piece]
    ) -> Ending[Piece, Result]:
        """Work on all pieces; each comes back with its outcome when it ends.

        Pieces are taken from the stream when there is room for them, so there may be billions. A
        piece that fails, or whose process dies, stops no other. Whatever was started ends with
        this generator: at its end, when it is closed, when the main process is interrupted or
        dies.

        Args:
            report: called in this process with the progress of a piece.

        Raises:
            UserError: the place where work runs cannot be used.
        """


def attempt(work: Work[Piece, Result], piece: Piece, progress: Progress) -> Outcome[Result]:
    """Work on one piece in this process; what it raises becomes a failure."""
    try:
        return Outcome(work(piece, progress))
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        return Outcome(failure=Failure(in_one_line(error), text, isinstance(error, UserError)))


def in_one_line(error: Exception) -> str:
    """What was raised, and where; of a `UserError` the message alone."""
    if isinstance(error, UserError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"


def sparing(send: Progress) -> Progress:
    """Progress that is sent on now and then, and when all is done: a message costs more than a
    step of a small network."""
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if done >= total or time.monotonic() - last >= PAUSE:
            last = time.monotonic()
            send(done, total)

    return progress
