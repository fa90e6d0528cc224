"""Figures of the latent space of materials: what is decoded from it, and its t-SNE map."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from framework.contracts.encoder import Encoder
from framework.contracts.representation import Samples
from framework.contracts.task import Fit
from framework.figures.canvas import (
    BLACK,
    BLUE,
    CONTESTANTS,
    GREY,
    VERMILLION,
    new_figure,
    save_all,
)
from framework.neural.threads import one_thread

SHOWN = 6
"""Materials whose originals stand beside what was decoded: from the best to the worst."""
FEWEST, MOST = 60, 1500
"""Materials that a t-SNE map needs, and those that it shows at most."""


def save_latent_figures(done: Fit, cell: xr.Dataset, folder: Path) -> list[Path]:
    """Write ``decoded`` and ``latent_tsne`` of the hold-out as PNG, where they apply: a decoder of
    something that can be looked at, and items that are materials."""
    holdout = done.split.holdout
    if "formula" not in done.items or not len(holdout):
        return []
    drawn = np.sort(np.random.default_rng(0).permutation(holdout)[:MOST])
    samples, names = done.samples.take(drawn), done.items["formula"].values[drawn].astype(str)
    title = f"{cell.attrs['encoder']}, split {cell.attrs['split']}, seed {cell.attrs['seed']}"
    figures = {}
    if type(samples).draw is not Samples.draw and done.encoder.decodes:
        figures["decoded"] = decoded_figure(done.encoder, samples, names, title)
    latents = done.encoder.transform(samples)
    if len(drawn) >= FEWEST and len(np.unique(latents, axis=0)) > FEWEST // 2:
        items = done.items[["element_set", *_grouped(done.items)]].isel(material=drawn)
        figures["latent_tsne"] = tsne_figure(latents, items, title)
    return save_all(figures, folder)


def decoded_figure(encoder: Encoder, samples: Any, names: np.ndarray, title: str) -> Figure:
    """Held-out originals in black beside what was decoded from their latent vectors, at equal
    ranks of the error from the best to the worst."""
    decoder: Any = encoder
    with torch.inference_mode(), one_thread():
        batches = samples.to(decoder.device).in_batches()
        pairs = [(batch, decoder.decode(decoder.encode(batch))) for batch in batches]
    given, decoded = (torch.cat(part).cpu().numpy() for part in zip(*pairs, strict=True))
    order = np.argsort(((given - decoded) ** 2).sum(axis=1), kind="stable")
    ranks = np.linspace(0, len(order) - 1, min(SHOWN, len(order))).astype(int)
    figure, panels = new_figure(5.6, columns=3, rows=2, width=11.0)
    for axes, rank in zip(panels, ranks, strict=False):
        i = order[rank]
        samples.take(np.array([i])).draw(axes, decoded[i])
        share = f"{rank / max(len(order) - 1, 1):.0%}"
        axes.set_title(f"{names[i]}: {share} are decoded better", loc="left", fontsize=9)
        axes.tick_params(labelsize=8)
    for unused in panels[len(ranks) :]:
        unused.set_axis_off()
    for colour, text in ((BLACK, "original"), (VERMILLION, "decoded")):
        panels[0].plot([], [], color=colour, lw=3, label=text)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower right", ncols=2, frameon=False)
    figure.suptitle(f"{title}: {len(order):,} held-out materials", x=0.01, ha="left")
    return figure


def tsne_figure(latents: np.ndarray, items: xr.Dataset, title: str) -> Figure:
    """t-SNE of latent vectors (n, d), coloured by the rarest of the commonest elements that a
    material holds, and by every coarser class that the data set states (crystal system).

    Source: van der Maaten and Hinton, J. Mach. Learn. Res. 9, 2579 (2008), as in scikit-learn.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    spread = latents.std(axis=0)
    scaled = (latents - latents.mean(axis=0)) / (spread.max() or 1.0)
    with threadpool_limits(1):
        points = TSNE(random_state=0, perplexity=20.0).fit_transform(scaled)
    colourings = {"element": _by_element(items["element_set"].values.astype(str))}
    for name, coarser in _grouped(items).items():
        for what, ranges in coarser.items():
            classes = np.full(len(points), "", dtype=object)
            for group, (first, last) in ranges.items():
                classes[(items[name].values >= first) & (items[name].values <= last)] = group
            colourings[what.replace("_", " ")] = classes, list(ranges)
    n = len(colourings)
    figure, panels = new_figure(5.0, columns=n, width=5.6 * n)
    for axes, (what, (classes, groups)) in zip(panels, colourings.items(), strict=True):
        _coloured(axes, points, classes, groups)
        axes.set_title(f"by {what}", loc="left", fontsize=11)
    figure.suptitle(f"{title}\nt-SNE of {len(points):,} held-out materials", x=0.01, ha="left")
    return figure


def _grouped(items: xr.Dataset) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    """By variable: the coarser classes that the data set states of it (`framework.contracts.dataset`)."""
    return {
        str(name): json.loads(variable.attrs["coarser"])
        for name, variable in items.variables.items()
        if "coarser" in variable.attrs
    }


def _by_element(element_sets: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """For each set the rarest of the seven commonest elements, "" where it holds none; and those,
    the commonest first."""
    sets = [text.split() for text in element_sets]
    common = [e for e, _ in Counter(e for elements in sets for e in elements).most_common(7)]
    rarest = [next((e for e in reversed(common) if e in elements), "") for elements in sets]
    return np.array(rarest, dtype=object), common


def _coloured(axes: Axes, points: np.ndarray, classes: np.ndarray, groups: list[str]) -> None:
    rest = ~np.isin(classes, groups)
    axes.plot(*points[rest].T, "o", color=GREY, ms=2.5, mew=0, alpha=0.5, label="others")
    markers = "oooooooss"
    for i, group in enumerate(groups):
        members = classes == group
        colour = (*CONTESTANTS[:6], BLACK, BLUE)[i % 8]
        axes.plot(
            *points[members].T, markers[i % 9], color=colour, ms=3.5, mew=0, alpha=0.75, label=group
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(fontsize=8, frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0.0))
