"""What a split allows an encoder to know beside its training samples, and what would be a leak."""

from __future__ import annotations

import itertools
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
    allowed = allowed_sets(items, split, reported, order)
    context = Context(samples.take(split.unexplored), reported[allowed], order[allowed])
    require_no_leak(context, items, split, split.unexplored)
    return context


def allowed_sets(
    items: xr.Dataset, split: Split, reported: np.ndarray, order: np.ndarray
) -> np.ndarray:
    """Which of the reported element sets (n,), entered in some order (n,), a split allows: (n,)."""
    hidden = _hidden(items, split)
    allowed = ~np.isin(reported, hidden) & ~_related(reported, hidden, split.withheld)
    if split.cut is not None:
        allowed &= order < split.cut  # False where the order is unknown
    if split.smaller:
        allowed &= _sizes(reported) < _sizes(items["element_set"].values).min()
    return allowed


def smaller_sets(items: xr.Dataset, reported: np.ndarray) -> np.ndarray:
    """Those of some reported element sets (n,) that have two elements or more and are part of an
    item, but not an item: what is learned from where `Split.smaller` asks it."""
    fields = [text.split(" ") for text in items["element_set"].values.astype(str)]
    code = {symbol: i for i, symbol in enumerate(sorted({s for each in fields for s in each}), 1)}
    base = len(code) + 1

    def keys(codes: np.ndarray) -> np.ndarray:
        """One number for each set of codes (n, k), ascending within a set."""
        number: np.ndarray = codes @ base ** np.arange(codes.shape[1])
        return number

    parts: dict[int, list[np.ndarray]] = {}
    for size in {len(each) for each in fields}:
        codes = np.array([[code[s] for s in each] for each in fields if len(each) == size])
        for k in range(2, size):
            for columns in itertools.combinations(range(size), k):
                parts.setdefault(k, []).append(np.unique(keys(codes[:, columns])))
    chosen = np.zeros(len(reported), dtype=bool)
    sets = [str(text).split(" ") for text in reported]
    for k, of_items in parts.items():
        here = [i for i, each in enumerate(sets) if len(each) == k and set(each) <= code.keys()]
        if here:
            asked = keys(np.array([[code[s] for s in sets[i]] for i in here]))
            chosen[here] = np.isin(asked, np.concatenate(of_items))
    return reported[chosen]


def require_no_leak(
    context: Context, items: xr.Dataset, split: Split, unlabelled: np.ndarray
) -> None:
    """What counts as a leak: a held-out or validation element set among the reported ones or the
    candidates; a set that holds one or is part of one, where the split withholds such; under a
    split by time, any set that entered when the first held-out one did, or later, or at an unknown
    time; where smaller sets alone are learned from, one that is not smaller; a reported set among
    the candidates.

    Args:
        unlabelled: which items (m,) the context's candidates are.

    Raises:
        AssertionError: there is one; never a user's mistake.
    """
    where = f"split {split.label}: the context holds"
    hidden = _hidden(items, split)
    assert not np.isin(context.reported, hidden).any(), f"{where} a held-out set as reported"
    for kind in split.withheld:
        related = _related(context.reported, hidden, (kind,))
        assert not related.any(), f"{where} {kind} of held-out sets"
    if split.smaller:
        assert not len(split.train), f"split {split.label}: items are learned from"
        least = _sizes(items["element_set"].values).min()
        assert (_sizes(context.reported) < least).all(), f"{where} a set as large as an item"
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


def _sizes(names: np.ndarray) -> np.ndarray:
    """How many elements sets have (n,)."""
    return np.char.count(names.astype(str), " ") + 1


def _related(names: np.ndarray, hidden: np.ndarray, kinds: tuple[str, ...]) -> np.ndarray:
    """Which element sets (n,) hold a hidden one (``supersets``) or are part of one (``subsets``)."""
    out = np.zeros(len(names), dtype=bool)
    if not (kinds and len(names) and len(hidden)):
        return out
    sets, others = ([set(str(text).split()) for text in each] for each in (names, hidden))
    column = {symbol: i for i, symbol in enumerate(sorted(set().union(*sets, *others)))}
    holds, hides = (np.zeros((len(each), len(column)), np.float32) for each in (sets, others))
    for array, each in ((holds, sets), (hides, others)):
        for row, symbols in zip(array, each, strict=True):
            row[[column[symbol] for symbol in symbols]] = 1
    shared, size, of_hidden = holds @ hides.T, holds.sum(1)[:, None], hides.sum(1)
    if "supersets" in kinds:
        out |= ((shared == of_hidden) & (size > of_hidden)).any(axis=1)
    if "subsets" in kinds:
        out |= ((shared == size) & (size < of_hidden)).any(axis=1)
    return out
