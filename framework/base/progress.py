"""Progress bars for what takes a while: on standard error, gone when it is done."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

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
