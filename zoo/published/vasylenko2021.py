"""The phase-field VAE's published scores and errors, from the norm of its input alone. Source: Vasylenko et al., Nat. Commun. 12, 5561 (2021).

Nothing is trained here. The published score is the Euclidean distance between the standardised
input and the decoder's output; the output was 0 everywhere, so the score is the input's norm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.datasets.vasylenko2021 import (
    CANDIDATE_SCORES,
    CANDIDATES,
    FEATURES,
    FILES,
    TRAINING,
    TRAINING_SCORES,
    VALIDATION_SCORES,
    read_fields,
    require_folder,
)
from data.element_sets import SYMBOLS, numbers
from data.elements import element_table
from data.table import has_column, read_table
from framework.base.errors import UserError

Field = tuple[str, ...]

N_FOLDS = 5
CHOSEN = ("Cl", "Li", "S", "Sn")
"""The field that was chosen from the list, and in which a new phase was then made."""

N_SHOWN = 5
TABLE = "published_37"


def vasylenko2021(path: str | Path) -> dict[str, float]:
    """Every published figure, recomputed from the fields and the element features.

    - ``n_training_fields``, ``n_repeated`` (an element is listed twice), ``n_candidates``;
    - ``element_features_max_difference``: our element table against the published one, in
      standard deviations of the feature over the elements that occur;
    - ``training_score_max_difference``, ``candidate_score_max_difference``,
      ``validation_score_max_difference``: our norm against the published score, row by row;
      published scores are rounded to 0.001, so that 0.0005 is agreement;
    - ``score_of_rank_1`` to ``score_of_rank_5`` and ``rank_of_li_sn_s_cl`` of the candidates;
    - ``threshold``: half of (lowest + highest) training score, of the run on all data;
    - ``validation_error_fold_1`` to ``validation_error_fold_5``, ``validation_error_mean``: %
      of held-out fields above the threshold, over contiguous folds of the file. Each fold is
      standardised by the other fields, but the threshold is the one of all data, held-out
      fields among them.

    Args:
        path: the folder with the published files (`data.datasets.vasylenko2021.FILES`).

    Raises:
        UserError: a file is missing or cannot be read, or the scores are of other fields.
    """
    folder = require_folder(path, *FILES)
    training, candidates = read_fields(folder / TRAINING), read_fields(folder / CANDIDATES)
    if len(training) < N_FOLDS:
        raise UserError(f"{folder / TRAINING}: {len(training)} fields do not make {N_FOLDS} folds")
    names = [tuple(sorted(field)) for field in candidates]
    if CHOSEN not in names:
        raise UserError(f"{folder / CANDIDATES}: lacks {' '.join(CHOSEN)}, whose rank is wanted")
    seen, new = inputs(training), inputs(candidates)

    training_scores, candidate_scores = norms(seen, seen), norms(new, seen)
    threshold = (training_scores.min() + training_scores.max()) / 2
    chosen = candidate_scores[names.index(CHOSEN)]

    errors, fold_differences = [], []
    for i, held in enumerate(contiguous_folds(len(training)), start=1):
        scores = norms(seen[held], seen[~held])
        fields = [training[j] for j in np.flatnonzero(held)]
        published = published_scores(folder / VALIDATION_SCORES, fields, fold=i)
        fold_differences.append(_largest(scores - published))
        errors.append(100 * float(np.mean(scores > threshold)))

    return {
        "n_training_fields": float(len(training)),
        "n_repeated": float(sum(len(set(field)) < len(field) for field in training)),
        "n_candidates": float(len(candidates)),
        "element_features_max_difference": features_difference(
            folder / FEATURES, [*training, *candidates]
        ),
        "training_score_max_difference": _largest(
            training_scores - published_scores(folder / TRAINING_SCORES, training)
        ),
        "candidate_score_max_difference": _largest(
            candidate_scores - published_scores(folder / CANDIDATE_SCORES, candidates)
        ),
        "validation_score_max_difference": max(fold_differences),
        **{
            f"score_of_rank_{rank}": float(score)
            for rank, score in enumerate(np.sort(candidate_scores)[:N_SHOWN], start=1)
        },
        "rank_of_li_sn_s_cl": 1.0 + float(np.sum(candidate_scores < chosen)),
        "threshold": float(threshold),
        **{f"validation_error_fold_{i}": error for i, error in enumerate(errors, start=1)},
        "validation_error_mean": float(np.mean(errors)),
    }


def inputs(fields: Sequence[Field]) -> np.ndarray:
    """The features of the elements of each field, side by side (n, 4, 37); raw.

    Raises:
        UserError: an element has no published features.
    """
    elements = _elements(fields)
    values = element_table(TABLE).values[elements]
    if len(bare := np.unique(elements[~np.isfinite(values).all(axis=2)])):
        symbols = ", ".join(SYMBOLS[z - 1] for z in bare)
        raise UserError(
            f"the published features do not cover {symbols}; leave the fields with it out, "
            "or take a fresh copy of the published files"
        )
    return values


def norms(fields: np.ndarray, fitted_on: np.ndarray) -> np.ndarray:
    """Euclidean norm (n,) of inputs (n, 4, 37), each feature standardised as was published.

    The published scaler saw every field in all 24 orders of its elements. Each of the 148
    columns then holds every element equally often, so that mean and standard deviation
    (divisor n, as in scikit-learn) are those of the feature over all fields and places, and
    the norm is the same for every order.
    """
    spread = fitted_on.std(axis=(0, 1))
    spread[spread == 0] = 1  # as scikit-learn does
    standardised = (fields - fitted_on.mean(axis=(0, 1))) / spread
    return np.linalg.norm(standardised.reshape(len(fields), -1), axis=1)


def contiguous_folds(n: int) -> list[np.ndarray]:
    """Masks (n,) of five blocks of n // 5 lines; what is left over (line 2,021) is never held."""
    size = n // N_FOLDS
    lines = np.arange(n)
    return [(lines >= i * size) & (lines < (i + 1) * size) for i in range(N_FOLDS)]


def published_scores(file: Path, fields: Sequence[Field], fold: int | None = None) -> np.ndarray:
    """The published scores (n,) in the order of the fields; of one validation fold, if given.

    Raises:
        UserError: the file cannot be read, or its rows are not these fields.
    """
    table = read_table(file, "published scores 'elements,score,...'")
    at = [table.header.index(has_column(table, name)) for name in ("elements", "score")]
    at_fold = None if fold is None else table.header.index(has_column(table, "fold"))
    scores: dict[Field, float] = {}
    for line, cells in table.rows:
        if len(cells) != len(table.header):
            raise UserError(
                f"{file}: line {line}: {len(cells)} cells where the header has {len(table.header)}"
            )
        if at_fold is None or cells[at_fold] == str(fold):
            elements, score = (cells[i] for i in at)
            try:
                scores[tuple(sorted(elements.split()))] = float(score)
            except ValueError:
                raise UserError(f"{file}: line {line}: score '{score}' is not a number") from None
    wanted = [tuple(sorted(field)) for field in fields]
    if others := set(wanted) ^ set(scores):
        first = min(others)
        where = str(file) if fold is None else f"{file}: fold {fold}"
        raise UserError(
            f"{where}: {len(others)} field(s) are only in the scores or only in the list of fields "
            f"(first: {' '.join(first)}); take both files from one copy"
        )
    return np.array([scores[field] for field in wanted])


def features_difference(file: Path, fields: Sequence[Field]) -> float:
    """Largest difference of our element table from the published file, in standard deviations.

    Raises:
        UserError: the file cannot be read, or has no value for an element of the fields.
    """
    ours, theirs = element_table(TABLE), element_table(str(file))
    if len(theirs.features) != len(ours.features):
        raise UserError(
            f"{file}: {len(theirs.features)} features where {len(ours.features)} were published"
        )
    occurring = np.unique(_elements(fields))
    published, own = theirs.values[occurring], ours.values[occurring]
    if len(bare := occurring[~np.isfinite(published).all(axis=1)]):
        raise UserError(f"{file}: lacks values for {', '.join(SYMBOLS[z - 1] for z in bare)}")
    spread = own.std(axis=0)
    spread[spread == 0] = 1
    return _largest((own - published) / spread)


def _elements(fields: Sequence[Field]) -> np.ndarray:
    """Atomic numbers (n, 4), each field in its own order."""
    return numbers([" ".join(field) for field in fields])


def _largest(differences: np.ndarray) -> float:
    return float(np.abs(differences).max())
