"""What is learned one size down: counts by hand, nothing that counts itself, and ranks that beat
counting where parts decide."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data.element_sets import padded_numbers
from data.representations.phase_field import PhaseFieldSamples
from framework.base.errors import UserError
from zoo.encoders.reported_neighbourhood import ReportedNeighbourhood
from zoo.reported_sets import IS_ANION
from zoo.smaller_sets import OneSizeDown, _counts, _key, _ranks

REPORTED = padded_numbers(["Li O", "Na O", "Li Na O", "Li O S", "Li Na", "Na O S"])


def test_counts_are_those_of_a_count_by_hand():
    share, *pairs = _counts(padded_numbers(["Li Na O S"]), REPORTED)[0]
    # Li Na O, Li O S and Na O S are reported, Li Na S is not
    assert share == pytest.approx(3 / 4)
    # Li Na 2, Li O 3, Na O 3, Li S 1, Na S 1, O S 2 sets hold both
    logs = np.log1p([2, 3, 3, 1, 1, 2])
    np.testing.assert_allclose(pairs[:3], [logs.min(), logs.mean(), logs.max()], rtol=1e-6)
    mixed = np.log1p([3, 3, 1, 1])
    np.testing.assert_allclose(pairs[3:], [mixed.min(), mixed.mean(), mixed.max()], rtol=1e-6)


def test_parts_of_cations_alone_do_not_count():
    share = _counts(padded_numbers(["Li Na O"]), REPORTED)[0, 0]
    assert share == 1  # Li O and Na O; Li Na is an alloy
    share = _counts(padded_numbers(["Li Na O"]), padded_numbers(["Li Na", "Li O"]))[0, 0]
    assert share == 1 / 2


def test_the_order_of_elements_and_of_sets_never_shows():
    fields = padded_numbers(["Li Na O S", "Cl K Na O"])
    turned = fields[:, ::-1].copy()
    np.testing.assert_array_equal(
        _counts(fields, REPORTED), _counts(turned, REPORTED[::-1, ::-1].copy())
    )
    assert (_key(fields) == _key(turned)).all()
    wider = np.pad(fields, ((0, 0), (3, 0)))
    assert (_key(fields) == _key(wider)).all() and len(set(_key(REPORTED))) == len(REPORTED)


def test_ranks_say_how_many_lie_above_and_below():
    ordered = np.sort(np.arange(100.0))[:, None]
    logs = _ranks(np.array([[-1.0], [49.5], [1000.0]]), ordered)
    np.testing.assert_allclose(np.exp(logs) - 0.01, [[1, 0], [0.5, 0.5], [0, 1]], atol=1e-9)


def made_up(seed: int = 0):
    """A world where a set is reported if its pairs of cation and anion all are, mostly."""
    rng = np.random.default_rng(seed)
    cations = [z for z in range(3, 90) if not IS_ANION[z]][:24]
    anions = [z for z in range(1, 90) if IS_ANION[z]]
    likes = rng.random((119, 119)) < 0.45
    likes = np.triu(likes, 1) | np.triu(likes, 1).T

    def fits(sets: np.ndarray) -> np.ndarray:
        pairs = [
            likes[one, other] | (IS_ANION[one] == IS_ANION[other])
            for one, other in itertools.combinations(sets.T, 2)
        ]
        return np.all(pairs, axis=0)

    def every(n: int, m: int) -> np.ndarray:
        return np.sort(
            [
                (*some, *others)
                for some in itertools.combinations(cations, n)
                for others in itertools.combinations(anions, m)
            ],
            axis=1,
        )

    smaller = [every(1, 1), every(2, 1), every(1, 2)]
    known = [each[fits(each) & (rng.random(len(each)) < 0.5)] for each in smaller]
    reported = np.concatenate([np.pad(each, ((0, 0), (4 - each.shape[1], 0))) for each in known])
    fields = every(2, 2)
    return reported, fields, fits(fields)


def test_larger_sets_are_ranked_by_what_smaller_ones_teach():
    from sklearn.metrics import roc_auc_score

    reported, fields, fits = made_up()
    learned = OneSizeDown.fit(reported, fields, 5000, 4, 0)
    assert roc_auc_score(fits, learned.score(fields)) > 0.97
    again = OneSizeDown.fit(reported[::-1].copy(), fields, 5000, 4, 1)
    assert roc_auc_score(fits, again.score(fields)) > 0.97


def test_a_set_does_not_count_itself():
    """Where sets are reported at random nothing can be learned; one that counted itself among the
    reported ones would be recognised by that."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    _, fields, _ = made_up()
    parts = np.unique(np.concatenate([np.delete(fields, i, axis=1) for i in range(4)]), axis=0)
    labels = rng.random(len(parts)) < 0.3
    reported = np.pad(parts[labels], ((0, 0), (1, 0)))
    assert roc_auc_score(labels, _counts(parts, reported)[:, 1]) > 0.55  # the trap
    learned = OneSizeDown.fit(reported, fields, 5000, 8, 0)
    ranks = _ranks(counts := _counts(parts, reported), np.sort(counts, axis=0))
    odds = ranks @ learned.weights[:-1] + learned.weights[-1]
    assert np.std(odds) < 0.35
    assert np.mean(odds) == pytest.approx(np.log(0.3 / 0.7), abs=0.3)


def test_too_few_elements_or_sets_are_refused():
    reported, fields, _ = made_up()
    with pytest.raises(UserError, match=r"fields need at least 4 elements .* here they have 3"):
        OneSizeDown.fit(reported, fields[:, :3], 100, 4, 0)
    with pytest.raises(UserError, match=r"4 reported sets of one fewer; .* there are 0"):
        OneSizeDown.fit(reported[reported[:, 1] == 0], fields, 100, 4, 0)


def test_the_encoder_learns_one_size_down_and_is_saved(tmp_path):
    reported, fields, _ = made_up()
    table = torch.zeros(119, 2)
    encoder = ReportedNeighbourhood(sampled=3000, folds=4)
    everything = PhaseFieldSamples(torch.from_numpy(fields), table)
    encoder.context = SimpleNamespace(unlabelled=everything, reported=np.array(["Li O"]))
    encoder.fit(PhaseFieldSamples(torch.from_numpy(reported), table))
    expected = OneSizeDown.fit(reported, fields, 3000, 4, 0)
    scores = encoder.score_samples(everything)
    np.testing.assert_allclose(scores, expected.score(fields))
    np.testing.assert_allclose(encoder.transform(everything), expected.describe(fields))
    encoder.save(tmp_path / "encoder.npz")
    again = ReportedNeighbourhood(sampled=3000, folds=4).restore(tmp_path / "encoder.npz")
    np.testing.assert_array_equal(again.score_samples(everything), scores)
