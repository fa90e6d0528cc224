"""Progress bars for what takes a while: on standard error, gone when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    track,
)

T = TypeVar("T")


def new_bars(shown: bool) -> Progress:
    """Bars that count what is done of how many, with the time so far."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not shown,
    )


class Stages:
    """One thing after another, each with a bar that stays until the last one is done: how far it
    is where it says so, else how long it has taken."""

    def __init__(self, shown: bool) -> None:
        self._bars = new_bars(shown)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def add(self, what: str) -> Callable[[int, int], None]:
        """A bar, and what tells it how much is done, of how much."""
        bar = self._bars.add_task(what, total=None)
        return lambda done, total: self._bars.update(bar, completed=done, total=total)

    @contextmanager
    def begin(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar that is full at the end, and what tells it how much is done, of how much."""
        tell = self.add(what)
        yield tell
        tell(1, 1)


def shown(items: Sequence[T], what: str) -> Iterable[T]:
    """The items one by one, counted under the name of what is done with them, where a person
    sees it."""
    return track(
        items,
        description=what,
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
