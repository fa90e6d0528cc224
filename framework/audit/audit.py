"""Is the model alive? The collapse audit that follows every fit.

A good hold-out metric does not show that a model has learned anything: the published phase-field
scores are the norm of the input. The audit asks the fitted encoder what a reader would ask: does
it explain inputs that it has not seen, does its score say more than the norm of the input or the
frequency of the elements, does it notice when elements are shuffled between fields, and is its
latent space in use? Thresholds come from planted live and dead models
(tests/framework/audit/test_audit.py; docs/findings.md shows the values).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn

from framework.audit.network import of_latents, of_network
from framework.audit.quantities import Audit
from framework.audit.scores import COPIES, Additive, of_scores, of_shuffled, shuffle_elements
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Representation
from framework.contracts.split import Split
from framework.neural.threads import one_thread

SEEN, UNSEEN, OTHERS = 300, 300, 3000
"""Training, held-out and unexplored items that are looked at, at most."""

# Thresholds; between the planted dead and live models with room on both sides.
SAME_AS_NORM = 0.98
DISTINCT = 0.02
EXPLAINED = 0.1
ADDITIVE = 0.99
MEMORISED = 0.4
ACTIVE_SHARE = 0.5


def audit(
    encoder: Encoder,
    representation: Representation,
    samples: Any,
    items: xr.Dataset,
    split: Split,
    members: Callable[[list[str]], list[str]] | None,
) -> Audit:
    """Audit a fitted encoder.

    Args:
        samples: all items, in order; some of each part are looked at.
        members: which element sets belong to the field space (a candidate source's ``members``).
            None where a task ranks no made-up sets: what is asked of the plausibility score does
            not apply then, and of an encoder that is not a network its latent vectors are looked at.
    """
    rng = np.random.default_rng(0)
    known = split.train if len(split.train) else split.validation  # `Split.smaller`
    seen = _some(rng, known, SEEN)
    unseen = _some(rng, split.holdout, UNSEEN)
    values: dict[str, float] = {}
    evidence: dict[str, np.ndarray] = {}
    noticed_low = 1.0
    if members is not None:
        others = _some(rng, split.unexplored, OTHERS)
        names = items["element_set"].values.astype(str)
        scores = encoder.score_samples(samples.take(others))
        values, evidence = of_scores(samples.take(others), names[others], names[known], scores)
        additive = Additive.fit(names[others], scores)
        shuffled = [
            text
            for _ in range(COPIES)
            for text in shuffle_elements(rng, list(names[unseen]), members)
        ]
        materials = xr.Dataset({"element_set": ("material", np.array(shuffled, dtype=str))})
        made_up = encoder.score_samples(representation.transform(materials))
        real = encoder.score_samples(samples.take(unseen))
        more, arrays, noticed_low = of_shuffled(
            additive, (names[unseen], real), (materials["element_set"].values, made_up)
        )
        values |= more
        evidence |= arrays
    if isinstance(encoder, nn.Module):
        with torch.inference_mode(), torch.random.fork_rng(devices=[]), one_thread():
            torch.manual_seed(0)
            more, arrays = of_network(encoder, samples.take(seen), samples.take(unseen))
        values |= more
        evidence |= arrays
    elif members is None:
        latents = encoder.transform(samples.take(seen))
        values |= of_latents(latents)
        evidence["variance"] = latents.var(axis=0)
    verdict, reasons = _verdict(values, noticed_low)
    return Audit(verdict, reasons, values, evidence)


def _verdict(values: dict[str, float], noticed_low: float) -> tuple[str, tuple[str, ...]]:
    dead, weak = [], []
    norm = values.get("norm_correlation", 0.0)
    if values.get("distinct_scores", 1) < DISTINCT:
        dead.append("nearly all items get the same score")
    if abs(norm) >= SAME_AS_NORM:
        dead.append(f"the score is the norm of the input (rank correlation {norm:.3f})")
    if values.get("explained_variance", 1) < EXPLAINED:
        seen = values["explained_variance_seen"]
        if seen - values["explained_variance"] > MEMORISED:
            weak.append(f"memorises: explains {seen:.0%} of what it has seen, nothing of the rest")
        else:
            explained = f"{max(0, values['explained_variance']):.0%}"
            dead.append(f"the decoder explains {explained} of what varies in unseen inputs")
    elif values.get("explained_variance_seen", 0) - values.get("explained_variance", 0) > MEMORISED:
        weak.append("memorises: explains far more of what it has seen than of the rest")
    if values.get("active_units", 1) == 0:
        dead.append("no latent dimension is active")
    elif values.get("active_units", 1) < ACTIVE_SHARE:
        weak.append(f"only {values['active_units']:.0%} of the latent dimensions are active")
    if values.get("effective_rank", 1) == 0:
        dead.append("all items have the same latent vector")
    if values.get("additive_r2", 0) >= ADDITIVE:
        weak.append("the score is a sum over elements: no combination is seen")
    elif noticed_low <= 0.5:
        weak.append(
            "does not notice elements shuffled between unseen fields "
            f"(AUROC {values['shuffle_auroc']:.2f}, without the additive part "
            f"{values['combination_auroc']:.2f})"
        )
    if dead:
        return "collapsed", tuple(dead + weak)
    return ("weak", tuple(weak)) if weak else ("alive", ())


def _some(rng: np.random.Generator, index: np.ndarray, most: int) -> np.ndarray:
    return index if len(index) <= most else np.sort(rng.choice(index, most, replace=False))
