"""Is the model alive? The collapse audit that follows every fit.

A good hold-out metric does not show that a model has learned anything: the published phase-field
scores are the norm of the input. The audit asks the fitted encoder what a reader would ask: does
it explain inputs that it has not seen, does its score say more than the norm of the input or the
frequency of the elements, does it notice when elements are shuffled between fields, and is its
latent space in use? Thresholds come from planted live and dead models
(tests/framework/test_diagnostics.py; docs/findings.md shows the values).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
import xarray as xr
from scipy.stats import spearmanr
from torch import nn

from framework.audit.isotropy import measure
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Representation
from framework.contracts.split import Split
from framework.metrics.ranking import evaluate
from framework.neural.samples import TensorSamples
from framework.neural.threads import one_thread

SEEN, UNSEEN, OTHERS = 300, 300, 3000
"""Training, held-out and unexplored items that are looked at, at most."""

COPIES = 5
"""Shuffled fields for each held-out one."""

SHUFFLES = 30
"""Rounds of swaps: after them a field keeps few of its own elements."""

# Thresholds; between the planted dead and live models with room on both sides.
SAME_AS_NORM = 0.98
DISTINCT = 0.02
EXPLAINED = 0.1
ADDITIVE = 0.99
MEMORISED = 0.4
ACTIVE_SHARE = 0.5
ACTIVE_VARIANCE = 0.01

QUANTITIES = {
    "distinct_scores": "Share of unexplored items with a score of their own; 0 to 1.",
    "norm_correlation": "Spearman correlation of the score with the negative Euclidean norm of "
    "the input, over unexplored items; -1 to 1.",
    "frequency_correlation": "Spearman correlation of the score with the summed log frequency of "
    "the elements in training; -1 to 1.",
    "additive_r2": "Adjusted R2 of the least-squares model score = sum of one number an element, "
    "over unexplored items; 1: no combination is seen.",
    "shuffle_auroc": "Probability that a held-out field outscores held-out fields whose elements "
    "were swapped among them, keeping how often each occurs; 0.5: combinations go unnoticed.",
    "combination_auroc": "shuffle_auroc of what is left of the score without its additive part.",
    "explained_variance": "1 - squared reconstruction error / squared distance to the training "
    "mean, on held-out items; 0: no better than the mean.",
    "explained_variance_zero": "The same against a decoder that answers zero.",
    "explained_variance_seen": "explained_variance on training items.",
    "decoded_error": "Mean absolute error of a decoded input, on held-out items; of compositions, "
    "the error of an atomic fraction.",
    "decoded_right": "Share of held-out items that are decoded to what they are: a composition to "
    "one of the same elements.",
    "view_spread": "Standard deviation of the score over equivalent presentations, over that "
    "between items; 0 for a symmetric model.",
    "draw_spread": "Standard deviation of the score over noisy passes, over that between items.",
    "constant_outputs": "Share of varying inputs whose reconstruction does not vary (standard "
    "deviation below 1 % of the input's); 1 for a saturated decoder.",
    "dead_relus": "Share of ReLU units that no training presentation switches on.",
    "active_units": "Share of latent dimensions with posterior-mean variance above 0.01 "
    "(Burda, Grosse, Salakhutdinov, ICLR 2016).",
    "kl": "Kullback-Leibler divergence to the prior, summed over latent dimensions, in nats.",
    "eigenvector_isotropy": "Partition-function isotropy of the latent cloud over both signs of its "
    "principal axes; near 0 a line, 1 isotropic (framework.audit.isotropy).",
    "fractional_anisotropy": "Of the latent covariance; 0 isotropic, 1 a line "
    "(framework.audit.isotropy).",
    "effective_rank": "exp of the entropy of the normalised eigenvalues of the latent covariance; "
    "1 to latent_dim (Roy & Vetterli, EUSIPCO 2007).",
}
"""Every quantity: formula, range, source. One that a model has no use for is absent."""


@dataclass(frozen=True)
class Audit:
    """What the audit found.

    Attributes:
        verdict: ``alive``, ``weak`` or ``collapsed``.
        reasons: one sentence each; empty where the model is alive.
        values: quantities by name (`QUANTITIES`); those that do not apply are absent.
        evidence: arrays behind the figure.
    """

    verdict: str
    reasons: tuple[str, ...]
    values: dict[str, float]
    evidence: dict[str, np.ndarray] = field(default_factory=dict, repr=False)


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
            not apply then, and of an encoder that is no network its latent vectors are looked at.
    """
    rng = np.random.default_rng(0)
    seen = _some(rng, split.train, SEEN)
    unseen = _some(rng, split.holdout, UNSEEN)
    values: dict[str, float] = {}
    evidence: dict[str, np.ndarray] = {}
    noticed_low = 1.0
    if members is not None:
        others = _some(rng, split.unexplored, OTHERS)
        names = items["element_set"].values.astype(str)
        scores = encoder.score_samples(samples.take(others))
        additive = _Additive.fit(names[others], scores)
        values, evidence = _of_scores(
            samples.take(others), names[others], names[split.train], scores
        )
        values["additive_r2"] = additive.r2
        shuffled = [
            text
            for _ in range(COPIES)
            for text in shuffle_elements(rng, list(names[unseen]), members)
        ]
        materials = xr.Dataset({"element_set": ("material", np.array(shuffled, dtype=str))})
        other = encoder.score_samples(representation.transform(materials))
        residual = additive.residual
        raw = (encoder.score_samples(samples.take(unseen)), other)
        beyond = (
            residual(names[unseen], raw[0]),
            residual(materials["element_set"].values, raw[1]),
        )
        values["shuffle_auroc"], low = _outscores(*raw)
        values["combination_auroc"], beyond_low = _outscores(*beyond)
        noticed_low = max(low, beyond_low)
        evidence |= {"real": beyond[0], "shuffled": beyond[1]}
    if isinstance(encoder, nn.Module):
        with torch.inference_mode(), torch.random.fork_rng(devices=[]), one_thread():
            torch.manual_seed(0)
            more, arrays = _of_network(encoder, samples.take(seen), samples.take(unseen))
        values |= more
        evidence |= arrays
    elif members is None:
        latents = encoder.transform(samples.take(seen))
        values |= _of_latents(latents)
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


def _of_scores(
    shown: TensorSamples, names: np.ndarray, train: np.ndarray, scores: np.ndarray
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Quantities of the scores (n,) of unexplored items with these names; ``train``: names."""
    norms = shown.mean_over_views(lambda x: torch.linalg.vector_norm(x, dim=1), most_views=1)[:, 0]
    holds, symbols = _holds(names)
    counts = _holds(train, symbols)[0].sum(axis=0)
    values = {
        "distinct_scores": np.unique(scores).size / scores.size,
        "norm_correlation": _correlation(scores, -norms),
        "frequency_correlation": _correlation(scores, holds @ np.log(counts + 1)),
    }
    return values, {"norm": norms, "score": scores}


def _holds(
    names: np.ndarray, symbols: tuple[str, ...] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which element stands in which set (n, n_symbols)."""
    sets = [set(text.split()) for text in names]
    symbols = symbols or tuple(sorted(set().union(*sets)))
    return np.array([[s in each for s in symbols] for each in sets], dtype=float), symbols


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second).statistic)


@dataclass(frozen=True)
class _Additive:
    """Least squares of a score on the elements: one number an element, and a constant."""

    symbols: tuple[str, ...]
    weights: np.ndarray
    r2: float

    @classmethod
    def fit(cls, names: np.ndarray, target: np.ndarray) -> Self:
        holds, symbols = _holds(names)
        design = np.column_stack([np.ones(len(holds)), holds])
        weights, _, rank, _ = np.linalg.lstsq(design, target, rcond=None)
        left, total = (
            ((target - design @ weights) ** 2).sum(),
            ((target - target.mean()) ** 2).sum(),
        )
        if np.ptp(target) == 0:
            return cls(symbols, weights, 1.0)  # a constant is a sum over elements
        r2 = 1 - left / total * (len(target) - 1) / max(1, len(target) - rank)
        return cls(symbols, weights, float(r2))

    def residual(self, names: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """What of the scores (n,) is no sum over elements."""
        holds, _ = _holds(names, self.symbols)
        return scores - self.weights[0] - holds @ self.weights[1:]


def _outscores(real: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """AUROC of real against other, and the low end of its 95 % interval."""
    relevance = np.arange(len(real) + len(other)) < len(real)
    found = evaluate(np.concatenate([real, other]), relevance, prior=0.0, n_resamples=300)
    return found.values["auroc"], found.low["auroc"]


def shuffle_elements(
    rng: np.random.Generator, element_sets: list[str], members: Callable[[list[str]], list[str]]
) -> list[str]:
    """Swap elements between sets, keeping how often each element occurs.

    Sets are paired at random and swap one element each, where both results are of the same field
    space and differ from every set given; repeated `SHUFFLES` times. A set that could swap with
    none stays as it is and is left out of what is returned.
    """
    given = set(element_sets)
    current = [text.split() for text in element_sets]
    for _ in range(SHUFFLES):
        order = rng.permutation(len(current))
        pairs = list(zip(order[::2], order[1::2], strict=False))
        proposals = []
        for i, j in pairs:
            a, b = rng.integers(len(current[i])), rng.integers(len(current[j]))
            one = [*current[i][:a], current[j][b], *current[i][a + 1 :]]
            two = [*current[j][:b], current[i][a], *current[j][b + 1 :]]
            proposals.append((sorted(one), sorted(two)))
        texts = [" ".join(each) for pair in proposals for each in pair]
        distinct = [t for t in texts if len(set(t.split())) == len(t.split())]
        valid = set(members(distinct)) if distinct else set()
        for (i, j), (one, two) in zip(pairs, proposals, strict=True):
            if " ".join(one) in valid and " ".join(two) in valid:
                current[i], current[j] = one, two
    texts = [" ".join(each) for each in current]
    return [text for text in texts if text not in given] or texts


def _of_network(
    encoder: Any, seen: TensorSamples, unseen: TensorSamples
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Quantities of a neural encoder: reconstruction, noise, latent space, dead units."""
    encoder.eval()
    views = min(seen.n_views, 24)
    shown = {"seen": _presentations(seen, views), "unseen": _presentations(unseen, views)}
    dead, latents = _dead_relus(encoder, shown["seen"])
    values = {} if dead is None else {"dead_relus": dead}
    evidence: dict[str, np.ndarray] = {}
    if encoder.decodes:
        values |= _of_reconstruction(encoder, shown, views)
        decoded = encoder.decode(encoder.encode(shown["unseen"][::views])).double().numpy()
        if (right := unseen.same(decoded)) is not None:
            values["decoded_right"] = float(right.mean())
    variance = latents.var(0)
    if encoder.has_posterior:
        mean, log_variance = encoder.posterior(shown["unseen"])
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).mean(0)
        values["kl"] = float(kl.sum())
        values["active_units"] = float((variance > ACTIVE_VARIANCE).double().mean())
        evidence["kl"] = kl.double().numpy()
    values |= _of_latents(latents.double().numpy(), views)
    return values, {**evidence, "variance": variance.double().numpy()}


def _of_latents(cloud: np.ndarray, views: int = 1) -> dict[str, float]:
    """Quantities of latent vectors (n * views, d), the views of an item side by side."""
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.cov(cloud.T))).clip(0)
    whole = measure(cloud[::views], np.zeros(len(cloud) // views), n_directions=200)
    return {
        "effective_rank": _effective_rank(eigenvalues),
        **{n: whole.means[n] for n in ("eigenvector_isotropy", "fractional_anisotropy")},
    }


def _of_reconstruction(
    encoder: Any, shown: dict[str, torch.Tensor], views: int
) -> dict[str, float]:
    mean = shown["seen"].mean(0)
    errors, explained, outputs = {}, {}, {}
    for part, batch in shown.items():
        outputs[part] = encoder.decode(encoder.encode(batch))
        errors[part] = ((outputs[part] - batch) ** 2).sum(1)
        explained[part] = float(1 - errors[part].sum() / ((batch - mean) ** 2).sum())
    batch = shown["unseen"]
    by_item = errors["unseen"].sqrt().reshape(-1, views)
    between = float(by_item.mean(1).std()) or 1.0
    draws = torch.stack(
        [torch.linalg.vector_norm(encoder.decode(encoder.draw(batch)) - batch, dim=1)
         for _ in range(8)]
    )  # fmt: skip
    varies = batch.std(0) > 1e-6
    still = outputs["unseen"].std(0)[varies] < 0.01 * batch.std(0)[varies]
    return {
        "decoded_error": float((outputs["unseen"] - batch).abs().mean()),
        "explained_variance": explained["unseen"],
        "explained_variance_zero": float(1 - errors["unseen"].sum() / (batch**2).sum()),
        "explained_variance_seen": explained["seen"],
        "view_spread": float(by_item.std(1).mean()) / between if views > 1 else 0.0,
        "draw_spread": float(draws.std(0).mean()) / between,
        "constant_outputs": float(still.double().mean()),
    }


def _presentations(samples: TensorSamples, views: int) -> Any:
    """All views of all samples as one batch (n * views), a sample's views side by side."""
    index = torch.arange(len(samples)).repeat_interleave(views)
    return samples.batch(index, torch.arange(views).repeat(len(samples)))


def _dead_relus(encoder: Any, batch: Any) -> tuple[float | None, torch.Tensor]:
    """The share of ReLU units that stay at 0 for a whole batch, and its latent vectors."""
    alive: list[torch.Tensor] = []

    def watch(_module: nn.Module, _given: Any, output: torch.Tensor) -> None:
        alive.append((output > 0).any(0).flatten())

    hooks = [m.register_forward_hook(watch) for m in encoder.modules() if isinstance(m, nn.ReLU)]
    try:
        latents = encoder.encode(batch)
        if hooks and encoder.decodes:
            encoder.decode(latents)
    finally:
        for hook in hooks:
            hook.remove()
    return (1 - float(torch.cat(alive).double().mean()) if alive else None), latents


def _effective_rank(eigenvalues: np.ndarray) -> float:
    if eigenvalues.sum() <= 0:
        return 0.0
    share = eigenvalues / eigenvalues.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def _some(rng: np.random.Generator, index: np.ndarray, most: int) -> np.ndarray:
    return index if len(index) <= most else np.sort(rng.choice(index, most, replace=False))
