"""Clusters of a latent space, drawn in the colour of their isotropy."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Ellipse

from framework.audit.isotropy import MEASURES, OF_EIGENVALUES
from framework.figures.isotropy import isotropy_figure


def test_the_figure_shows_each_cluster_in_the_colour_of_its_isotropy(tmp_path):
    draws = np.random.default_rng(0)
    round_, long = draws.standard_normal((2, 300, 3))
    points = np.concatenate([round_ - 10, long * [5, 0.5, 0.5] + 10, [[0.0, 0, 30]]])
    labels = np.repeat(["round", "long", "alone"], [300, 300, 1])
    drawing = isotropy_figure(points, labels)
    axes, bar = drawing.axes
    assert bar.get_ylabel() == "eigenvector isotropy of the cluster (1 = isotropic)"
    assert axes.get_xlabel().startswith("principal component 1 (")
    assert [text.get_text() for text in axes.texts] == ["long", "round"]
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crosses] == [1]
    assert "grey crosses: 1 without a shape" in drawing.get_suptitle()
    long_, own = (patch for patch in axes.patches if isinstance(patch, Ellipse))
    assert to_hex(long_.get_edgecolor()) == "#440154" and to_hex(own.get_edgecolor()) != "#440154"
    # Two standard deviations each way.
    assert long_.width == pytest.approx(4 * 5, rel=0.15)
    assert own.width == pytest.approx(4, rel=0.15)
    drawing.savefig(tmp_path / "isotropy.png")


def test_an_ellipse_lies_along_its_cluster():
    line = np.outer(np.linspace(-1, 1, 50), [2.0, 1.0])
    apart = np.array([[40.0, 0], [-40, 0], [40, 1], [-40, -1]])  # pins the first component to x
    drawing = isotropy_figure(np.concatenate([line, apart]), np.repeat([0, 1], [50, 4]))
    patch = drawing.axes[0].patches[0]
    points = drawing.axes[0].lines[0].get_xydata()
    slope = (points[-1] - points[0])[1] / (points[-1] - points[0])[0]
    assert np.tan(np.radians(patch.angle)) == pytest.approx(slope)
    assert patch.height == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("colour", MEASURES)
def test_the_figure_draws_every_measure_and_shapes_of_any_kind(tmp_path, colour):
    draws = np.random.default_rng(0)
    some = isotropy_figure(draws.standard_normal((20, 2)), np.arange(20) % 3, colour=colour)
    some.savefig(tmp_path / "some.png")
    bound = 0 if colour in OF_EIGENVALUES else 1
    assert some.axes[1].get_ylabel().endswith(f"of the cluster ({bound} = isotropic)")
    isotropy_figure(np.eye(3), [0, 1, 2], colour=colour).savefig(tmp_path / "alone.png")
    narrow = draws.standard_normal((20, 1))
    if colour not in OF_EIGENVALUES:
        isotropy_figure(narrow, np.zeros(20), colour=colour).savefig(tmp_path / "narrow.png")
    else:
        with pytest.raises(ValueError, match="not defined in one dimension"):
            isotropy_figure(narrow, np.zeros(20), colour=colour)


def test_a_misspelt_colour_is_told_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'sphere_isotropy'"):
        isotropy_figure(np.eye(3), [0, 0, 0], colour="spere_isotropy")
