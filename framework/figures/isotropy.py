"""The figure of clusters in a latent space, coloured by their isotropy."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from framework.audit.isotropy import (
    MEASURES,
    OF_EIGENVALUES,
    FloatArray,
    checked_points,
    measure,
    principal_axes,
)
from framework.base.errors import nearest
from framework.figures.canvas import new_figure


def isotropy_figure(
    points: ArrayLike, labels: ArrayLike, *, colour: str = "eigenvector_isotropy", **options: Any
) -> Figure:
    """First two principal components of all points, each cluster in the colour of its isotropy.

    Ellipses: two standard deviations of a cluster in this plane, where a Gaussian has 86 % of its
    points. Grey crosses: clusters without a shape. colour: one of `MEASURES`. options: of
    `measure`, whose errors are raised, as is ValueError where all points are the same.
    """
    if colour not in MEASURES:
        raise ValueError(f"colour is '{colour}'; {nearest(colour, MEASURES)}")
    points, labels = checked_points(points), np.asarray(labels)
    if points.shape[1] == 1 and colour in OF_EIGENVALUES:
        raise ValueError(f"{colour} is not defined in one dimension; colour by 'sphere_isotropy'")
    measured = measure(points, labels, **options)
    shares, directions = principal_axes(points)
    plane = (points - points.mean(axis=0)) @ directions[:2].T
    if points.shape[1] == 1:  # a latent space of one dimension lies on a line
        plane, shares = np.pad(plane, ((0, 0), (0, 1))), np.append(shares, 0)

    drawing, (axes,) = new_figure()
    values = measured.values[colour]
    known = values[~np.isnan(values)]
    # The last tenth of viridis is a yellow that is lost on white.
    shades = ListedColormap(colormaps["viridis"](np.linspace(0, 0.9, 256)))
    scale = ScalarMappable(Normalize(*(known.min(), known.max()) if known.size else (0, 1)), shades)
    for name, value, shaped in zip(measured.labels, values, measured.has_shape, strict=True):
        _draw_cluster(axes, plane[labels == name], str(name), scale.to_rgba(value), shaped)
    spoken, best = colour.replace("_", " "), 0 if colour in OF_EIGENVALUES else 1
    if known.size:
        drawing.colorbar(scale, ax=axes, label=f"{spoken} of the cluster ({best} = isotropic)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(f"principal component 1 ({100 * shares[0]:.3g} % of variance)")
    axes.set_ylabel(f"principal component 2 ({100 * shares[1]:.3g} % of variance)")
    title = f"{len(values)} clusters, size-weighted mean {spoken} {measured.means[colour]:.3g}"
    n = measured.n_shapeless
    left_out = f"; grey crosses: {n} without a shape" if n else ""
    drawing.suptitle(f"{title}\nellipses: two standard deviations{left_out}", x=0.02, ha="left")
    return drawing


def _draw_cluster(axes: Axes, plane: FloatArray, name: str, colour: Any, shaped: bool) -> None:
    """The points (n, 2) of one cluster, its ellipse and its name; a cross where it has no shape."""
    halo = [withStroke(linewidth=3, foreground="white")]
    if not shaped:
        axes.plot(*plane.T, "x", c="#666666", ms=8, mew=2, path_effects=halo, zorder=5)
        return
    axes.plot(*plane.T, "o", color=colour, ms=3, mew=0, alpha=0.5)
    size, angle = _ellipse(plane)
    ring: dict[str, Any] = {"fc": "none", "ec": colour, "lw": 1.8, "path_effects": halo}
    axes.add_patch(Ellipse(plane.mean(axis=0), *size, angle=angle, zorder=3, **ring))
    above: dict[str, Any] = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center"}
    axes.annotate(name, plane.mean(axis=0), path_effects=halo, zorder=4, **above)


def _ellipse(plane: FloatArray) -> tuple[FloatArray, float]:
    """Both diameters, at two standard deviations, of points (n, 2), and the turn in degrees."""
    variances, axes = np.linalg.eigh(np.cov(plane.T, bias=True))
    diameters: FloatArray = 4 * np.sqrt(variances[::-1].clip(0))
    return diameters, float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
