"""The figure of an audit."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from framework.audit.quantities import ACTIVE_VARIANCE, Audit
from framework.figures.canvas import (
    BLACK,
    BLUE,
    CONTESTANTS,
    GREY,
    VERMILLION,
    densities,
    new_figure,
)
from framework.figures.canvas import save as save


def audit_figure(audit: Audit, name: str) -> Figure:
    """What the audit saw behind its verdict; panels that an encoder has no data for are left out.

    Args:
        name: of the encoder, for the title.
    """
    draw = [_against_norm, _combinations] if "norm" in audit.evidence else []
    if "variance" in audit.evidence:
        draw.append(_latent_dimensions)
    if "explained_variance" in audit.values:
        draw.append(_explained)
    title = fill(f"{name}: {audit.verdict}", 80)
    reasons = [fill(reason, 110) for reason in audit.reasons] or ["no reason for doubt"]
    text = "\n".join(reasons)
    rows = (len(draw) + 1) // 2
    header = 0.35 + 0.22 * title.count("\n") + 0.17 * (text.count("\n") + 1)  # inches
    width, height = 10.0, header + 3.3 * rows
    # margins by hand: to look for a layout takes longer than all of the drawing
    figure, panels = new_figure(height, columns=2, rows=rows, width=width, layout=None)
    for panel in panels[len(draw) :]:
        panel.remove()
    for panel, show in zip(panels, draw, strict=False):
        show(panel, audit)
        panel.title.set(fontsize=11, ha="left", position=(0, 1))
    edges = {"left": 0.9 / width, "right": 1 - 0.6 / width, "bottom": 0.55 / height}
    figure.subplots_adjust(**edges, top=1 - (header + 0.6) / height, hspace=0.5, wspace=0.36)
    at: dict[str, Any] = {"x": 0.15 / width, "ha": "left", "va": "top"}
    figure.text(y=1 - 0.1 / height, s=title, fontsize=13, **at)
    figure.text(y=1 - (header - 0.17 * (text.count("\n") + 1)) / height, s=text, fontsize=10, **at)
    return figure


def _against_norm(axes: Axes, audit: Audit) -> None:
    axes.plot(audit.evidence["norm"], audit.evidence["score"], "o", color=BLUE, ms=2, alpha=0.3)
    axes.set_xlabel("Euclidean norm of the input")
    axes.set_ylabel("score")
    minus, correlation = "\N{MINUS SIGN}", audit.values["norm_correlation"]
    axes.set_title(f"is it the norm?\nrank correlation with {minus}norm: {correlation:.3f}")


def _combinations(axes: Axes, audit: Audit) -> None:
    noise = 1e-9 * (np.ptp(audit.evidence["score"]) or 1)  # what is left of a sum
    groups = {"shuffled": audit.evidence["shuffled"], "holdout": audit.evidence["real"]}
    densities(
        axes, {name: np.where(abs(values) < noise, 0, values) for name, values in groups.items()}
    )
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left", frameon=False, ncols=2)
    axes.set_xlabel("score without its additive part")
    axes.set_ylabel("density (per unit of score)")
    rest, whole = audit.values["combination_auroc"], audit.values["shuffle_auroc"]
    quoted = f"AUROC {rest:.2f}, of the whole score {whole:.2f}"
    axes.set_title(f"does it notice shuffled elements?\n{quoted}")


def _latent_dimensions(axes: Axes, audit: Audit) -> None:
    order = np.argsort(-audit.evidence["variance"], kind="stable")
    bars = {"variance": (audit.evidence["variance"][order], BLUE)}
    if "kl" in audit.evidence:
        bars["KL to the prior (nats)"] = (audit.evidence["kl"][order], CONTESTANTS[4])
        axes.axhline(ACTIVE_VARIANCE, color=BLACK, lw=1, ls="--", label="active above 0.01")
    floor = min(values[values > 0].min(initial=ACTIVE_VARIANCE) for values, _ in bars.values())
    floor = 10 ** np.floor(np.log10(max(floor, 1e-9)) - 0.1)
    top = max(values.max() for values, _ in bars.values())
    width, places = 0.8 / len(bars), np.arange(1, len(order) + 1)
    for i, (label, (values, colour)) in enumerate(bars.items()):
        shift = width * (i - (len(bars) - 1) / 2)
        axes.bar(places + shift, values.clip(floor), width, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_ylim(floor, max(top, ACTIVE_VARIANCE) * (max(top, 1) / floor) ** 0.35)
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right", frameon=False)
    axes.set_xlabel("latent dimension, by variance")
    axes.set_ylabel("variance, KL" if "kl" in audit.evidence else "variance")
    rank = f"effective rank {audit.values['effective_rank']:.1f} of {len(order)}"
    axes.set_title(f"is the latent space in use?\n{rank}")


def _explained(axes: Axes, audit: Audit) -> None:
    bars = {
        "seen": ("explained_variance_seen", BLUE),
        "unseen": ("explained_variance", VERMILLION),
        "unseen,\nagainst 0": ("explained_variance_zero", GREY),
    }
    lowest = -0.25
    for row, (quantity, colour) in enumerate(bars.values()):
        value = audit.values[quantity]
        axes.barh(row, max(value, lowest), color=colour, height=0.6)
        text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
        axes.annotate(text, (1.02, row), xycoords=("axes fraction", "data"), va="center")
    for x, line in ((0, "-"), (1, ":")):
        axes.axvline(x, color=BLACK, lw=1, ls=line)
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(lowest, 1.05)
    axes.set_xlabel("explained variance (0: the mean, 1: all)")
    axes.set_ylabel("items")
    axes.set_title("does it reconstruct?\nshare of the variance that the decoder explains")
