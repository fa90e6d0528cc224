"""What the elements of a field add to its score, where it stands, and which reported fields are near.

The value of some of a field's elements is the mean score of the fields that hold them, with the
others taken from background fields: whatever completes them to a field of the same space. So an
absent element is replaced by what candidates have in its place, a cation by a cation
(interventional: Janzing, Minorics and Bloebaum, AISTATS 2020). Background fields share no element
with the field where there are enough of them: then of a score that is a sum over pairs no triple
adds anything.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from framework.base.progress import Stages
from framework.selection.fields import Fields
from framework.selection.nearest import ReportedFields
from framework.selection.shapley import interactions, shapley_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BACKGROUND = 300
"""Candidates that absent elements are taken from, drawn once."""

FEWEST = 20
"""Candidates without any element of the field that suffice."""

NEAREST = 8
"""Reported fields that are listed as the nearest ones."""

LARGEST = 3
"""Elements whose joint contribution is given by itself; that of more is shared among these."""


@dataclass(frozen=True)
class Explanation:
    """Why a field has its score.

    Attributes:
        field, encoder: the element set, and the encoder's name.
        score: higher = more plausible.
        background: the mean score of the background fields; contributions add up to the
            difference.
        rank, candidates: its place among all unexplored fields of the space, and how many there
            are; of a reported field the place that it would have.
        percentile: 100 for the first.
        reported: in words: whether, and since when.
        learned_from: whether the encoder has been given it as reported, so that its score is
            no prediction.
        elements: element, shapley (what it adds, averaged over all orders of the elements).
        combinations: elements, size, adds (beyond what their own subsets add).
        nearest: the nearest reported fields: elements, shared, instead_of, has, order of entry.
        related: reported sets of any size that hold the field or that it holds: elements, relation.
        neighbours: fields with one element replaced by its neighbour in the periodic table:
            elements, replaced, by, score, rank, reported; best first.
        scores: of all candidates (m,), descending.
        notes: what a reader should know.
    """

    field: str
    encoder: str
    score: float
    background: float
    rank: int
    candidates: int
    percentile: float
    reported: str
    learned_from: bool
    elements: pd.DataFrame
    combinations: pd.DataFrame
    nearest: pd.DataFrame
    related: pd.DataFrame
    neighbours: pd.DataFrame
    scores: np.ndarray
    notes: tuple[str, ...]

    def figure(self) -> Figure:
        """What elements, pairs and triples add, and where the field stands."""
        from framework.figures.explanation import explanation_figure

        name, reported = "-".join(self.field.split()), self.reported.partition(";")[0]
        return explanation_figure(
            f"{name} by {self.encoder}: score {self.score:.3g}, rank {self.rank:,} of "
            f"{self.candidates:,} candidates; {reported}",
            score=self.score,
            background=self.background,
            elements=self.elements,
            combinations=self.combinations,
            scores=self.scores,
            neighbours=self.neighbours,
        )


def explain_field(fields: Fields, text: str, stages: Stages) -> Explanation:
    """Explain the score of one field.

    Args:
        fields: with an encoder that is fitted here, unless it is that of a finished run.
        text: a field as a person types it.

    Raises:
        UserError: it is not a field of the space.
    """
    field = fields.parse(text)
    with stages.begin(f"fit {fields.name}") as done:
        fields.fit(progress=done)
    unexplored = fields.where(reported=False)
    with stages.begin(f"score {len(unexplored):,} fields"):
        scores = fields.score(unexplored)
        score = float(fields.score_names(np.array([field]))[0])
    with stages.begin("contributions of elements"):
        values = subset_values(fields, field)
    order = np.sort(scores)[::-1]
    rank = 1 + int((scores > score).sum())
    return Explanation(
        field=field,
        encoder=fields.name,
        score=score,
        background=float(values[0]),
        rank=rank,
        candidates=len(scores),
        percentile=100 * (1 - (rank - 1) / len(scores)),
        reported=entry(fields, field),
        learned_from=field in fields.learned_from,
        **contributions(field, values),
        nearest=nearest(fields, field),
        related=related(field, np.unique(fields.dataset["element_set"].values.astype(str))),
        neighbours=table_neighbours(fields, field, order),
        scores=order,
        notes=fields.notes,
    )


def subset_values(fields: Fields, field: str, background: np.ndarray | None = None) -> np.ndarray:
    """The value of every subset of a field's elements (2^k,); bit i is the i-th element.

    Args:
        background: fields that absent elements are taken from; by default `background_of`.
    """
    if background is None:
        background = background_of(field, fields.names[fields.where(reported=False)])
    symbols = field.split()
    completed = [
        [completions({s for i, s in enumerate(symbols) if subset >> i & 1}, set(other.split()))
         for other in background]
        for subset in range(1 << len(symbols))
    ]  # fmt: skip
    members = fields.task.members
    assert members is not None
    possible = sorted({name for of in completed for names in of for name in names})
    valid = np.array(members(possible))
    score = dict(zip(valid, fields.score_names(valid), strict=True))
    means = [
        [np.mean(known) for names in of if (known := [score[n] for n in names if n in score])]
        for of in completed
    ]
    return np.array([np.mean(each) for each in means])


def background_of(field: str, candidates: np.ndarray) -> np.ndarray:
    """`BACKGROUND` of the candidates (m,) that share no element with a field, or where these are
    fewer than `FEWEST`, of all."""
    symbols = set(field.split())
    foreign = np.array([symbols.isdisjoint(name.split()) for name in candidates])
    pool = candidates[foreign] if foreign.sum() >= FEWEST else candidates
    drawn = np.random.default_rng(0).permutation(len(pool))[:BACKGROUND]
    background: np.ndarray = pool[np.sort(drawn)]
    return background


def completions(kept: set[str], other: set[str]) -> list[str]:
    """The element sets that hold what is kept of a field, and as many elements of another field of
    the same size as were left out of it."""
    rest = sorted(other - kept)
    return [
        " ".join(sorted({*kept, *added}))
        for added in itertools.combinations(rest, len(other) - len(kept))
    ]


def contributions(field: str, values: np.ndarray) -> dict[str, pd.DataFrame]:
    """What elements add, and what their combinations add, largest first, from the values of all
    subsets (2^k,)."""
    symbols = field.split()
    elements = pd.DataFrame({"element": symbols, "shapley": shapley_values(values)})
    rows = [
        ("-".join(symbols[i] for i in players), len(players), adds)
        for players, adds in interactions(values, LARGEST).items()
    ]
    combinations = pd.DataFrame(rows, columns=["elements", "size", "adds"])
    return {
        "elements": elements.sort_values("shapley", ascending=False, ignore_index=True),
        "combinations": combinations.sort_values(
            ["size", "adds"], ascending=[True, False], ignore_index=True
        ),
    }


def nearest(fields: Fields, field: str) -> pd.DataFrame:
    """The reported fields nearest to one, itself apart."""
    reported = ReportedFields.of(fields)
    asked = np.array([field])
    shared, squared = (each[0] for each in reported.compare(asked, fields.shown(asked)))
    symbols = set(field.split())
    order = dict(zip(fields.names, fields.items["order"].values, strict=True))
    rows = []
    for i in np.lexsort((squared, -shared)):
        name = str(reported.names[i])
        other = set(name.split())
        if name != field:
            texts = (
                " ".join(sorted(each))
                for each in (symbols & other, symbols - other, other - symbols)
            )
            rows.append((name, *texts, order[name]))
        if len(rows) == NEAREST:
            break
    return pd.DataFrame(rows, columns=["elements", "shared", "instead_of", "has", "entry"])


def related(field: str, reported: np.ndarray) -> pd.DataFrame:
    """The reported sets that a field holds, largest first, and those that hold it.

    Args:
        reported: all element sets of the data (m,), of any size, sorted.
    """
    symbols = set(field.split())
    rows = []
    for name in reported:
        other = set(str(name).split())
        if other < symbols:
            rows.append((str(name), len(other), "subset"))
        elif other > symbols:
            rows.append((str(name), len(other), "superset"))
    table = pd.DataFrame(rows, columns=["elements", "size", "relation"])
    return table.sort_values(
        ["relation", "size", "elements"], ascending=[True, False, True], ignore_index=True
    )


def table_neighbours(fields: Fields, field: str, scores: np.ndarray) -> pd.DataFrame:
    """The fields of the space with one element replaced by its neighbour in the periodic table.

    Args:
        scores: of all candidates (m,), descending.
    """
    columns = ["elements", "replaced", "by", "score", "rank", "reported"]
    find = fields.task.neighbours
    known = dict(zip(fields.names, fields.items["reported"].values, strict=True))
    names = [name for name in (find(field) if find is not None else []) if name in known]
    if not names:
        return pd.DataFrame(columns=columns)
    symbols = set(field.split())
    rows = []
    for name, score in zip(names, fields.score_names(np.array(names)), strict=True):
        (replaced,), (by,) = symbols - set(name.split()), set(name.split()) - symbols
        rank = 1 + int(np.searchsorted(-scores, -score, side="left"))
        rows.append((name, replaced, by, float(score), rank, bool(known[name])))
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["score", "elements"], ascending=[False, True], ignore_index=True)


def entry(fields: Fields, field: str) -> str:
    """Whether a field is reported, and since when, in words."""
    at = np.flatnonzero(fields.names == field)
    if not len(at) or not fields.items["reported"].values[at[0]]:
        return "not reported"
    orders = fields.items["order"].values[fields.where(reported=True)]
    order = fields.items["order"].values[at[0]]
    if not np.isfinite(order):
        return "reported; the data do not say since when"
    later = 100 * float((orders > order).sum()) / int(np.isfinite(orders).sum())
    return (
        f"reported; first entered at {fields.dataset.attrs['time']} {order:.12g}, earlier than "
        f"{later:.0f} % of the reported fields of the space"
    )
