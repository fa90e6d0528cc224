"""Work on one thread, so that numbers depend neither on the cores of a machine nor on what else
it computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit the thread pools of linear algebra and OpenMP to one thread; also a decorator."""
    import sklearn.cluster  # noqa: F401 - a thread pool that is not loaded yet would not be limited

    with threadpool_limits(1):
        yield
