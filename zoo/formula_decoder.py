"""From points of a latent space to formulas, and back to the latent vectors of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from data.representations.composition import (
    N_ELEMENTS,
    PRESENT,
    CompositionSamples,
    atomic_fractions,
    reduced_formula,
)
from data.representations.composition_diffraction import CompositionDiffractionSamples
from framework.base.errors import UserError
from framework.contracts.dataset import take
from framework.contracts.objective import FloatArray
from framework.neural.threads import one_thread
from zoo.latent_space import LatentSpace

FITTING = "take composition_vae or concatenated_vae"


class FormulaDecoder:
    """Decodes compositions with the encoder of a latent space.

    Args:
        most_elements: of a formula; of more that are decoded the largest fractions stay.

    Raises:
        UserError: the encoder decodes nothing, or no compositions.
    """

    def __init__(self, space: LatentSpace, most_elements: int) -> None:
        self.encoder, self.most_elements = space.encoder, most_elements
        name = type(space.encoder).__name__
        if not space.encoder.decodes:
            raise UserError(
                f"encoder: {name} decodes nothing, and proposals are decoded; {FITTING}"
            )
        one = space.representation.transform(take(space.materials, [0]))
        if not isinstance(one, CompositionSamples | CompositionDiffractionSamples):
            raise UserError(f"encoder: what {name} decodes holds no composition; {FITTING}")
        self._samples = type(one)

    def decoded(self, latent: FloatArray) -> tuple[str, FloatArray, FloatArray]:
        """The formula that a latent vector (d,) stands for, the atomic fractions (100,) as they
        were decoded, and the latent vector (d,) of that formula."""
        decoder: Any = self.encoder
        with torch.inference_mode(), one_thread():
            point = torch.from_numpy(latent[None]).to(decoder.device, torch.float32)
            vector = decoder.decode(point)[0].double().cpu().numpy()
        shares = vector[:N_ELEMENTS].clip(0) / vector[:N_ELEMENTS].clip(0).sum()
        largest = np.argsort(-shares, kind="stable")[: self.most_elements]
        kept = np.zeros(N_ELEMENTS)
        kept[largest] = np.where(shares[largest] >= PRESENT, shares[largest], 0.0)
        kept[largest[0]] = shares[largest[0]]
        formula = reduced_formula(kept)
        return formula, shares, self.encoded(formula, vector[N_ELEMENTS:])

    def encoded(self, formula: str, pattern: FloatArray) -> FloatArray:
        """The latent vector (d,) of a formula, and of a pattern where the encoder reads one."""
        if len(pattern):  # whose highest point is 1
            pattern = pattern / max(pattern.max(), 1e-12)
        vector = np.concatenate([atomic_fractions([formula])[0], pattern]).astype(np.float32)
        samples = self._samples(torch.from_numpy(vector[None]))
        latent: FloatArray = self.encoder.transform(samples)[0].astype(float)
        return latent
