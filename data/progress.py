"""A progress bar for what takes a while: on standard error, and only where a person sees it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def shown(items: Sequence[T], what: str) -> Iterable[T]:
    """The items one by one, counted under the name of what is done with them."""
    return track(
        items,
        description=what,
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
