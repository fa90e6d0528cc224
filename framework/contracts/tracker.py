"""What the engine tells of its work while it goes on, and to whom: the contract of a tracker.

The engine hands over plain content and files; what becomes of them (a server, a file, nothing) is
the tracker's. `Tracker` and `Tracked` as they stand here keep nothing, so a tracker overrides what
it is interested in, and `NOT_TRACKED` is one that nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self


class State(StrEnum):
    """How work or a piece of it ended: ``stopped`` was pruned or interrupted."""

    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Source:
    """The data behind a piece of work.

    Attributes:
        digest: of the content.
        origin: where the data come from (source, licence, citation, settings), as plain text.
        context: what they are used for.
    """

    name: str
    digest: str
    origin: Mapping[str, str]
    context: str
    profile: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """A benchmark, a study or a set of searches: what pieces belong to.

    Attributes:
        kind: ``benchmark``, ``study`` or ``optimisation``.
        group: what works that can be compared have in common: their task.
        identity: digests that tell it from other works of its kind; with the same ones it is
            continued.
        common: what its pieces share with it.
        tags: of the work alone.
        settings: nested plain content.
        kept_in: where results are kept, whatever happens to the tracker.
        unservable: why its winner cannot be served as a model; "" where it can.
    """

    kind: str
    name: str
    group: str
    identity: Mapping[str, str]
    common: Mapping[str, str]
    tags: Mapping[str, str]
    settings: Mapping[str, Any]
    kept_in: str
    unservable: str = ""


class Point(NamedTuple):
    """A value of a curve.

    Attributes:
        step: an epoch, an evaluation or a dimension, as the curve's name says.
        time: seconds since 1970; that of the end of the piece where None.
    """

    step: int
    value: float
    time: float | None = None


@dataclass(frozen=True)
class Record:
    """What an ended piece of work left.

    Attributes:
        settings: nested plain content.
        metrics: finite or NaN, by name; parts of a name are separated by ``/``.
        files: files and folders.
        documents: plain content that has no file of its own, by file name.
        started, ended: seconds since 1970; now where None.
    """

    settings: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()
    documents: Mapping[str, Any] = field(default_factory=dict)
    data: Source | None = None
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Piece:
    """A run, a trial or a search that has ended.

    Attributes:
        kind: ``cell``, ``trial`` or ``search``.
        key: what it is known by among the pieces of its work.
        cause: why it failed.
        steps: how far it has come, of a piece that may be continued; a longer one extends what
            was tracked of it.
        record: read only by a tracker that does not have the piece yet.
    """

    kind: str
    key: str
    name: str
    tags: Mapping[str, str]
    record: Callable[[], Record]
    state: State = State.FINISHED
    cause: str = ""
    steps: int = 0


@dataclass(frozen=True)
class Winner:
    """The best of a work.

    Attributes:
        key: of its run.
        folder: of its run: encoder and representation as they were fitted.
        refused: why it should not be handed on under a name; "" where it may be.
    """

    key: str
    folder: Path
    refused: str = ""


@dataclass(frozen=True)
class Summary:
    """What a work came to.

    Attributes:
        text: tables and what they mean, in Markdown.
        files: files and folders; those that are missing are left out.
    """

    state: State
    text: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()
    winner: Winner | None = None


class Tracked:
    """A work that is tracked, as a context: an exception that leaves it ends the work, too.

    Attributes:
        key: what the tracker knows it by; None where nothing is kept.
    """

    key: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        return None

    def ended(self, piece: Piece) -> None:
        """A piece has ended. The same piece may be told again, by this process or another, and
        is kept once. A tracker that fails here stops no work: `over` says so."""

    def over(self, summary: Summary) -> None:
        """Nothing more is to come of the work for now.

        Raises:
            UserError: something could not be kept; to be told again.
        """

    def below(self) -> Tracker:
        """A tracker of works that belong to this one."""
        return NOT_TRACKED


class Tracker:
    """Keeps what the engine tells."""

    def require(self) -> None:
        """Called before anything is computed.

        Raises:
            UserError: nothing could be kept.
        """

    def begin(self, work: Work) -> Tracked:
        """A work begins, or is continued.

        Raises:
            UserError: it cannot be kept.
        """
        return Tracked()


NOT_TRACKED = Tracker()
