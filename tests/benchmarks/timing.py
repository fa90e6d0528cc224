"""Seconds of functions that are compared with each other."""

from collections.abc import Callable
from statistics import median
from time import perf_counter


def seconds(function: Callable[[], object]) -> float:
    """Of one call."""
    start = perf_counter()
    function()
    return perf_counter() - start


def medians(repeats: int, *functions: Callable[[], object]) -> list[float]:
    """The median time of each; they take turns."""
    rounds = [[seconds(function) for function in functions] for _ in range(repeats)]
    return [median(times) for times in zip(*rounds, strict=True)]
