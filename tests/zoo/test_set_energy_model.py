"""False sets are drawn as stated, the score learns a known distribution, and nothing is known of which
fields are candidates."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data.element_sets import ATOMIC_NUMBERS, SYMBOLS, numbers, padded_numbers
from data.representations.phase_field import PhaseFieldSamples
from framework.base.errors import UserError
from zoo.encoders.set_energy_model import Noise, SetEnergyModel, by_size, kind_of
from zoo.reported_sets import IS_ANION
from zoo.set_network import SetNetwork

CATIONS = ["Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In"]
ANIONS = ["O", "S", "Cl", "F"]
SPACE = np.array(
    [
        " ".join(sorted((*cations, *anions)))
        for cations in itertools.combinations(CATIONS, 2)
        for anions in itertools.combinations(ANIONS, 2)
    ]
)


def elements(*names) -> torch.Tensor:
    return torch.from_numpy(numbers(np.array(names)).astype(np.int64))


def samples(names) -> PhaseFieldSamples:
    table = torch.randn(119, 3, generator=torch.Generator().manual_seed(0))
    return PhaseFieldSamples(elements(*names).sort(dim=1).values, table)


def fitted(reported, unlabelled, **settings) -> SetEnergyModel:
    encoder = SetEnergyModel(**{"epochs": 3, "members": 1, "batch_size": 16, **settings})
    names = np.array(sorted(reported))
    encoder.context = SimpleNamespace(reported=names, unlabelled=samples(unlabelled), order=None)
    of_pattern = names[np.char.count(names, " ") == 3]
    return encoder.fit(samples(of_pattern))


def counts(**by_symbol) -> torch.Tensor:
    out = torch.zeros(119, dtype=torch.long)
    for symbol, count in by_symbol.items():
        out[ATOMIC_NUMBERS[symbol]] = count
    return out


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_false_sets_keep_cations_and_anions_and_are_as_likely_as_stated(exponent):
    torch.manual_seed(0)
    noise = Noise(counts(Li=9, Na=4, K=1, O=16, S=1), exponent)
    true = elements("Li O S").repeat(20_000, 1)
    false = noise.draw(true)
    assert (kind_of(false) == kind_of(true[:1])).all()
    assert set(false.flatten().tolist()) == {ATOMIC_NUMBERS[s] for s in ["Li", "Na", "K", "O", "S"]}
    cation = false[~torch.from_numpy(IS_ANION)[false]]
    weight = np.array([9.0, 4.0, 1.0]) ** exponent
    for symbol, share in zip(["Li", "Na", "K"], weight / weight.sum(), strict=True):
        drawn = (cation == ATOMIC_NUMBERS[symbol]).double().mean()
        assert drawn == pytest.approx(share, abs=0.02)
        stated = noise.log_share[ATOMIC_NUMBERS[symbol]].exp()
        assert stated == pytest.approx(share, rel=1e-5)


def test_false_sets_have_no_element_twice():
    torch.manual_seed(0)
    noise = Noise(counts(Li=1, Na=1, O=1, S=1), 0.5)
    false = noise.draw(elements("Li Na O S").repeat(100, 1))
    assert 0 < len(false) < 100
    assert all(len(set(row)) == 4 for row in false.tolist())


def test_sets_are_sorted_by_size():
    sets = by_size(padded_numbers(np.array(["Li O", "Li Na O", "K O"])))
    assert [each.tolist() for each in sets] == [[[3, 8], [8, 19]], [[3, 8, 11]]]


def test_the_order_of_elements_never_matters():
    network = SetNetwork(torch.randn(119, 3), 8, 16, 0.0).eval()
    sets = elements(*SPACE[:20])
    with torch.inference_mode():
        for order in ([3, 1, 0, 2], [1, 0, 3, 2]):
            torch.testing.assert_close(network(sets[:, order]), network(sets))


def test_a_single_element_and_eight_of_them_are_read_too():
    network = SetNetwork(torch.randn(119, 3), 8, 16, 0.0).eval()
    for k in (1, 8):
        assert network(torch.arange(1, k + 1)[None]).isfinite().all()


def test_it_learns_which_elements_are_reported_together_from_sets_of_other_sizes():
    drawn = np.random.default_rng(0)
    hard, soft = set(CATIONS[:5]), set(CATIONS[5:])
    ternary = [
        " ".join(sorted((a, b, x)))
        for side, anions in ((hard, "O F"), (soft, "S Cl"))
        for a, b in itertools.combinations(sorted(side), 2)
        for x in anions.split()
    ]
    few = drawn.choice(SPACE, 8, replace=False)
    encoder = fitted([*ternary, *few], SPACE, epochs=60, learning_rate=0.01)
    scores = dict(zip(SPACE, encoder.score_samples(samples(SPACE)), strict=True))
    alike = [f for f in SPACE if set(f.split()) <= hard | {"O", "F"} or set(f.split()) <= soft | {"S", "Cl"}]  # fmt: skip
    mixed = [f for f in SPACE if len(set(f.split()) & hard) == 1 and f not in few]
    assert np.mean([scores[f] for f in alike]) > np.mean([scores[f] for f in mixed]) + 1


def test_which_fields_are_candidates_changes_no_score():
    reported = SPACE[::5]
    rest = np.setdiff1d(SPACE, reported)
    some, others = (
        fitted(reported, part).score_samples(samples(SPACE)) for part in (rest, rest[::2])
    )
    np.testing.assert_array_equal(some, others)


def test_with_labels_at_random_held_out_fields_do_not_stand_out():
    """A field that is never trained on is scored as any other that is not: no label leaks."""
    cations = SYMBOLS[20:50]
    space = np.array([" ".join(sorted((a, b, c, d))) for a, b in itertools.combinations(cations, 2) for c, d in itertools.combinations(ANIONS, 2) if len({a, b, c, d}) == 4])  # fmt: skip
    reported = np.random.default_rng(1).permutation(space)[:800]
    train, held_out = reported[:400], reported[400:]
    unexplored = np.setdiff1d(space, reported)
    encoder = fitted(train, unexplored, epochs=20)
    low, high = (encoder.score_samples(samples(part)) for part in (unexplored, held_out))
    auroc = (np.searchsorted(np.sort(low), high) / len(low)).mean()
    assert auroc == pytest.approx(0.5, abs=0.05)
    memorised = encoder.score_samples(samples(train))
    assert (np.searchsorted(np.sort(low), memorised) / len(low)).mean() > 0.6


def test_two_networks_are_averaged_and_have_their_own_units():
    encoder = fitted(SPACE[::5], SPACE[1::5], members=2)
    one = fitted(SPACE[::5], SPACE[1::5], members=1, hidden=64)
    some = samples(SPACE[:7])
    assert encoder.transform(some).shape == (7, 128) and one.transform(some).shape == (7, 64)
    assert not np.allclose(encoder.weights_[0], encoder.weights_[1])


def test_without_a_context_there_is_one_message():
    with pytest.raises(UserError, match="run it with task 'plausibility'"):
        SetEnergyModel().fit(samples(SPACE[:5]))
