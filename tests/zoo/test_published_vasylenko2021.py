"""The published figures of the phase-field VAE are those of its input's norm, to the last digit."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from data.datasets.vasylenko2021 import FILES
from data.element_sets import ATOMIC_NUMBERS, SYMBOLS
from data.elements import element_table
from framework.base.errors import UserError
from framework.registry.registry import PUBLISHED
from zoo.published.vasylenko2021 import vasylenko2021

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "datasets" / "vasylenko2021"
ROUNDING = 0.0005

needs_shared = pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared/datasets is absent")


def norms_by_augmentation(fields: list[str], fitted_on: list[str]) -> np.ndarray:
    """As published, by scikit-learn: all 24 orders of every field fit the scaler."""
    values = element_table("published_37").values

    def orders(field: str) -> list[np.ndarray]:
        each = [values[ATOMIC_NUMBERS[symbol]] for symbol in field.split()]
        return [np.concatenate(order) for order in itertools.permutations(each)]

    scaler = StandardScaler().fit([row for field in fitted_on for row in orders(field)])
    by_order = np.array(
        [np.linalg.norm(scaler.transform(orders(field)), axis=1) for field in fields]
    )
    assert np.ptp(by_order, axis=1).max() < 1e-9
    return by_order.mean(axis=1)


def write_scores(path: Path, rows: list[tuple[str, float, int | None]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["elements", "score", "fold"])
        # in another order of rows and of symbols than the fields
        for field, score, fold in sorted(rows, key=lambda row: row[1]):
            writer.writerow([" ".join(field.split()[::-1]), f"{score:.3f}", fold or ""])


TRAINING = [
    *("Cl Cs O Re", "Bi Ce O S", "Ba Cl Cu O", "F K O Ta", "Cd Cl O P", "As As Cd I"),
    *("Br Nb Se Se", "Cl Fe O P", "B Ca Cl O", "F Na O P", "Cd I P S", "K N O Se"),
]
CANDIDATES = ["F Li O Zr", "B Cl Li S", "Cl Li S Sn", "Li La N O", "Br Li P S", "I Li Mg S"]
HELD = [TRAINING[2 * i : 2 * i + 2] for i in range(5)]  # of 12 // 5 lines; the last 2 never


@pytest.fixture
def small(tmp_path) -> Path:
    """A folder of 12 fields and 6 candidates, scored by scikit-learn."""
    (tmp_path / "training_fields.dat").write_text("\n".join(TRAINING))
    (tmp_path / "candidate_fields.dat").write_text("\n".join(CANDIDATES))
    for part, fields in (("training", TRAINING), ("candidate", CANDIDATES)):
        scores = norms_by_augmentation(fields, TRAINING)
        write_scores(
            tmp_path / f"published_{part}_scores.csv",
            [(field, score, None) for field, score in zip(fields, scores, strict=True)],
        )
    rows = []
    for i, held in enumerate(HELD, start=1):
        scores = norms_by_augmentation(held, [f for f in TRAINING if f not in held])
        rows += [(field, score, i) for field, score in zip(held, scores, strict=True)]
    write_scores(tmp_path / "published_validation_scores.csv", rows)
    table = element_table("published_37")
    with (tmp_path / "elemental_features_37.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["element", *table.features])
        for z in np.flatnonzero(np.isfinite(table.values).all(axis=1)):
            writer.writerow([SYMBOLS[z - 1], *table.values[z]])
    return tmp_path


# a folder of our own, scored by another library


def test_the_norm_is_that_of_every_order_under_a_scaler_that_saw_all_orders(small):
    figures = vasylenko2021(small)
    for part in ("training", "candidate", "validation"):
        assert figures[f"{part}_score_max_difference"] <= ROUNDING
    assert figures["element_features_max_difference"] == 0
    counts = [figures[key] for key in ("n_training_fields", "n_repeated", "n_candidates")]
    assert counts == [12, 2, 6]


def test_rank_threshold_and_errors_follow_from_the_scores(small):
    figures = vasylenko2021(small)
    scores = norms_by_augmentation(CANDIDATES, TRAINING)
    assert figures["rank_of_li_sn_s_cl"] == 1 + np.argsort(scores).tolist().index(2)
    ranked = [figures[f"score_of_rank_{rank}"] for rank in range(1, 6)]
    np.testing.assert_allclose(ranked, np.sort(scores)[:5])
    seen = norms_by_augmentation(TRAINING, TRAINING)
    assert figures["threshold"] == pytest.approx((seen.min() + seen.max()) / 2)
    errors = []
    for held in HELD:
        own = norms_by_augmentation(held, [f for f in TRAINING if f not in held])
        errors.append(100 * np.mean(own > (seen.min() + seen.max()) / 2))
    assert [figures[f"validation_error_fold_{i}"] for i in range(1, 6)] == errors
    assert len(set(errors)) > 1 and figures["validation_error_mean"] == pytest.approx(
        np.mean(errors)
    )


@pytest.mark.parametrize("part", ["training", "candidate", "validation"])
def test_one_score_that_is_not_the_norm_is_noticed(small, part):
    file = small / f"published_{part}_scores.csv"
    header, first, *rest = file.read_text().splitlines()
    elements, score, fold = first.split(",")
    changed = f"{elements},{float(score) + 0.25:.3f},{fold}"
    file.write_text("\n".join([header, changed, *rest]))
    figures = vasylenko2021(small)
    assert figures[f"{part}_score_max_difference"] == pytest.approx(0.25, abs=0.001)


def test_features_other_than_ours_are_noticed(small):
    file = small / "elemental_features_37.csv"
    header, *rows = file.read_text().splitlines()
    changed = [
        ",".join([*cells[:-1], "9"]) if (cells := row.split(","))[0] == "Li" else row
        for row in rows
    ]
    file.write_text("\n".join([header, *changed]))
    assert vasylenko2021(small)["element_features_max_difference"] > 1


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_with_all_that_are_expected(small, name):
    (small / name).unlink()
    with pytest.raises(UserError) as caught:
        vasylenko2021(small)
    assert f"lacks {name};" in str(caught.value)
    assert all(expected in str(caught.value) for expected in FILES)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("training_fields.dat", "Bi Ce", "Bii Ce", r"fields\.dat: line 2: 'Bii' is not an el"),
        ("candidate_fields.dat", "S Sn", "S Ti", r"candidate_fields\.dat: lacks Cl Li S Sn"),
        ("training_fields.dat", "Bi Ce", "Bi H", "features do not cover H;"),
        ("training_fields.dat", "Bi Ce", "Bi La", r"scores\.csv: fold 1: 2 field\(s\) are only"),
        ("published_candidate_scores.csv", "score", "skore", "no column 'score'.*'skore'"),
        ("published_candidate_scores.csv", "Sn S Li Cl,", "Sn S Li Cl,x", "'x.*is not a number"),
        ("published_candidate_scores.csv", "Sn S Li Cl,", "Sn S Li Cl,,", "4 cells where .* 3"),
        (
            "published_validation_scores.csv",
            ",2\n",
            ",9\n",
            r"scores\.csv: fold 2: 1 field\(s\) are only",
        ),
        ("published_validation_scores.csv", ",fold", ",part", "no column 'fold'"),
        ("elemental_features_37.csv", "\nLi,", "\nHe,", "37.csv: lacks values for Li"),
        ("elemental_features_37.csv", ",Row\n", "\n", "37.csv: line 2: 38 cells"),
    ],
)
def test_a_file_that_does_not_fit_is_explained(small, file, old, new, message):
    text = (small / file).read_text()
    assert old in text
    (small / file).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        vasylenko2021(small)


def test_too_few_fields_for_five_folds_are_refused(small):
    (small / "training_fields.dat").write_text("\n".join(TRAINING[:4]))
    with pytest.raises(UserError, match="4 fields do not make 5 folds"):
        vasylenko2021(small)


def test_a_path_that_is_no_folder_is_explained(small):
    with pytest.raises(UserError, match=r"is a file; expected a folder that holds training_f"):
        vasylenko2021(small / "training_fields.dat")
    with pytest.raises(UserError, match="no such folder"):
        vasylenko2021(small / "nowhere")


# the published folder


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    """By its registered name, as the command line calls it."""
    return PUBLISHED.load("vasylenko2021")(str(FOLDER))


@needs_shared
@pytest.mark.parametrize("part", ["training", "candidate", "validation"])
def test_every_published_score_is_the_norm_of_the_input(figures, part):
    assert 0 < figures[f"{part}_score_max_difference"] <= ROUNDING


@needs_shared
def test_the_published_validation_errors_follow_from_the_norm(figures):
    errors = [figures[f"validation_error_fold_{i}"] for i in range(1, 6)]
    np.testing.assert_allclose(errors, [24.26, 20.05, 19.80, 26.24, 13.37], rtol=0, atol=0.005)
    assert figures["validation_error_mean"] == pytest.approx(20.74, abs=0.005)
    assert figures["threshold"] == pytest.approx(13.51, abs=0.005)


@needs_shared
def test_the_published_choice_is_fifth_by_the_norm(figures):
    assert figures["rank_of_li_sn_s_cl"] == 5
    scores = [figures[f"score_of_rank_{rank}"] for rank in range(1, 6)]
    np.testing.assert_allclose(
        scores, [9.779, 9.928, 10.038, 10.046, 10.094], rtol=0, atol=ROUNDING
    )


@needs_shared
def test_our_features_are_the_published_ones_and_all_fields_are_there(figures):
    assert figures["element_features_max_difference"] < 1e-5
    counts = [figures[key] for key in ("n_training_fields", "n_repeated", "n_candidates")]
    assert counts == [2_021, 94, 303]
