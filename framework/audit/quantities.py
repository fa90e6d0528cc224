"""What the audit measures, and how its verdict is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

ACTIVE_VARIANCE = 0.01
"""Variance of the posterior mean above which a latent dimension is active."""

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
