"""MLflow as a tracker: a run a work, a child run for each of its pieces, logged when it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from filelock import FileLock
from mlflow import entities
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

from framework.base.digest import digest
from framework.base.errors import UserError
from framework.contracts.tracker import Piece, Record, State, Summary, Tracked, Tracker, Work
from framework.tracking import runs as logged_runs
from framework.tracking import winner
from framework.tracking.client import (
    as_user_error,
    cut,
    flat,
    log_path,
    log_values,
    open_store,
    valid_key,
)
from framework.tracking.store import store_uri

STATUS = {State.FINISHED: "FINISHED", State.FAILED: "FAILED", State.STOPPED: "KILLED"}


@dataclass(frozen=True)
class MlflowTracker(Tracker):
    """Logs to the MLflow store of a folder of results, or to ``MLFLOW_TRACKING_URI``.

    Attributes:
        register: name under which the winner of a work is registered; not at all where None.
        above: the run below which works are logged.
    """

    runs: Path
    register: str | None = None
    above: str | None = None

    def require(self) -> None:
        """Open the store; an SQLite file is made where there is none.

        Raises:
            UserError: it cannot be reached or written, or the winner's name is not a valid one.
        """
        if self.register is not None:
            winner.require_name(self.register)
        open_store(self.runs)

    def begin(self, work: Work) -> MlflowWork:
        """The parent run of a work, found again by its kind and digests or begun.

        Raises:
            UserError: the store failed, or the winner of such a work cannot be registered.
        """
        if self.register is not None and work.unservable:
            raise UserError(
                f"--register {self.register}: there would be no model to register "
                f"({work.unservable}); leave it out"
            )
        with as_user_error(store_uri(self.runs), "fix it, or do without (--no-track)"):
            client = MlflowClient(store_uri(self.runs))
            with _alone(self.runs):
                group = logged_runs.experiment_id(client, work.group, self.runs)
                parent, new = logged_runs.parent_of(client, group, work, self.above)
            tracked = MlflowWork(self, work, client, group, parent.info.run_id, news=new)
            tracked.look()
            if parent.info.status != "FINISHED":  # interrupted, killed, or still at work elsewhere
                client.update_run(tracked.key, status="RUNNING")
                tracked.news = True
        return tracked


@contextmanager
def _alone(runs: Path) -> Iterator[None]:
    """One command at a time looks for a parent run and begins it; where the system cannot lock
    files, nobody waits."""
    lock = FileLock(runs / ".tracking.lock")
    with suppress(OSError, NotImplementedError):
        runs.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@dataclass
class MlflowWork(Tracked):
    """A work and its parent run in MLflow.

    A store that fails stops no work: what could not be logged is logged in the end, or by the
    same command again.

    Attributes:
        group: id of the MLflow experiment.
        key: id of the parent run.
        news: whether something was logged that is not in the summary yet.
    """

    tracker: MlflowTracker
    work: Work
    client: MlflowClient
    group: str
    key: str
    news: bool = False
    _known: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    _told: list[Piece] = field(default_factory=list)
    _broken: bool = False
    _commons: dict[str, str] = field(default_factory=logged_runs.code_tags)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """A work that an exception ends has failed, or was interrupted."""
        if kind is not None and self.news:
            status = "FAILED" if issubclass(kind, Exception) else "KILLED"
            with suppress(UserError), self._as_user_error():
                self.client.set_terminated(self.key, status)

    def below(self) -> MlflowTracker:
        """A tracker whose works are logged below this one."""
        return MlflowTracker(self.tracker.runs, above=self.key)

    def ended(self, piece: Piece) -> None:
        """Log a piece, unless it is there already."""
        self._told.append(piece)
        if not self._broken:
            try:
                with self._as_user_error():
                    self._log(piece)
            except UserError:
                self._broken = True

    def over(self, summary: Summary) -> None:
        """Log what is missing, and what the parent run shows of all of it.

        Raises:
            UserError: the store failed, or the winner is not to be registered.
        """
        with self._as_user_error():
            self.look()
            for piece in self._told:
                self._log(piece)
            logged_runs.delete_twins(self.client, self._children())
            self._summarise(summary)
        if self.tracker.register is not None and summary.winner is not None:
            winner.require_better(summary.winner, self.tracker.register)
            with self._as_user_error():
                winner.register(self.client, self.key, self.tracker.register)

    def look(self) -> None:
        """See what is logged, whoever did; clear what killed processes left open."""
        self._known = {}
        for child in self._children():
            if logged_runs.left_behind(child):
                logged_runs.delete(self.client, child.info.run_id)
            else:
                self._remember(child)

    def _children(self, wanted: str = "") -> list[entities.Run]:
        return logged_runs.children(self.client, self.group, self.key, wanted)

    def _remember(self, child: entities.Run) -> None:
        tags = child.data.tags
        if (kind := tags.get("kind")) in tags:
            known_by = tags[kind], tags.get("failure", "")
            self._known[known_by] = child.info.run_id, int(tags.get("steps", 0))

    def _common(self) -> dict[str, str]:
        return {**self.work.common, **self._commons}

    def _log(self, piece: Piece) -> None:
        cause = cut({"failure": piece.cause})["failure"]
        known_by = piece.key, cause
        if known_by not in self._known:  # another command may have logged it meanwhile
            for child in self._children(f"tags.{piece.kind} = '{piece.key}'"):
                if not logged_runs.left_behind(child):
                    self._remember(child)
        run_id, steps = self._known.get(known_by, (None, 0))
        if run_id is not None and steps >= piece.steps:
            return
        if not self.news:
            self.client.update_run(self.key, status="RUNNING")
            self.news = True
        record = piece.record()
        if run_id is None:
            run_id = self._begin(piece, record, cause)
        else:
            log_values(self.client, run_id, {}, [], logged_runs.signed())
            self.client.update_run(run_id, status="RUNNING")
        self._fill(run_id, piece, record, since=steps)
        self._known[known_by] = run_id, piece.steps

    def _begin(self, piece: Piece, record: Record, cause: str) -> str:
        tags = {
            **self._common(),
            **piece.tags,
            **logged_runs.signed(),
            "mlflow.parentRunId": self.key,
            "kind": piece.kind,
            piece.kind: piece.key,
            **({"failure": cause} if cause else {}),
        }
        started = None if record.started is None else int(1000 * record.started)
        run = self.client.create_run(self.group, started, cut(tags), run_name=piece.name)
        run_id = str(run.info.run_id)
        if record.data is not None:
            self.client.log_inputs(run_id, [logged_runs.dataset_input(record.data)])
        return run_id

    def _fill(self, run_id: str, piece: Piece, record: Record, since: int) -> None:
        """What of a record is beyond a number of steps that are logged already."""
        ended = int(1000 * (time.time() if record.ended is None else record.ended))
        metrics = _metrics(record.metrics, ended)
        metrics += [
            Metric(valid_key(name), float(value), ended if at is None else int(1000 * at), step)
            for name, points in record.curves.items()
            for step, value, at in points
            if not since or step > since
        ]
        tags = {**record.tags, **({"steps": str(piece.steps)} if piece.steps else {})}
        log_values(self.client, run_id, {} if since else flat(record.settings), metrics, tags)
        for name, content in record.documents.items():
            self.client.log_dict(run_id, json.loads(json.dumps(content, default=list)), name)
        for path in record.files:
            log_path(self.client, run_id, path)
        self.client.set_terminated(run_id, STATUS[piece.state], end_time=ended)

    def _summarise(self, summary: Summary) -> None:
        """What the parent run shows; nothing where it shows that already."""
        tags = {**self.work.common, **summary.tags}
        content = [summary.state, summary.text, dict(summary.metrics), tags]
        known_by = digest(json.loads(json.dumps(content)))[:16]
        shown = self.client.get_run(self.key).data.tags.get("summary")
        if not self.news and shown == known_by:
            return
        for path in summary.files:
            if path.exists():
                log_path(self.client, self.key, path)
        if self.work.unservable and summary.winner is not None:
            tags["winner_model"] = self.work.unservable
        if summary.text:
            tags["mlflow.note.content"] = summary.text
        metrics = _metrics(summary.metrics, int(1000 * time.time()))
        log_values(self.client, self.key, {}, metrics, {**tags, "summary": known_by})
        if summary.winner is not None and not self.work.unservable:
            winner.log(self.client, self.group, self.key, self._common(), summary.winner)
        self.client.set_terminated(self.key, STATUS[summary.state])
        self.news = False

    def _as_user_error(self) -> AbstractContextManager[None]:
        fix = f"results are kept in {self.work.kept_in}; run again to log the rest"
        return as_user_error(store_uri(self.tracker.runs), fix)


def _metrics(values: Mapping[str, float], at: int) -> list[Metric]:
    """Numbers without steps, measured at a time (milliseconds since 1970)."""
    return [Metric(valid_key(name), float(value), at, 0) for name, value in values.items()]
