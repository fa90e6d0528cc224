"""What a network does: reconstruction, noise, dead units, and its latent space."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from framework.audit.isotropy import measure
from framework.audit.quantities import ACTIVE_VARIANCE
from framework.neural.samples import TensorSamples


def of_network(
    encoder: Any, seen: TensorSamples, unseen: TensorSamples
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Quantities of a neural encoder: reconstruction, noise, latent space, dead units."""
    encoder.eval()
    views = min(seen.n_views, 24)
    batches = {"seen": _presentations(seen, views), "unseen": _presentations(unseen, views)}
    dead, latents = _dead_relus(encoder, batches["seen"])
    values = {} if dead is None else {"dead_relus": dead}
    evidence: dict[str, np.ndarray] = {}
    if encoder.decodes:
        values |= _of_reconstruction(encoder, batches, views)
        decoded = encoder.decode(encoder.encode(batches["unseen"][::views])).double().numpy()
        if (right := unseen.same(decoded)) is not None:
            values["decoded_right"] = float(right.mean())
    variance = latents.var(0)
    if encoder.has_posterior:
        mean, log_variance = encoder.posterior(batches["unseen"])
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).mean(0)
        values["kl"] = float(kl.sum())
        values["active_units"] = float((variance > ACTIVE_VARIANCE).double().mean())
        evidence["kl"] = kl.double().numpy()
    values |= of_latents(latents.double().numpy(), views)
    return values, {**evidence, "variance": variance.double().numpy()}


def of_latents(cloud: np.ndarray, views: int = 1) -> dict[str, float]:
    """Quantities of latent vectors (n * views, d), the views of an item side by side."""
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.cov(cloud.T))).clip(0)
    whole = measure(cloud[::views], np.zeros(len(cloud) // views), n_directions=200)
    return {
        "effective_rank": _effective_rank(eigenvalues),
        **{n: whole.means[n] for n in ("eigenvector_isotropy", "fractional_anisotropy")},
    }


def _of_reconstruction(
    encoder: Any, batches: dict[str, torch.Tensor], views: int
) -> dict[str, float]:
    mean = batches["seen"].mean(0)
    errors, explained, outputs = {}, {}, {}
    for part, batch in batches.items():
        outputs[part] = encoder.decode(encoder.encode(batch))
        errors[part] = ((outputs[part] - batch) ** 2).sum(1)
        explained[part] = float(1 - errors[part].sum() / ((batch - mean) ** 2).sum())
    batch = batches["unseen"]
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
