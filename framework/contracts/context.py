"""What a split allows an encoder to know beside its training samples, and what would be a leak."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from framework.contracts.representation import Samples
from framework.contracts.split import Split


@dataclass(frozen=True)
class Context:
    """Unlabelled candidates, and all reported element sets of every size.

    An encoder asks for it by the class attribute ``uses_context`` and finds it as ``context``
    from before ``fit`` on. Whatever scoring needs of it is learned in ``fit``, since a served
    model has no data at hand.

    The candidates are not negatives, and those in the list are never held out: an encoder that
    draws some of them as negatives must score these by a model that has not (halves of the
    candidates, each scored by what was drawn from the other), or held-out fields outscore them
    for no other reason. For the same reason counts of `reported` sets that hold a training
    sample itself say that it is a training sample: count in folds that leave it out.

    Attributes:
        unlabelled: samples of unexplored candidates.
        reported: names (n,) of reported element sets, of any size, sorted.
        order: of their entry (n,), NaN where unknown.
    """

    unlabelled: Samples
    reported: np.ndarray = field(repr=False)
    order: np.ndarray = field(repr=False)


def context_of(
    items: xr.Dataset, split: Split, samples: Samples, reported: np.ndarray, order: np.ndarray
) -> Context:
    """All that a split allows of the reported element sets (n,), entered in some order (n,).

    Args:
        samples: all items, in order.
    """
    allowed = ~np.isin(reported, _hidden(items, split))
    if split.cut is not None:
        allowed &= order < split.cut  # False where the order is unknown
    context = Context(samples.take(split.unexplored), reported[allowed], order[allowed])
    require_no_leak(context, items, split, split.unexplored)
    return context


def require_no_leak(
    context: Context, items: xr.Dataset, split: Split, unlabelled: np.ndarray
) -> None:
    """What counts as a leak: a held-out or validation element set among the reported ones or the
    candidates; under a split by time, any set that entered when the first held-out one did, or
    later, or at an unknown time; a reported set among the candidates.

    Args:
        unlabelled: which items (m,) the context's candidates are.

    Raises:
        AssertionError: there is one; never a user's mistake.
    """
    where = f"split {split.label}: the context holds"
    hidden = _hidden(items, split)
    assert not np.isin(context.reported, hidden).any(), f"{where} a held-out set as reported"
    candidates = items["element_set"].values[unlabelled].astype(str)
    assert not np.isin(candidates, hidden).any(), f"{where} a held-out set among the candidates"
    assert not items["reported"].values[unlabelled].any(), f"{where} a reported set as unlabelled"
    assert len(context.unlabelled) == len(unlabelled), f"{where} other candidates than it says"
    if split.cut is not None:
        early = context.order < split.cut
        assert early.all(), f"{where} a set that entered with the first held-out one, or later"


def _hidden(items: xr.Dataset, split: Split) -> np.ndarray:
    """The held-out and validation element sets."""
    index = np.concatenate([split.validation, split.holdout])
    return np.unique(items["element_set"].values[index].astype(str))
