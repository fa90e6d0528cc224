"""The contract of a task: what is held out, what is ranked, what counts as a hit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.contracts.dataset import UnusableRow
from framework.contracts.split import Split
from framework.metrics.evaluation import Evaluation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from framework.contracts.context import Context
    from framework.contracts.encoder import Encoder
    from framework.contracts.representation import Representation, Samples


@dataclass(frozen=True)
class Fit:
    """A run after fitting: what scoring and evaluation need.

    Attributes:
        learned: the element sets that the encoder learned from (m,), one for each sample.
        seconds: that the representation and the fit took.
    """

    items: xr.Dataset
    split: Split
    task: Task
    representation: Representation
    samples: Samples
    encoder: Encoder
    learned: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Judged:
    """What a task makes of a fitted encoder.

    Attributes:
        scores: of all items (n,), higher ranks nearer the top.
        evaluation: on the hold-out.
        validation: the same metrics on the validation part, NaN where there is none.
        seconds: that the scores took, without their evaluation.
        variables: further variables of the run's results, as `xarray.Dataset` takes them.
        kept: names of those variables that are the same in all runs of a benchmark (the true
            values), which its cube keeps too, once.
        kept: names of those variables that are the same in all runs of a benchmark (the true
            values), which its cube keeps too, once.
        kept: names of those variables that are the same in all runs of a benchmark (the true
            values), which its cube keeps too, once.
    """

    scores: np.ndarray
    evaluation: Evaluation
    validation: dict[str, float]
    seconds: float
    variables: Mapping[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


class Task(ABC):
    """The contract of a task; constructor arguments are its settings.

    Attributes:
        name: as it is registered.
        members: which of some element sets it could rank: the audit ranks made-up ones. None
            where it ranks only what there is.
        neighbours: which element sets that it could rank differ from one by a single element and
            its neighbour in the periodic table; None where that means nothing.
        unusable: what of its own settings' files could not be used.
        notes: what a reader should know of how those files were read.
        sources: the files of the registered items it is made of; they decide numbers.
    """

    name: str
    members: Callable[[list[str]], list[str]] | None = None
    neighbours: Callable[[str], list[str]] | None = None
    unusable: Sequence[UnusableRow] = ()
    notes: Sequence[str] = ()
    sources: tuple[Path, ...] = ()

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """All that it measures, by the names that results give it."""

    @property
    def default_metrics(self) -> tuple[str, ...]:
        """Those that tables show where an experiment names none; encoders are ranked by the
        first, by which settings are tuned, too."""
        return self.metrics[:1]

    @abstractmethod
    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """What is split, ranked and scored, along `material`.

        Variables: ``element_set``, ``reported`` (bool; the others are never learned from),
        ``order`` (of entry, NaN where unknown), and, where not every reported item may be held out,
        ``always_learned`` (bool). Attributes: ``digest``, ``summary``, ``noun``
        (what tables call several items), ``named_by`` (the variable that names each).

        Raises:
            UserError: the data set has nothing, or too little, of what the task needs.
        """

    def unfit_rows(self, dataset: xr.Dataset) -> list[UnusableRow]:
        """The materials of a data set that make no item, each with the reason."""
        return []

    def require(self, items: xr.Dataset, split: Split, asked: Sequence[str] = ()) -> None:
        """Refuse a split that cannot be judged, before anything is computed.

        Args:
            asked: the metrics that the experiment shows.

        Raises:
            UserError: it cannot.
        """
        return

    def context(
        self, dataset: xr.Dataset, items: xr.Dataset, split: Split, samples: Samples
    ) -> Context | None:
        """What the split allows an encoder to know beside its training samples, for encoders that
        ask (`framework.contracts.context`); None where the task has nothing to give.

        Args:
            dataset: all of it, what made no item too.
            samples: all items, in order.
        """
        return None

    def smaller_sets(self, dataset: xr.Dataset, items: xr.Dataset, split: Split) -> xr.Dataset:
        """Reported sets with fewer elements than the items that they are part of, as materials:
        what is learned from under a split that asks for them (`Split.smaller`).

        Raises:
            UserError: the task has none.
        """
        raise UserError(
            f"split '{split.label}' learns from reported sets with fewer elements than what is "
            f"ranked, which task '{self.name}' does not have; take another split"
        )

    @abstractmethod
    def judge(self, done: Fit, resamples: int) -> Judged:
        """Everything that a run measures, the hold-out included.

        Args:
            resamples: of the bootstrap.
        """

    @abstractmethod
    def validate(self, done: Fit, most: int) -> dict[str, float]:
        """The metrics by which settings are chosen; the hold-out is not looked at.

        Args:
            most: unexplored items that are scored, drawn once, where there are more.
        """

    def figures(self, cell: xr.Dataset) -> Mapping[str, Figure]:
        """What is drawn of one run, by name.

        Args:
            cell: the results of the run, what `judge` gave as ``variables`` among them.
        """
        return {}

    def comparison_figures(self, cube: xr.Dataset, table: pd.DataFrame) -> Mapping[str, Figure]:
        """What is drawn of all encoders on one split strategy, by name.

        Args:
            cube: the results of that strategy.
            table: its leaderboard, of all metrics.
        """
        return {}
