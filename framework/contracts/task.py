"""What a task is: what is held out, what is ranked, what counts as a hit; and the parts of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import xarray as xr

from framework.contracts.dataset import UnusableRow
from framework.contracts.split import Split
from framework.metrics.evaluation import Evaluation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from framework.contracts.encoder import Encoder
    from framework.contracts.representation import Representation, Samples


@dataclass(frozen=True)
class Fit:
    """A run after fitting: what scoring and evaluation need.

    Attributes:
        seconds: that the representation and the fit took.
    """

    items: xr.Dataset
    split: Split
    task: Task
    representation: Representation
    samples: Samples
    encoder: Encoder
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
    """

    scores: np.ndarray
    evaluation: Evaluation
    validation: dict[str, float]
    seconds: float
    variables: Mapping[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


class Task(Protocol):
    """The contract of a task; constructor arguments are its settings.

    Attributes:
        metrics: what it measures, by the names that results give it.
        default_metrics: those of them that tables show where an experiment names none, the first
            of which ranks encoders.
        members: which of some element sets it could rank: the audit ranks made-up ones. None
            where it ranks only what there is.
        unusable: what of its own settings' files could not be used.
        sources: the files of the registered items it is made of; they decide numbers.
    """

    unusable: list[UnusableRow]
    sources: tuple[Path, ...]

    @property
    def name(self) -> str: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...

    @property
    def default_metrics(self) -> tuple[str, ...]: ...

    @property
    def members(self) -> Callable[[list[str]], list[str]] | None: ...

    def items(self, dataset: xr.Dataset) -> xr.Dataset:
        """What is split, ranked and scored, along `material`.

        Variables: ``element_set``, ``reported`` (bool; the others are never learned from),
        ``order`` (of entry, NaN where unknown). Attributes: ``digest``, ``summary``, ``noun``
        (what tables call an item), ``named_by`` (the variable that names it).
        """
        ...

    def unfit_rows(self, dataset: xr.Dataset) -> list[UnusableRow]:
        """The materials of a data set that make no item, each with the reason."""
        ...

    def require(self, items: xr.Dataset, split: Split) -> None:
        """Refuse a split that cannot be judged, before anything is computed."""
        ...

    def judge(self, done: Fit, resamples: int) -> Judged:
        """Everything that a run measures, the hold-out included."""
        ...

    def figures(self, cell: xr.Dataset) -> Mapping[str, Figure]:
        """What is drawn of one run, by name, from its results."""
        ...

    def comparison_figures(self, cube: xr.Dataset, table: pd.DataFrame) -> Mapping[str, Figure]:
        """What is drawn of all encoders on one split strategy, by name.

        Args:
            cube: the results of that strategy.
            table: its leaderboard, of all metrics.
        """
        ...

    def validate(self, done: Fit, most: int) -> dict[str, float]:
        """The metrics by which settings are chosen; the hold-out is not looked at.

        Args:
            most: unexplored items that are scored, drawn once, where there are more.
        """
        ...
