"""The reliability figure shows the counts that probabilities promise."""

import numpy as np
import pytest

from framework.figures.calibration import reliability
from framework.metrics.calibration import BINS, Calibration
from tests.framework.figures.drawn import CODES, RANKED, RELEVANCE, cell_of, scores_of


def calibrated(quality: float, prior: float | None = None):
    scores = scores_of(quality)
    own = RELEVANCE.mean() if prior is None else prior
    calibration = Calibration.fit(scores[CODES == 1], scores[CODES == 3], own)
    return cell_of(scores).assign(calibration.variables()), scores


def test_counted_and_expected_hits_are_drawn_to_the_last_rank():
    cell, scores = calibrated(2.0)
    figure = reliability(cell)

    right = figure.axes[1]
    lines = {each.get_label(): each for each in right.lines}
    counted, expected = (lines[name].get_ydata() for name in ("counted", "expected"))
    assert counted[-1] == RELEVANCE.sum() == 80
    calibration = Calibration.from_variables(cell)
    probability = calibration.probability(scores[RANKED].astype(np.float32))
    assert expected[-1] == pytest.approx(probability.sum(), rel=1e-4)
    best = np.argsort(-scores[RANKED].astype(np.float32), kind="stable")
    k = lines["counted"].get_xdata()
    assert counted.tolist() == RELEVANCE[best].cumsum()[k - 1].tolist()


def test_points_lie_on_the_diagonal_where_probabilities_are_right_and_beside_it_where_not():
    def distance(cell) -> float:
        left = reliability(cell).axes[0]
        points = [(p.get_xdata()[0], p.get_ydata()[0]) for p in left.lines if p.get_marker() == "o"]
        assert 2 <= len(points) <= BINS
        seen = np.array([[x, y] for x, y in points if y > 0])
        return float(abs(np.log(seen[:, 1] / seen[:, 0])).mean())

    right, _ = calibrated(2.0)
    wrong, _ = calibrated(2.0, prior=0.3)
    assert distance(right) < 0.7 < 1.5 < distance(wrong)


@pytest.mark.parametrize("quality", [0.0, 30.0])
def test_scores_that_say_nothing_or_all_can_be_drawn(quality):
    cell, _ = calibrated(quality)
    assert reliability(cell) is not None
    constant = cell_of(np.zeros(len(CODES))).assign(
        Calibration.fit(np.zeros(20), np.zeros(40), 0.02).variables()
    )
    assert reliability(constant) is not None


def test_a_run_that_was_not_calibrated_has_no_such_figure():
    assert reliability(cell_of(scores_of(1.0))) is None
