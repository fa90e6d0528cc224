"""How worker processes start: with everything imported already, where the system can do that."""

from __future__ import annotations

import multiprocessing
from typing import Any

_IMPORTED = ["framework.search.tuning.tuning", "framework.neural.encoder", "framework.figures.run"]
"""Imports of seconds, made once in a server process from which every worker is a copy."""


def context() -> Any:
    """The multiprocessing context of all worker processes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_IMPORTED)
    return found
