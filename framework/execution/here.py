"""Pieces in this process, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from framework.execution.executor import Ending, Executor, Piece, Report, Result, Work, attempt


class Here(Executor):
    """This process."""

    def run(
        self, work: Work[Piece, Result], pieces: Iterable[Piece], report: Report[Piece]
    ) -> Ending[Piece, Result]:
        for piece in pieces:
            yield piece, attempt(work, piece, partial(report, piece))
