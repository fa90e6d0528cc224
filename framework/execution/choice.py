"""Which executor a command's options ask for."""

from __future__ import annotations

from pathlib import Path

from framework.base.errors import UserError
from framework.execution.executor import Executor
from framework.execution.here import Here


def executor_for(
    workers: int, scheduler: str | None, folder: Path, n_pieces: int | None = None
) -> Executor:
    """This process for one worker, processes for several, a cluster where a scheduler is named.

    Args:
        scheduler: address of a Dask scheduler, for instance ``tcp://10.0.0.1:8786``.
        folder: where results are written; all workers must see it.
        n_pieces: how many pieces there are, where that is known: one alone is worked on here.

    Raises:
        UserError: both several workers and a scheduler are asked for, or Dask is not installed.
    """
    if scheduler is not None:
        if workers > 1:
            raise UserError(
                f"--workers {workers}: a cluster has its own workers; leave --workers or "
                "--scheduler out"
            )
        from framework.execution.cluster import Cluster

        return Cluster(scheduler, folder)
    if workers > 1 and (n_pieces is None or n_pieces > 1):
        from framework.execution.processes import Processes

        return Processes(workers)
    return Here()
