"""Unexplored fields sorted by two things: the probability of merit, and accessibility.

Sorting phase fields by both is due to Vasylenko et al., npj Comput. Mater. 9, 164 (2023).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from framework.base.errors import UserError
from framework.base.threads import single_threaded
from framework.execution.executor import Executor
from framework.metrics.evaluation import Evaluation
from framework.metrics.hypervolume import on_front
from framework.metrics.ranking import evaluate
from framework.metrics.ranks import RANKING
from framework.registry.registry import SPLITS
from framework.runs.items import divided
from framework.selection.fields import Fields, Progress, held_out
from framework.selection.listing import Wanted, listed
from framework.selection.merit import (
    MEASURED,
    RESAMPLES,
    KnownSets,
    Merit,
    Wish,
    classifier_of,
    known_sets,
    merit,
)
from framework.selection.nearest import ReportedFields

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOLD_OUT = "random"
"""The split by which an encoder is judged."""

SAMPLED = 20_000
"""Candidates among which held-out fields are ranked, drawn once."""


@dataclass(frozen=True)
class Request:
    """What is to be selected from: picklable, so that each part may be computed elsewhere.

    Attributes:
        fields: with an unfitted encoder, or that of a finished run.
        index: of the fields that are listed (m,).
        known: element sets with a known value of the property.
        classifier, parameters: by which its probability is learned.
        notes: what a reader should know of what was left out.
    """

    fields: Fields
    index: np.ndarray
    known: KnownSets
    classifier: str
    parameters: dict[str, Any]
    seed: int
    notes: tuple[str, ...] = ()


def request_of(
    fields: Fields,
    wanted: Wanted,
    wish: Wish,
    classifier: str,
    parameters: dict[str, Any],
    seed: int,
) -> Request:
    """The unexplored fields that are wanted and have no known value, to be selected from.

    Raises:
        UserError: there is none, or anything else is unknown or unusable.
    """
    classifier_of(classifier, parameters, seed)
    index, known = listed(fields, wanted), known_sets(wish)
    valued = np.isin(fields.names[index], known.names)
    if valued.all():
        raise UserError(
            f"the {wish.target} of every candidate is known already; there is nothing to select"
        )
    notes = (*fields.notes, *known.notes)
    if valued.any():
        notes = (*notes, f"{valued.sum():,} candidates are left out: their {wish.target} is known")
    return Request(fields, index[~valued], known, classifier, parameters, seed, notes)


@dataclass(frozen=True)
class HeldOut:
    """How well an encoder finds reported fields that it has not learned from.

    Attributes:
        names: of the held-out fields (n,).
        percentile: of each among the candidates that it was ranked with (n,).
        against: how many these were.
        quality: keys `MEASURED`.
    """

    names: np.ndarray
    percentile: np.ndarray
    against: int
    quality: Evaluation


@dataclass(frozen=True)
class Selection:
    """What was selected.

    Attributes:
        table: one row a field, best joint score first.
        known: reported fields that were held out and have a known value: elements, accessibility,
            value, wanted, probability, neither from a model that has seen them.
        held_out: what the encoder is worth.
        encoder: its name.
        wanted: of the property, in words.
        attrs: of the table: wanted; quality of both models; notes, reads and unusable_rows of both
            data sets (JSON).
    """

    table: pd.DataFrame
    known: pd.DataFrame
    held_out: HeldOut
    encoder: str
    wanted: str
    attrs: dict[Any, str]

    def figure(self) -> Figure:
        """Merit against accessibility."""
        from framework.figures.selection import selection_figure

        return selection_figure(
            self.table,
            self.known,
            against=self.held_out.against,
            encoder=self.encoder,
            wanted=self.wanted,
        )


class Work:
    """One of the three parts of a selection: what an executor computes."""

    def __init__(self, request: Request) -> None:
        self.request = request

    @single_threaded()
    def __call__(self, piece: str, progress: Progress) -> Any:
        request = self.request
        fields = replace(request.fields, encoder=deepcopy(request.fields.encoder))
        if piece == "accessibility":
            return accessibility(fields, request.index, progress)
        if piece == "hold-out":
            return hold_out(fields, request.seed, progress)
        asked, model = fields.names[request.index], (request.classifier, request.parameters)
        return merit(request.known, asked, *model, request.seed, progress)


@dataclass(frozen=True)
class Accessibility:
    """How plausible fields are (m,): their scores, the percentiles of these among all unexplored
    fields, listed or not, and the nearest reported fields."""

    score: np.ndarray
    percentile: np.ndarray
    nearest: np.ndarray


def accessibility(fields: Fields, index: np.ndarray, progress: Progress) -> Accessibility:
    """Fit the encoder, and score the unexplored fields, of which some (m,) are listed."""
    unexplored = fields.where(reported=False)
    scores = fields.fit(progress=progress).score(unexplored)
    percentile = 100 * rankdata(scores) / len(scores)
    listed = np.searchsorted(unexplored, index)
    nearest = ReportedFields.of(fields).nearest(fields, index)
    return Accessibility(scores[listed], percentile[listed], nearest)


PIECES = ("accessibility", "merit", "hold-out")
"""The longest first."""


def select_fields(
    request: Request, executor: Executor, tell: Callable[[str, int, int], None]
) -> Selection:
    """Sort the unexplored fields.

    Args:
        executor: where the three parts are computed; it decides no number.
        tell: given a part and its progress.

    Raises:
        UserError: a part was refused.
    """
    fields, known = request.fields, request.known
    parts: dict[str, Any] = {}
    for piece, outcome in executor.run(Work(request), PIECES, tell):
        if outcome.failure is not None:
            if outcome.failure.refused:
                raise UserError(outcome.failure.cause)
            raise RuntimeError(outcome.failure.traceback or outcome.failure.cause)
        parts[piece] = outcome.result
        tell(piece, 1, 1)
    merits, held = parts["merit"], parts["hold-out"]
    table = _table(fields.names[request.index], parts["accessibility"], merits, known)
    told: dict[Any, str] = {"notes": json.dumps(request.notes)}
    for key in ("reads", "unusable_rows"):
        both = [json.loads(items.attrs[key]) for items in (fields.items, known.items)]
        told[key] = json.dumps(both[0] + [each for each in both[1] if each not in both[0]])
    quality = {"merit": _plain(merits.quality), "accessibility": _plain(held.quality)}
    quality["accessibility"] |= {"held_out": [len(held.names)], "among": [held.against]}
    told |= {"wanted": known.spoken, "quality": json.dumps(quality)}
    background = _background(held, known, merits)
    return Selection(table, background, held, fields.name, known.spoken, told)


def hold_out(fields: Fields, seed: int, progress: Progress) -> HeldOut:
    """Fit the encoder without some reported fields, and rank these among candidates; of a finished
    run take its own hold-out."""
    if fields.run is not None:
        fields = Fields.of_run(fields.run)
        _, split = divided(fields.run.settings)  # type: ignore[union-attr]
    else:
        split = held_out(fields.items, SPLITS.load(HOLD_OUT), seed)
        fields.fit(split, progress)
    others = np.random.default_rng(0).permutation(split.unexplored)[:SAMPLED]
    scores, n = fields.score(np.append(split.holdout, others)), len(split.holdout)
    metrics = [RANKING[name] for name in MEASURED]
    relevant = np.arange(len(scores)) < n
    quality = evaluate(scores, relevant, prior=0.0, n_resamples=RESAMPLES, metrics=metrics)
    below = np.searchsorted(np.sort(scores[n:]), scores[:n])
    return HeldOut(fields.names[split.holdout], 100 * below / len(others), len(others), quality)


def _table(
    names: np.ndarray,
    accessible: Accessibility,
    merits: Merit,
    known: KnownSets,
) -> pd.DataFrame:
    """One row a field, best joint score first; equal ones by name."""
    joint = merits.probability * accessible.percentile / 100
    order = np.lexsort((names, -joint))
    value = dict(zip(known.names, known.values, strict=True))
    columns = {
        "elements": names,
        "joint": joint,
        "probability": merits.probability,
        "uncertainty": merits.uncertainty,
        "accessibility": accessible.percentile,
        "score": accessible.score,
        "front": front(merits.probability, accessible.score),
        "nearest_reported": accessible.nearest,
        f"nearest_{known.target}": np.array(
            [value.get(name, np.nan) for name in accessible.nearest]
        ),
    }
    table = pd.DataFrame(columns).iloc[order].reset_index(drop=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def front(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which points no other one is as good as in both values (n,) and better in one (n,): bool."""
    order = np.lexsort((-other, -one))
    best = np.maximum.accumulate(other[order])
    # whoever is below the best of those before, all of them as good in the first value, is beaten
    candidates = order[other[order] >= best]
    out = np.zeros(len(one), dtype=bool)
    out[candidates[on_front(np.stack([one, other], axis=1)[candidates])]] = True
    return out


def _plain(evaluation: Evaluation) -> dict[str, list[float]]:
    """Each metric as value, low and high end of its interval, and value under random order."""
    return {
        name: [value, evaluation.low[name], evaluation.high[name], evaluation.random[name]]
        for name, value in evaluation.values.items()
    }


def _background(held: HeldOut, known: KnownSets, merits: Merit) -> pd.DataFrame:
    """The held-out reported fields with what is known of them, in the order of their names."""
    at = {name: i for i, name in enumerate(known.names)}
    rows = [
        (name, percentile, known.values[i], bool(known.wanted[i]), merits.of_known[i])
        for name, percentile in sorted(zip(held.names, held.percentile, strict=True))
        if (i := at.get(name)) is not None
    ]
    columns = ["elements", "accessibility", "value", "wanted", "probability"]
    return pd.DataFrame(rows, columns=columns)
