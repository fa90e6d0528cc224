"""What stands in the figures of selections and explanations."""

import numpy as np
import pandas as pd
import pytest

from framework.figures.explanation import explanation_figure
from framework.figures.selection import BEST, selection_figure
from framework.selection.selection import front


def candidates(n=400):
    generator = np.random.default_rng(0)
    probability, percentile = generator.random(n), 100 * np.arange(1, n + 1) / n
    table = pd.DataFrame(
        {
            "elements": [f"Li X{i} O" for i in range(n)],
            "probability": probability,
            "accessibility": percentile,
            "joint": probability * percentile / 100,
            "front": front(probability, percentile),
        }
    )
    return table.sort_values("joint", ascending=False, ignore_index=True)


KNOWN = pd.DataFrame(
    {
        "accessibility": [99.0, 50.0, 0.0],
        "probability": [1.0, 0.2, 0.0],
        "wanted": [True, False, False],
    }
)


@pytest.mark.parametrize("known", [KNOWN, KNOWN.iloc[:0]], ids=["some known", "none known"])
def test_the_best_fields_and_the_front_are_numbered_and_named(known):
    table = candidates()
    figure = selection_figure(table, known, against=100, encoder="pca", wanted="gap > 3")
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.axes[0].texts]
    for place, row in table.head(BEST).iterrows():
        assert any(text.split()[0] == str(place + 1) and "-".join(row["elements"].split()) in text
                   for text in texts)  # fmt: skip
    for name in table[table["front"]]["elements"]:
        assert any("-".join(name.split()) in text for text in texts)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert f"front ({table['front'].sum()} of 400 candidates)" in labels
    assert f"reported, held out: gap > 3 ({known['wanted'].sum()})" in labels


def test_a_single_candidate_is_drawn():
    figure = selection_figure(candidates(1), KNOWN, against=1, encoder="pca", wanted="gap > 3")
    figure.canvas.draw()


ELEMENTS = pd.DataFrame({"element": ["Li", "O"], "shapley": [2.0, -1.0]})
COMBINATIONS = pd.DataFrame(
    {"elements": ["Li", "O", "Li-O"], "size": [1, 1, 2], "adds": [1.5, -1.5, 1.0]}
)
NEIGHBOURS = pd.DataFrame(
    {"by": ["Na", "S"], "replaced": ["Li", "O"], "score": [3.0, 1.0], "reported": [True, False]}
)


@pytest.mark.parametrize("neighbours", [NEIGHBOURS, NEIGHBOURS.iloc[:0]], ids=["some", "none"])
def test_an_explanation_draws_every_contribution_and_neighbour(neighbours):
    figure = explanation_figure(
        "Li-O",
        score=2.0,
        background=1.0,
        elements=ELEMENTS,
        combinations=COMBINATIONS,
        scores=np.linspace(5, -5, 100),
        neighbours=neighbours,
    )
    figure.canvas.draw()
    added, _, near = figure.axes
    assert [t.get_text() for t in added.get_yticklabels()] == ["Li", "O", "", "Li", "O", "Li-O"]
    widths = [bar.get_width() for bar in added.patches if bar.get_width()]
    assert widths == [2.0, -1.0, 1.5, -1.5, 1.0]
    names = [t.get_text() for t in near.get_yticklabels()]
    assert names == ["Na for Li", "S for O"][: len(neighbours)]
