"""Ranking metrics against scikit-learn, exhaustive enumeration and a naive bootstrap loop."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from framework.metrics import ranking as metrics
from framework.metrics.bootstrap import interval, paired_difference, resample_indices
from framework.metrics.ranking import RANKING, evaluate, random_order, ranking_metrics, recall_curve

PRIOR = 0.1
AT_A_CUT = [name for name in RANKING if "_at_" in name]


def gaussian(n_positive, n_negative, shift=1.5, seed=0, decimals=None):
    """Scores of positives shifted against candidates, shuffled; rounding makes ties."""
    generator = np.random.default_rng(seed)
    relevance = generator.permutation(np.arange(n_positive + n_negative) < n_positive)
    scores = generator.normal(size=relevance.size) + shift * relevance
    return scores if decimals is None else scores.round(decimals), relevance


def tie_breaks(scores):
    """Every order of the items, best first, that agrees with their scores."""
    levels = sorted(set(scores), reverse=True)
    members = [[i for i, score in enumerate(scores) if score == level] for level in levels]
    for orders in itertools.product(*(itertools.permutations(group) for group in members)):
        yield list(itertools.chain(*orders))


def hits_by_hand(scores, relevance, k):
    """Positives among the first k, averaged over every tie break."""
    return np.mean([sum(relevance[i] for i in order[:k]) for order in tie_breaks(scores)])


def bedroc_by_hand(scores, relevance, alpha=20.0):
    """RIE and BEDROC in the closed form of Truchon & Bayly 2007, with mean ranks."""
    n, share = len(scores), np.mean(relevance)
    ranks = rankdata(-np.asarray(scores))[np.asarray(relevance, dtype=bool)]
    observed = np.mean([math.exp(-alpha * rank / n) for rank in ranks])
    expected = (1 - math.exp(-alpha)) / (math.exp(alpha / n) - 1) / n
    factor = share * math.sinh(alpha / 2)
    factor /= math.cosh(alpha / 2) - math.cosh(alpha / 2 - alpha * share)
    return observed / expected * factor + 1 / (1 - math.exp(alpha * (1 - share)))


@st.composite
def rankings(draw, max_size=30):
    """Integer scores of few values, so ties are common, and relevance with both classes."""
    size = draw(st.integers(2, max_size))
    scores = draw(st.lists(st.integers(-4, 4), min_size=size, max_size=size))
    relevance = draw(
        st.lists(st.booleans(), min_size=size, max_size=size).filter(lambda r: 0 < sum(r) < size)
    )
    return np.array(scores, dtype=float), np.array(relevance)


every_ranking = pytest.mark.parametrize("decimals", [None, 1, 0])


# Definitions


@every_ranking
@pytest.mark.parametrize("sizes", [(1, 1), (1, 40), (40, 1), (30, 500), (300, 100)])
def test_auroc_average_precision_and_ndcg_agree_with_scikit_learn(sizes, decimals):
    scores, relevance = gaussian(*sizes, decimals=decimals)
    values = ranking_metrics(scores, relevance, prior=PRIOR)
    assert values["auroc"] == pytest.approx(roc_auc_score(relevance, scores), abs=1e-12)
    assert values["average_precision"] == pytest.approx(
        average_precision_score(relevance, scores), abs=1e-12
    )
    assert values["ndcg"] == pytest.approx(ndcg_score([relevance], [scores]), abs=1e-10)


@every_ranking
@pytest.mark.parametrize("sizes", [(1, 40), (20, 400), (60, 30)])
def test_bedroc_agrees_with_the_published_equation(sizes, decimals):
    scores, relevance = gaussian(*sizes, decimals=decimals)
    by_hand = min(1, max(0, bedroc_by_hand(scores, relevance)))
    values = ranking_metrics(scores, relevance, prior=PRIOR)
    assert values["bedroc_20"] == pytest.approx(by_hand, abs=1e-12)


def test_bedroc_is_one_for_the_best_and_zero_for_the_worst_ranking():
    scores, relevance = np.arange(60.0), np.arange(60) >= 47
    assert ranking_metrics(scores, relevance, prior=PRIOR)["bedroc_20"] == pytest.approx(1)
    assert ranking_metrics(-scores, relevance, prior=PRIOR)["bedroc_20"] == pytest.approx(0)


@every_ranking
def test_mean_reciprocal_rank_averages_one_over_the_mean_rank_of_every_positive(decimals):
    scores, relevance = gaussian(20, 300, decimals=decimals)
    by_hand = np.mean(1 / rankdata(-scores)[relevance])
    values = ranking_metrics(scores, relevance, prior=PRIOR)
    assert values["mean_reciprocal_rank"] == pytest.approx(by_hand, abs=1e-14)


@settings(deadline=None, max_examples=60)
@given(rankings(max_size=6))
def test_metrics_at_a_cut_are_the_average_over_every_tie_break(ranking):
    scores, relevance = ranking
    n, n_positive = relevance.size, relevance.sum()
    values = ranking_metrics(scores, relevance, prior=PRIOR)
    for cut, k in {"1pct": 1, "5pct": 1, "100": n}.items():
        hits = hits_by_hand(scores, relevance, k)
        assert values[f"recall_at_{cut}"] == pytest.approx(hits / n_positive)
        assert values[f"precision_at_{cut}"] == pytest.approx(hits / k)
        if cut != "100":
            lift = values[f"enrichment_factor_at_{cut}"]
            assert lift == pytest.approx(hits / k * n / n_positive)


def test_a_cut_inside_a_tie_counts_the_expected_hits():
    # 200 items, so 5 % is 10: four candidates, then a tie of 3 positives and 9 candidates.
    scores = np.r_[np.full(4, 3), np.full(12, 2), np.full(184, 1)]
    relevance = np.zeros(200, dtype=bool)
    relevance[[4, 5, 6, 199]] = True
    values = ranking_metrics(scores, relevance, prior=PRIOR)
    assert values["recall_at_5pct"] == pytest.approx(3 * 6 / 12 / 4)
    assert values["precision_at_5pct"] == pytest.approx(3 * 6 / 12 / 10)
    assert values["enrichment_factor_at_5pct"] == pytest.approx(3 * 6 / 12 / 10 / (4 / 200))


@pytest.mark.parametrize(("n", "k"), [(2, 1), (50, 1), (149, 1), (150, 2), (249, 2), (250, 3)])
def test_one_percent_rounds_half_up_and_is_never_empty(n, k):
    values = ranking_metrics(-np.arange(n), np.arange(n) == 0, prior=PRIOR)
    assert values["precision_at_1pct"] == pytest.approx(1 / k)


def test_the_corrected_auroc_is_the_auroc_without_hidden_positives():
    known, clean = (
        np.random.default_rng(0).normal(1, 1, 30),
        np.random.default_rng(1).normal(size=270),
    )
    labelled = np.r_[known, clean], np.arange(300) < 30
    unlabelled = np.r_[known, clean, known], np.arange(330) < 30
    truth = ranking_metrics(*labelled, prior=0)["auroc"]
    corrected = ranking_metrics(*unlabelled, prior=30 / 300)
    assert corrected["auroc"] < truth
    assert corrected["auroc_pu"] == pytest.approx(truth)


def test_the_corrected_auroc_stays_within_zero_and_one():
    scores, relevance = np.arange(10.0), np.arange(10) > 6
    assert ranking_metrics(scores, relevance, prior=0.4)["auroc_pu"] == 1
    assert ranking_metrics(-scores, relevance, prior=0.4)["auroc_pu"] == 0


# Invariances


@settings(deadline=None, max_examples=60)
@given(rankings(), st.randoms(use_true_random=False))
def test_the_order_of_the_items_never_matters(ranking, random):
    scores, relevance = ranking
    order = random.sample(range(scores.size), scores.size)
    shuffled = ranking_metrics(scores[order], relevance[order], prior=PRIOR)
    assert shuffled == ranking_metrics(scores, relevance, prior=PRIOR)


@settings(deadline=None, max_examples=60)
@given(rankings())
def test_an_increasing_transform_of_the_scores_changes_nothing(ranking):
    scores, relevance = ranking
    transformed = ranking_metrics(np.exp(scores) - 7, relevance, prior=PRIOR)
    assert transformed == ranking_metrics(scores, relevance, prior=PRIOR)


@settings(deadline=None, max_examples=60)
@given(rankings())
def test_negated_scores_turn_the_auroc_over(ranking):
    scores, relevance = ranking
    turned = ranking_metrics(-scores, relevance, prior=PRIOR)["auroc"]
    assert turned == pytest.approx(1 - ranking_metrics(scores, relevance, prior=PRIOR)["auroc"])


@settings(deadline=None, max_examples=60)
@given(rankings())
def test_every_metric_stays_in_its_range(ranking):
    scores, relevance = ranking
    values = ranking_metrics(scores, relevance, prior=PRIOR)
    for name, value in values.items():
        top = 1 / relevance.mean() if name.startswith("enrichment") else 1
        assert 0 <= value <= top + 1e-12, name


def test_zero_and_minus_zero_are_a_tie():
    assert ranking_metrics([0.0, -0.0], [True, False], prior=0)["auroc"] == 0.5


# Random order


@pytest.mark.parametrize("sizes", [(1, 1), (1, 6), (6, 1), (3, 6), (5, 5)])
def test_random_order_is_the_mean_over_every_arrangement(sizes):
    n = sum(sizes)
    every = [
        ranking_metrics(-np.arange(n), np.isin(np.arange(n), chosen), prior=PRIOR)
        for chosen in itertools.combinations(range(n), sizes[0])
    ]
    for name, expected in random_order(*sizes, prior=PRIOR).items():
        assert expected == pytest.approx(np.mean([one[name] for one in every]), abs=1e-12), name


def test_random_order_agrees_with_many_shuffles_where_the_cuts_differ():
    generator, relevance = np.random.default_rng(0), np.arange(420) < 20
    shuffles = [ranking_metrics(generator.random(420), relevance, prior=PRIOR) for _ in range(2000)]
    for name, expected in random_order(20, 400, prior=PRIOR).items():
        sample = [one[name] for one in shuffles]
        error = np.std(sample) / math.sqrt(len(sample))
        assert abs(np.mean(sample) - expected) < 4 * error, name


def test_a_constant_score_earns_no_more_than_random_order():
    _, relevance = gaussian(20, 400)
    values = ranking_metrics(np.zeros(420), relevance, prior=PRIOR)
    expected = random_order(20, 400, prior=PRIOR)
    for name in ["auroc", "auroc_pu", "ndcg", *AT_A_CUT]:
        assert values[name] == pytest.approx(expected[name]), name
    # Mean ranks and one shared threshold put these below, never above, random order.
    assert values["average_precision"] == pytest.approx(20 / 420)
    assert values["mean_reciprocal_rank"] == pytest.approx(2 / 421)
    for name in ["average_precision", "mean_reciprocal_rank", "bedroc_20"]:
        assert values[name] < expected[name]


# Recall curve


@every_ranking
def test_the_recall_curve_passes_through_the_recall_at_each_cut(decimals):
    scores, relevance = gaussian(30, 370, decimals=decimals)
    values = ranking_metrics(scores, relevance, prior=PRIOR)
    curve = recall_curve(scores, relevance, [0, 0.01, 0.05, 0.25, 1])
    cuts = [values[f"recall_at_{cut}"] for cut in ("1pct", "5pct", "100")]
    assert curve == pytest.approx([0, *cuts, 1])


def test_the_recall_curve_of_a_constant_score_is_the_diagonal():
    fractions = np.linspace(0, 1, 12).reshape(3, 4)
    curve = recall_curve(np.ones(50), np.arange(50) < 7, fractions)
    assert curve.shape == (3, 4)
    assert curve == pytest.approx(fractions)


# Bootstrap


@every_ranking
def test_replicates_equal_a_loop_that_resamples_the_items(decimals):
    scores, relevance = gaussian(15, 250, decimals=decimals)
    replicates = evaluate(scores, relevance, prior=PRIOR, n_resamples=40, seed=3).replicates
    resampled = [metric.fewest < math.inf for metric in RANKING.values()]
    positives, candidates = np.flatnonzero(relevance), np.flatnonzero(~relevance)
    for b, (drawn, drawn_candidates) in enumerate(resample_indices(15, 250, 40, seed=3)):
        items = np.r_[positives[drawn], candidates[drawn_candidates]]
        one = ranking_metrics(scores[items], relevance[items], prior=PRIOR)
        expected = np.array(list(one.values()))
        assert replicates[resampled, b] == pytest.approx(expected[resampled], abs=1e-10)
    assert np.isnan(replicates[np.logical_not(resampled)]).all()


def test_replicates_do_not_depend_on_how_many_are_computed_at_once(monkeypatch):
    scores, relevance = gaussian(15, 250, decimals=1)
    whole = evaluate(scores, relevance, prior=PRIOR, n_resamples=50).replicates
    monkeypatch.setattr(metrics, "_COUNTS_AT_ONCE", 100)
    parts = evaluate(scores, relevance, prior=PRIOR, n_resamples=50).replicates
    assert np.array_equal(whole, parts, equal_nan=True)


def test_a_resample_keeps_the_number_of_positives_and_of_candidates():
    for positives, candidates in resample_indices(7, 30, 20, seed=0):
        assert positives.shape == (7,)
        assert candidates.shape == (30,)
        assert positives.max() < 7
        assert candidates.max() < 30


def test_the_same_seed_gives_the_same_replicates_and_another_seed_does_not():
    ranking = gaussian(15, 250)
    first, again, other = (
        evaluate(*ranking, prior=PRIOR, n_resamples=20, seed=seed).replicates for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again, equal_nan=True)
    assert not np.array_equal(first, other, equal_nan=True)


def test_the_interval_covers_the_true_auroc_at_about_the_stated_rate():
    truth = 0.5 * (1 + math.erf(1.0 / 2))  # of two unit Gaussians one apart
    covered = 0
    for seed in range(200):
        scores, relevance = gaussian(60, 300, shift=1.0, seed=seed)
        result = evaluate(scores, relevance, prior=0, n_resamples=200, seed=seed, level=0.9)
        covered += result.low["auroc"] <= truth <= result.high["auroc"]
    assert 0.83 <= covered / 200 <= 0.96  # 0.9, three standard errors and the bootstrap's own bias


def test_an_evaluation_names_every_metric_in_one_order():
    result = evaluate(*gaussian(15, 250), prior=PRIOR, n_resamples=30)
    for named in (result.values, result.low, result.high, result.random):
        assert list(named) == list(RANKING)
        assert all(type(value) is float for value in named.values())
    assert result.independent == dict.fromkeys(RANKING, 15)
    assert result.replicates.shape == (len(RANKING), 30)
    for name, metric in RANKING.items():
        given = metric.fewest <= 15 or metric.score_interval is not None
        assert (result.low[name] <= result.high[name]) == given, name
    assert result.values == ranking_metrics(*gaussian(15, 250), prior=PRIOR)
    assert result.random == random_order(15, 250, prior=PRIOR)


def test_the_interval_holds_the_stated_share_of_replicates():
    replicates = np.random.default_rng(0).random((3, 2, 1000))
    low, high = interval(replicates, 0.8)
    assert low.shape == high.shape == (3, 2)
    inside = (replicates >= low[..., None]) & (replicates <= high[..., None])
    assert inside.mean(axis=-1) == pytest.approx(0.8, abs=0.002)


def test_an_encoder_never_differs_from_itself():
    result = evaluate(*gaussian(15, 250, decimals=1), prior=PRIOR, n_resamples=50)
    again = evaluate(*gaussian(15, 250, decimals=1), prior=PRIOR, n_resamples=50)
    values = list(result.values.values())
    difference = paired_difference(values, result.replicates, values, again.replicates)
    differ = np.array(list(difference))
    assert set(differ[np.isfinite(differ)]) == {0.0}


def test_pairing_sees_a_difference_that_separate_intervals_hide():
    scores, relevance = gaussian(100, 1000, shift=1.0)
    noise = 0.3 * np.random.default_rng(1).normal(size=scores.size)
    a = evaluate(scores + 0.15 * relevance, relevance, prior=PRIOR, n_resamples=300)
    b = evaluate(scores + noise, relevance, prior=PRIOR, n_resamples=300)
    row = list(RANKING).index("auroc")
    value, low, high = paired_difference(
        a.values["auroc"], a.replicates[row], b.values["auroc"], b.replicates[row]
    )
    assert value == a.values["auroc"] - b.values["auroc"]
    assert 0 < low < value < high
    assert a.low["auroc"] < b.high["auroc"]


# Mistakes


@pytest.mark.parametrize(
    ("scores", "relevance", "message"),
    [
        ([1.0, 2.0], [True], r"shape \(2,\), relevance \(1,\)"),
        ([[1.0, 2.0]], [[True, False]], r"must be \(n,\)"),
        ([1.0, np.nan, np.inf], [True, False, False], r"2 of 3 .* at index 1 \(nan\)"),
        ([1.0, 2.0], [False, False], "no positive among 2 items"),
        ([1.0, 2.0], [True, True], "no candidate among 2 items"),
        ([], [], "no positive among 0 items"),
        ([1.0, 2.0], [0.3, 1.0], "True .* or False"),
    ],
)
def test_items_that_cannot_be_ranked_are_refused_with_the_reason(scores, relevance, message):
    with pytest.raises(ValueError, match=message):
        ranking_metrics(scores, relevance, prior=PRIOR)
    with pytest.raises(ValueError, match=message):
        evaluate(scores, relevance, prior=PRIOR)
    with pytest.raises(ValueError, match=message):
        recall_curve(scores, relevance, [0.5])


@pytest.mark.parametrize("prior", [-0.01, 1.0, math.nan])
def test_a_prior_outside_zero_to_one_is_refused(prior):
    for call in (evaluate, ranking_metrics):
        with pytest.raises(ValueError, match="lies in"):
            call([1.0, 2.0], [True, False], prior=prior)
    with pytest.raises(ValueError, match="prior is"):
        random_order(1, 1, prior=prior)


def test_settings_of_the_bootstrap_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="n_resamples is 0"):
        evaluate([1.0, 2.0], [True, False], prior=PRIOR, n_resamples=0)
    with pytest.raises(ValueError, match="level is 95"):
        evaluate([1.0, 2.0], [True, False], prior=PRIOR, n_resamples=5, level=95)
    with pytest.raises(ValueError, match="0 positives"):
        random_order(0, 5, prior=PRIOR)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        recall_curve([1.0, 2.0], [True, False], [5.0])


def test_replicates_of_different_resamples_cannot_be_paired():
    with pytest.raises(ValueError, match=r"\(10,\) and \(12,\)"):
        paired_difference(0.5, np.zeros(10), 0.4, np.zeros(12))
    with pytest.raises(ValueError, match=r"values \(2,\)"):
        paired_difference([0.5, 0.6], np.zeros(10), [0.5, 0.6], np.zeros(10))
