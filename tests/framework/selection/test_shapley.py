"""Shapley values and interactions against brute force over all orders of the players."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framework.selection.shapley import dividends, interactions, shapley_values


def games(least=1, most=5):
    values = st.floats(-10, 10)
    return st.integers(least, most).flatmap(lambda n: arrays(float, 1 << n, elements=values))


def players(values):
    return len(values).bit_length() - 1


def mask(subset):
    return sum(1 << i for i in subset)


def derivative(values, of, at):
    """How much more a set of players is worth together at a subset, by inclusion and exclusion."""
    signs = ((-1) ** (len(of) - k) for k in range(len(of) + 1))
    return sum(
        sign * values[mask(part) | at]
        for k, sign in enumerate(signs)
        for part in itertools.combinations(of, k)
    )


@given(games())
def test_shapley_values_are_the_mean_over_all_orders(values):
    n = players(values)
    added = np.zeros(n)
    for order in itertools.permutations(range(n)):
        before = 0
        for player in order:
            added[player] += values[before | 1 << player] - values[before]
            before |= 1 << player
    np.testing.assert_allclose(shapley_values(values), added / math.factorial(n), atol=1e-9)


@given(games())
def test_contributions_add_up_to_the_value_of_all_less_that_of_none(values):
    whole = values[-1] - values[0]
    assert shapley_values(values).sum() == pytest.approx(whole, abs=1e-6)
    for order in (1, 2, 3):
        assert sum(interactions(values, order).values()) == pytest.approx(whole, abs=1e-6)


@given(games(least=2))
def test_interactions_below_the_order_are_what_a_subset_adds_to_nobody(values):
    n = players(values)
    order = min(3, n)
    for subset, adds in interactions(values).items():
        if len(subset) < order:
            assert adds == pytest.approx(derivative(values, subset, 0), abs=1e-9)


@given(games(least=3))
def test_interactions_of_the_order_are_means_over_all_orders_of_the_players(values):
    n = players(values)
    added = dict.fromkeys(itertools.combinations(range(n), 3), 0.0)
    for order in itertools.permutations(range(n)):
        for subset in added:
            first = min(order.index(player) for player in subset)
            added[subset] += derivative(values, subset, mask(order[:first]))
    found = interactions(values)
    for subset, total in added.items():
        assert found[subset] == pytest.approx(total / math.factorial(n), abs=1e-8)


@given(games(least=1, most=4))
def test_a_player_who_changes_nothing_adds_nothing(values):
    n = players(values)
    with_null = np.concatenate([values, values])  # the last player changes no value
    assert shapley_values(with_null)[n] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(shapley_values(with_null)[:n], shapley_values(values), atol=1e-9)
    for subset, adds in interactions(with_null).items():
        if n in subset:
            assert adds == pytest.approx(0, abs=1e-9)


@given(games(least=2), st.randoms())
def test_renamed_players_keep_what_they_add(values, random):
    n = players(values)
    new = random.sample(range(n), n)
    renamed = np.empty_like(values)
    for subset in range(1 << n):
        renamed[mask(new[i] for i in range(n) if subset >> i & 1)] = values[subset]
    np.testing.assert_allclose(shapley_values(renamed)[new], shapley_values(values), atol=1e-9)
    here, there = interactions(values), interactions(renamed)
    for subset, adds in here.items():
        assert there[tuple(sorted(new[i] for i in subset))] == pytest.approx(adds, abs=1e-9)


@given(games())
def test_dividends_of_the_subsets_of_a_set_add_up_to_its_value(values):
    added = dividends(values)
    for subset in range(len(values)):
        inside = [part for part in range(len(values)) if part & subset == part]
        assert added[inside].sum() == pytest.approx(values[subset], abs=1e-8)


def test_what_is_not_a_game_is_refused():
    with pytest.raises(ValueError, match="2\\^n values, not 3"):
        shapley_values(np.zeros(3))
