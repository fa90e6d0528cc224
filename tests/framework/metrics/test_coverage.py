"""What the printed intervals cover: simulated hold-outs whose true values are known.

Made of element sets of one or five materials that resemble each other, with few or many hits, good
and bad rankers. True is the mean over all simulated hold-outs. An interval that is not given covers
nothing and counts nowhere; exact and score intervals of a few outcomes are wide, since a share of
few has few values, so there only too narrow is a fault.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from scipy.stats import norm

from framework.metrics.classification import CLASSIFICATION, Answers, evaluate_classes
from framework.metrics.evaluation import Evaluation
from framework.metrics.intervals import MANY, over_seeds, resampled
from framework.metrics.ranking import RANKING, evaluate
from framework.metrics.regression import evaluate_regression

LEAST, MOST = 0.90, 0.98
RESAMPLES = 150
LIKENESS = 0.6
"""Of the variance within a set; the rest is each material's own."""


def alike(rng: np.random.Generator, groups: np.ndarray) -> np.ndarray:
    """A standard normal number for each material, alike within a set (n,)."""
    of_sets = rng.normal(size=groups.max() + 1)[groups]
    return LIKENESS**0.5 * of_sets + (1 - LIKENESS) ** 0.5 * rng.normal(size=len(groups))


def ranking(rng: np.random.Generator, size: int, hits: int, skill: float) -> Evaluation:
    """Hits are the top by a value, which the score tells with some skill."""
    groups = np.repeat(np.arange(10 * max(hits, 10) // size), size)
    value = alike(rng, groups)
    relevance = value >= np.sort(value)[-hits]
    score = skill * value + alike(rng, groups)
    return evaluate(score, relevance, prior=0.05, n_resamples=RESAMPLES, groups=groups)


def shifted(rng: np.random.Generator, size: int, hits: int, skill: float) -> Evaluation:
    """Hits are whole sets, whose scores are shifted."""
    sets = max(1, hits // size)
    groups = np.repeat(np.arange(10 * max(sets, 10)), size)
    relevance = groups < sets
    score = skill * relevance + alike(rng, groups)
    return evaluate(score, relevance, prior=0.05, n_resamples=RESAMPLES, groups=groups)


def values(rng: np.random.Generator, size: int, sets: int, skill: float) -> Evaluation:
    groups = np.repeat(np.arange(sets), size)
    value = alike(rng, groups)
    share = skill / (1 + skill)
    return evaluate_regression(
        share * value + (1 - share) * alike(rng, groups), value, groups, RESAMPLES
    )


def classes(rng: np.random.Generator, size: int, sets: int, skill: float, k: int) -> Evaluation:
    groups = np.repeat(np.arange(sets), size)
    frequent = 1 / np.arange(1, k + 1)
    edges = np.cumsum(frequent / frequent.sum())[:-1]
    true = np.searchsorted(edges, norm.cdf(alike(rng, groups)))
    right = norm.cdf(alike(rng, groups)) < skill
    taken = np.where(right, true, (true + 1 + rng.integers(k - 1, size=len(true))) % k)
    probabilities = np.full((len(true), k), 0.1 / k)
    probabilities[np.arange(len(true)), taken] += 0.9
    metrics = [m for m in CLASSIFICATION.values() if (m.of_two if k == 2 else m.of_many)]
    held = Answers(probabilities, true, np.ones(len(true), dtype=bool))
    chosen = [metric for metric in metrics if metric.name != "seen"]
    return evaluate_classes(held, chosen, groups, RESAMPLES)


def coverage(found: list[Evaluation]) -> dict[str, tuple[float, float]]:
    """By metric: the share of given intervals that hold the true value, and the share given."""
    table = {}
    for name in found[0].values:
        value, low, high = (
            np.array([getattr(each, end)[name] for each in found])
            for end in ("values", "low", "high")
        )
        given = np.isfinite(low)
        true = value.mean()
        holds = (low <= true + 1e-9) & (true - 1e-9 <= high)
        table[name] = (holds[given].mean() if given.any() else np.nan, given.mean())
    return table


def simulated(draw: Callable[..., Evaluation], n: int, *design: object) -> list[Evaluation]:
    rng = np.random.default_rng(7)
    return [draw(rng, *design) for _ in range(n)]


def report(title: str, tables: dict[str, dict[str, tuple[float, float]]]) -> None:
    names = list(next(iter(tables.values())))
    print(f"\n{title}: coverage of 95 % intervals in % (- none is given)")
    print(f"{'':24}" + " ".join(f"{name[:17]:>17}" for name in names))
    for design, row in tables.items():
        cells = ("-" if np.isnan(row[n][0]) else f"{100 * row[n][0]:.0f}" for n in names)
        print(f"{design:24}" + " ".join(f"{cell:>17}" for cell in cells))


def misfits(
    tables: dict[str, dict[str, tuple[float, float]]], n: int, few: Iterable[str] = ()
) -> list[str]:
    """Designs and metrics out of bounds, by more than the simulation's own error."""
    noise = 2.5 * (0.95 * 0.05 / n) ** 0.5
    out = []
    for design, row in tables.items():
        for name, (share, given) in row.items():
            if given < 0.5:
                continue  # the few that are given are no fair sample
            high = 1 if design in few else MOST + noise
            if not LEAST - noise <= share <= high:
                out.append(f"{design}: {name} {share:.2f}")
    return out


SIZES, SKILLS = (1, 5), (0.5, 2.0)


def ranked(n: int, hits: Iterable[int]) -> tuple[dict, list[str]]:
    tables, few = {}, []
    for draw in (ranking, shifted):
        for size in SIZES:
            for count in hits:
                for skill in SKILLS:
                    design = f"{draw.__name__} {size}, {count} hits, {skill}"
                    tables[design] = coverage(simulated(draw, n, size, count, skill))
                    if count / size < MANY:
                        few.append(design)
    return tables, few


@pytest.mark.slow
def test_rankings_of_few_and_of_many_hits(capsys):
    n = 120
    tables, few = ranked(n, (2, 5, 20, 60))
    with capsys.disabled():
        report("ranking", tables)
    assert not misfits(tables, n, few=few)
    # score intervals of shares may be wide, since a share of few hits takes few values; others not
    enough = [design for design in tables if "60 hits" in design and " 1, " in design]
    scored = [name for name in RANKING if RANKING[name].fewest == MANY]
    others = {
        design: {name: told for name, told in tables[design].items() if name not in scored}
        for design in enough
    }
    assert not misfits(others, n)


def test_values_and_classes(capsys):
    n, tables = 120, {}
    for size in SIZES:
        for sets in (5, 12, 40, 120):
            for skill in SKILLS:
                tables[f"{size} x {sets} sets, {skill}"] = coverage(
                    simulated(values, n, size, sets, skill)
                )
    assert all(
        np.isnan(share) for d, row in tables.items() if "x 5 " in d for share, _ in row.values()
    )
    of_classes: dict[int, dict] = {}
    for k in (2, 7):
        for size in SIZES:
            for sets in (12, 60, 180):
                for skill in (0.6, 0.9):
                    of_classes.setdefault(k, {})[f"{size} x {sets} sets, {skill}"] = coverage(
                        simulated(classes, n, size, sets, skill, k)
                    )
    with capsys.disabled():
        report("regression", tables)
        for k, rows in of_classes.items():
            report(f"{k} classes", rows)
    assert not misfits(tables, n, few=[d for d in tables if "x 12 " in d])
    for rows in of_classes.values():
        assert not misfits(rows, n, few=[d for d in rows if "x 12 " in d])


def test_means_over_seeds(capsys):
    """Of values and of paired differences, also where they are skewed, as the best found is."""
    n, rng, tables = 2000, np.random.default_rng(5), {}
    for seeds in (3, 5, 10):
        drawn = {
            "normal": rng.normal(size=(seeds, n)),
            "skewed": -rng.gamma(4, size=(seeds, n)),
            "difference": rng.gamma(4, size=(seeds, n)) - rng.gamma(2, size=(seeds, n)),
        }
        true = {"normal": 0.0, "skewed": -4.0, "difference": 2.0}
        ends = {name: over_seeds(values)[1:] for name, values in drawn.items()}
        tables[f"{seeds} seeds"] = {
            name: (float(((low <= true[name]) & (true[name] <= high)).mean()), 1.0)
            for name, (low, high) in ends.items()
        }
    with capsys.disabled():
        report("searches", tables)
    assert not misfits(tables, n)


@pytest.mark.slow
def test_paired_differences(capsys):
    """Of two rankers and of two predictors on the same hold-outs."""
    n, tables = 200, {}
    for size in SIZES:
        for hits in (30, 60):
            rng, found = np.random.default_rng(3), []
            for _ in range(n):
                groups = np.repeat(np.arange(10 * hits // size), size)
                value = alike(rng, groups)
                relevance = value >= np.sort(value)[-hits]
                pair = [skill * value + alike(rng, groups) for skill in SKILLS]
                one, two = (
                    evaluate(s, relevance, prior=0, n_resamples=RESAMPLES, groups=groups)
                    for s in pair
                )
                both = [
                    evaluate_regression(s, value, groups, RESAMPLES) for s in (pair[0], pair[1])
                ]
                found.append(
                    {
                        "auroc": _difference(one, two, "auroc"),
                        "average_precision": _difference(one, two, "average_precision"),
                        "recall_at_5pct": _difference(one, two, "recall_at_5pct"),
                        "mae": _difference(*both, "mae"),
                        "spearman": _difference(*both, "spearman"),
                    }
                )
            row = {}
            for name in found[0]:
                value, low, high = np.transpose([each[name] for each in found])
                true = value.mean()
                given = np.isfinite(low)
                holds = (low <= true) & (true <= high)
                row[name] = (float(holds[given].mean()), float(given.mean()))
            tables[f"{size}, {hits} hits"] = row
    with capsys.disabled():
        report("paired difference", tables)
    assert not misfits(tables, n)


def _difference(one: Evaluation, two: Evaluation, name: str) -> tuple[float, float, float]:
    row = list(one.values).index(name)
    value = one.values[name] - two.values[name]
    replicates, n = one.replicates[row] - two.replicates[row], one.independent[name]
    if np.isnan(replicates).any():
        return value, np.nan, np.nan
    return value, *(resampled(value, replicates, n) or (value, value))


@pytest.mark.slow
def test_the_whole_grid(capsys):
    n = 400
    tables, few = ranked(n, (1, 2, 3, 5, 9, 10, 20, 50, 120))
    with capsys.disabled():
        report("ranking", tables)
    assert not misfits(tables, n, few=few)
