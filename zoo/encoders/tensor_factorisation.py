"""Tensor factorisation: a field is as plausible as a sum of products of one number per element says.

Recommender of Seko et al., Phys. Rev. Mater. 2, 013805 (2018), which decomposes the tensor of
reported compositions; here the tensor of reported fields, non-negative and of Poisson likelihood
(Chi and Kolda, SIAM J. Matrix Anal. Appl. 33, 1272, 2012), so that absent entries need no sampling.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray

from data.representations.phase_field import PhaseFieldSamples
from framework.contracts.encoder import Encoder
from framework.registry.parameters import Float, Int
from zoo.reported_sets import IS_ANION, N_ELEMENTS, IntArray


class TensorFactorisation(Encoder):
    """Score = log sum over r of w_r x product of u_r(cation) x product of v_r(anion).

    All places of cations share the factors u and all places of anions the factors v, so that the
    order of elements never matters. Fitted by expectation maximisation: a field is drawn from one
    of ``rank`` classes, each with its own shares of cations and anions.

    Args:
        rank: number of products.
        smoothing: fields' worth of even shares that every class is given beforehand.
        iterations: of expectation maximisation.
    """

    representation = "phase_field"
    baseline = True

    def __init__(
        self,
        rank: Annotated[int, Int(2, 64, log=True, within=(1, 1000))] = 16,
        smoothing: Annotated[float, Float(1.0, 300.0, log=True, within=(1e-6, 1e6))] = 30.0,
        iterations: Annotated[int, Int(1, 10_000, tuned=False)] = 100,
    ) -> None:
        self.rank, self.smoothing, self.iterations = rank, smoothing, iterations

    def fit(self, samples: PhaseFieldSamples, validation: Any = None) -> Self:
        fields = samples.elements.numpy()
        holds = np.zeros((len(fields), N_ELEMENTS))
        np.put_along_axis(holds, fields, 1, axis=1)
        generator = np.random.default_rng(self.seed)
        belongs = generator.dirichlet(np.ones(self.rank), size=len(fields))
        for _ in range(self.iterations):
            self._learn(belongs, holds)
            belongs = np.exp(self._log_products(fields))
            belongs /= belongs.sum(axis=1, keepdims=True)
        return self

    def transform(self, samples: PhaseFieldSamples) -> np.ndarray:
        """Logarithms of the products (n, rank)."""
        self.require_fitted()
        return self._log_products(samples.elements.numpy())

    def score_samples(self, samples: PhaseFieldSamples) -> np.ndarray:
        logs = self.transform(samples)
        return np.asarray(np.logaddexp.reduce(logs, axis=1))

    def _learn(self, belongs: NDArray[np.float64], holds: NDArray[np.float64]) -> None:
        """Weights (rank,) and shares of elements (rank, 119), of cations and of anions each.

        Args:
            belongs: how far each field is drawn from each class (n, rank).
            holds: which elements each field has (n, 119).
        """
        counts = belongs.T @ holds + self.smoothing / N_ELEMENTS
        shares = np.empty_like(counts)
        for role in (IS_ANION, ~IS_ANION):
            shares[:, role] = counts[:, role] / counts[:, role].sum(axis=1, keepdims=True)
        self.log_share_ = np.log(shares)
        self.log_weight_ = np.log(belongs.mean(axis=0) + 1e-12)

    def _log_products(self, fields: IntArray) -> NDArray[np.float64]:
        logs: NDArray[np.float64] = self.log_weight_ + self.log_share_.T[fields].sum(axis=1)
        return logs
