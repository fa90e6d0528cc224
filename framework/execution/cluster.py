"""Pieces on the workers of a Dask cluster, which somebody else started.

A worker computes one piece at a time, in the working directory of the command, and writes into
its folder of results: both lie on a filesystem that all of them see. Every worker must have the
very code and libraries of the command, or its numbers would differ.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import pickle
import queue
import re
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.base.errors import UserError
from framework.execution.cluster_worker import Terms, identity, perform, refusal
from framework.execution.command import command_of_this_process
from framework.execution.executor import (
    Ending,
    Executor,
    Failure,
    Outcome,
    Piece,
    Report,
    Result,
    Work,
)

ADDRESS = r"((tcp|tls|ws|wss|ucx)://)?(\[[\da-fA-F:]+\]|[\w.-]+):\d+"
"""Of a scheduler. Dask leaves threads behind when it finds an address wrong itself."""
ANSWER = 10
"""Seconds within which a scheduler answers, and has a worker."""
LOOK = 2.0
"""Seconds between two looks at how many workers there are."""
DESERTED = 60
"""Seconds without any worker after which a command gives up."""


class Cluster(Executor):
    """The workers of a Dask scheduler.

    Args:
        address: of the scheduler.
        folder: of the results; every worker must see it.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    def run(
        self, work: Work[Piece, Result], pieces: Iterable[Piece], report: Report[Piece]
    ) -> Ending[Piece, Result]:
        waiting = iter(pieces)
        with _connected(self.address) as client, _marked(self.folder) as mark:
            terms = Terms(identity(), str(Path.cwd()), str(mark), command_of_this_process())
            room = len(_suitable(client, terms, self.address))
            yield from _Stream(client, self.address, terms, work).run(waiting, room, report)


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the scheduler.

    Raises:
        UserError: the address is not valid, Dask is not installed, or no scheduler answers.
    """
    if not re.fullmatch(ADDRESS, address):
        raise UserError(
            f"--scheduler {address}: is not a valid address; give the one that `dask scheduler` "
            "prints, for instance tcp://10.0.0.1:8786"
        )
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            "--scheduler: needs Dask, which is not installed; pip install 'phasezoo[dask]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ: `refusal` says it better
            client = Client(address, timeout=ANSWER, set_as_default=False)
    except Exception as error:  # whatever a wrong address or another kind of server leads to
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"--scheduler {address}: no Dask scheduler answers there ({reason}); start one with "
            "`dask scheduler`, and give the address that it prints"
        ) from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=ANSWER)


@contextlib.contextmanager
def _marked(folder: Path) -> Iterator[Path]:
    """A file in the folder of results, by which a worker knows that it sees the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".cluster-") as file:
        yield Path(file.name).resolve()


def _suitable(client: Any, terms: Terms, address: str) -> dict[str, int]:
    """The workers and their threads, if all of them can work for this command.

    Raises:
        UserError: there is none, or one differs from the command.
    """
    with contextlib.suppress(TimeoutError):
        client.wait_for_workers(1, timeout=ANSWER)
    threads: dict[str, int] = client.nthreads()
    if not threads:
        raise UserError(
            f"--scheduler {address}: has no worker; start some with `dask worker {address} "
            "--nthreads 1`"
        )
    for worker, n_threads in threads.items():
        answer = client.run(refusal, terms, n_threads, workers=[worker], on_error="return")[worker]
        if isinstance(answer, Exception):
            answer = (
                f"cannot load this phasezoo ({type(answer).__name__}: {answer}); install the same "
                "version there and start it again"
            )
        if answer is not None:
            raise UserError(f"--scheduler {address}: worker {worker} {answer}")
    return threads


@dataclass
class _Stream:
    """Pieces on their way through a cluster; as many at a time as it has workers."""

    client: Any
    address: str
    terms: Terms
    work: Work[Any, Any]
    inbox: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)

    def run(self, pieces: Iterator[Piece], room: int, report: Report[Piece]) -> Ending[Piece, Any]:
        topic = f"phasezoo-{uuid.uuid4().hex}"
        work = pickle.dumps(self.work)
        self.client.subscribe_topic(topic, lambda event: self.inbox.put(event[1]))
        under_way: dict[str, tuple[Any, Piece]] = {}
        looked = peopled = time.monotonic()
        try:
            while True:
                for piece in itertools.islice(pieces, max(room - len(under_way), 0)):
                    key = f"{topic}-{uuid.uuid4().hex}"
                    payload = self.terms, topic, work, pickle.dumps(piece)
                    future = self.client.submit(perform, *payload, key=key, pure=False)
                    under_way[key] = future, piece
                    future.add_done_callback(self.inbox.put)
                if not under_way:
                    return
                with contextlib.suppress(queue.Empty):
                    message = self.inbox.get(timeout=LOOK)
                    if not isinstance(message, tuple | list):
                        yield under_way.pop(message.key)[1], self._outcome(message)
                    elif message[0] in under_way:
                        key, done, total = message
                        report(under_way[key][1], done, total)
                if (now := time.monotonic()) - looked > LOOK:
                    looked, n_workers = now, self._n_workers()
                    peopled = now if n_workers else peopled
                    room = max(n_workers, 1)
                if now - peopled > DESERTED:
                    raise self._gone("has no worker any more")
        finally:
            with contextlib.suppress(Exception):
                self.client.cancel([future for future, _ in under_way.values()])

    def _n_workers(self) -> int:
        try:
            return len(self.client.nthreads())
        except Exception:
            raise self._gone("no longer answers") from None

    def _outcome(self, future: Any) -> Outcome[Any]:
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            answer = future.result()
            if isinstance(answer, Outcome):
                return answer
            raise UserError(f"--scheduler {self.address}: {answer}")
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                return Outcome(
                    failure=Failure("its workers died (killed, or out of memory)", died=True)
                )
            raise UserError(
                f"--scheduler {self.address}: a worker cannot load the work "
                f"({type(error).__name__}: {error}); install the same version of phasezoo there "
                "and start it again"
            )
        raise self._gone("no longer answers")

    def _gone(self, what: str) -> UserError:
        return UserError(
            f"--scheduler {self.address}: {what}; what is finished is kept. Run the same command "
            "to continue."
        )
