"""Figures of a latent space of materials: whose values they show, and where there are none."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr

from data.representations.composition import CompositionSamples, atomic_fractions
from data.representations.diffraction import DiffractionSamples
from framework.figures.latent import decoded_figure, save_latent_figures, tsne_figure

FORMULAS = ["NaCl", "Li2O", "CaO", "KCl", "MgO", "LiCl", "CaCl2", "Na2O"]


def far_off(factors: list[float]) -> SimpleNamespace:
    """A decoder that gives each sample back, scaled by a factor of its own."""
    scales = torch.tensor(factors)[:, None]
    return SimpleNamespace(
        device=torch.device("cpu"),
        encode=lambda batch: batch,
        decode=lambda latent: latent * scales,
        transform=lambda samples: samples.descriptors(),
    )


def test_originals_stand_beside_what_was_decoded_from_the_best_to_the_worst():
    samples = CompositionSamples(torch.tensor(atomic_fractions(FORMULAS)).float())
    factors = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    figure = decoded_figure(far_off(factors), samples, np.array(FORMULAS), "made up")
    panels = figure.axes
    assert panels[0].get_title("left") == "NaCl: 0% are decoded better"
    assert [text.get_text() for text in panels[0].get_xticklabels()] == ["Na", "Cl"]
    heights = [bar.get_height() for bar in panels[0].patches]
    assert heights == pytest.approx([0.5] * 4)
    assert "100% are decoded better" in panels[5].get_title("left")


def test_a_pattern_points_up_and_what_was_decoded_down():
    patterns = DiffractionSamples(torch.rand(2, 50, generator=torch.Generator().manual_seed(0)))
    figure = decoded_figure(far_off([1.0, 0.5]), patterns, np.array(["a", "b"]), "made up")
    up, down = (line.get_ydata() for line in figure.axes[1].lines[:2])
    assert np.allclose(up, patterns.descriptors()[1])
    assert np.allclose(down, -0.5 * up)


def crystals(n: int) -> xr.Dataset:
    """Two kinds of materials, which differ in elements and in symmetry."""
    kinds = np.arange(n) % 2
    stated = json.dumps({"crystal_system": {"cubic": [195, 230], "triclinic": [1, 2]}})
    return xr.Dataset(
        {
            "formula": ("material", np.array(["NaCl", "CaO"])[kinds]),
            "element_set": ("material", np.array(["Cl Na", "Ca O"])[kinds]),
            "space_group": ("material", np.array([225, 2])[kinds], {"coarser": stated}),
        }
    )


def test_neighbours_are_coloured_by_element_and_by_what_the_data_set_states():
    items = crystals(80)
    drawn = np.random.default_rng(0).normal(size=(80, 3)) + 30 * (np.arange(80) % 2)[:, None]
    figure = tsne_figure(drawn, items, "made up")
    by_element, by_system = figure.axes
    assert by_system.get_title("left") == "by crystal system"
    lines = {line.get_label(): line for line in by_system.lines}
    assert [len(lines[name].get_xdata()) for name in ("others", "cubic", "triclinic")] == [
        0,
        40,
        40,
    ]
    both = [np.transpose(lines[name].get_data()) for name in ("cubic", "triclinic")]
    apart = np.linalg.norm(both[0].mean(0) - both[1].mean(0))
    assert apart > max(own.std() for own in both)  # two clouds stay two
    assert sum(len(line.get_xdata()) for line in by_element.lines) == 80


def test_where_they_say_nothing_there_are_none(tmp_path):
    split = SimpleNamespace(holdout=np.arange(8))
    cell = xr.Dataset(attrs={"encoder": "e", "split": "random", "seed": 0})
    samples = CompositionSamples(torch.tensor(atomic_fractions(FORMULAS)).float())
    items = xr.Dataset({"formula": ("material", FORMULAS), "element_set": ("material", FORMULAS)})
    done = SimpleNamespace(split=split, items=items, samples=samples, encoder=far_off([1.0] * 8))
    (only,) = save_latent_figures(done, cell, tmp_path)
    assert only.name == "decoded.png"  # eight materials are no neighbourhood
    done.items = items[["element_set"]]
    assert save_latent_figures(done, cell, tmp_path) == []
