"""Boosted trees on the neighbourhood of a phase field among all reported element sets.

A field is described by how often its elements, pairs and triples occur in reported sets of every
size, and by the reported fields that it resembles (`zoo.reported_sets`). Trees tell reported
fields from sampled unexplored ones, which are unlabelled, not negative: Elkan and Noto, KDD 2008;
on compositions Prein et al., arXiv 2511.01790.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np

from data.element_sets import padded_numbers
from data.representations.phase_field import PhaseFieldSamples
from framework.contracts.encoder import Encoder
from framework.registry.parameters import Float, Int
from zoo.groupwise import groupwise
from zoo.reported_sets import FloatArray, IntArray, describe
from zoo.smaller_sets import OneSizeDown

TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
"""All that a saved forest holds beside what skops trusts by itself."""

HALVES = 2


class ReportedNeighbourhood(Encoder):
    """Score = log odds of a reported field against a sampled unexplored one.

    Two traps are kept out. A field that is counted among the reported ones has counts that no
    unexplored one can have: training fields are described by the reported sets without their own
    fold, and so are the sampled fields. And a field that was sampled as unexplored is scored too
    low: fields fall into two halves, and each is scored by trees that have sampled the other.

    Where sets of fewer elements are learned from (split ``lower_arity``), there are no training
    fields: how much counts tell is then learned one size down (`zoo.smaller_sets`).

    Args:
        sampled: unexplored fields that each half samples.
        folds: in which training fields are left out of the reported sets.
        trees: of each half.
        learning_rate: what each tree adds.
        leaves: of each tree, at most.
        features: share of the features that a node looks at.
    """

    representation = "phase_field"
    uses_context = True

    def __init__(
        self,
        sampled: Annotated[int, Int(5000, 40000, log=True, within=(10, 1_000_000))] = 20_000,
        folds: Annotated[int, Int(2, 20, tuned=False)] = 8,
        trees: Annotated[int, Int(100, 1000, log=True, within=(1, 10_000))] = 600,
        learning_rate: Annotated[float, Float(0.005, 0.1, log=True, within=(1e-4, 1.0))] = 0.02,
        leaves: Annotated[int, Int(4, 32, within=(2, 1000))] = 8,
        features: Annotated[float, Float(0.1, 0.5, within=(0.01, 1.0))] = 0.2,
    ) -> None:
        self.sampled, self.folds, self.trees = sampled, folds, trees
        self.learning_rate, self.leaves, self.features = learning_rate, leaves, features

    def fit(self, samples: PhaseFieldSamples, validation: Any = None) -> Self:
        """Learn from reported fields, and from the context's unexplored ones.

        Raises:
            UserError: there is no context, or no unexplored field in it.
        """
        context = self.require_context("tells reported fields from unexplored ones")
        for name in self._learned():
            delattr(self, name)
        if not samples.elements.all():  # a set of fewer elements than the fields
            self._fit_smaller(samples)
            return self
        generator = np.random.default_rng(self.seed)
        self.signs_ = generator.integers(2**62, size=119)
        self.table_ = samples.table.numpy()
        self.reported_ = padded_numbers(context.reported)
        candidates: Any = context.unlabelled
        known, unexplored = samples.elements.numpy(), candidates.elements.numpy()
        of_known = generator.permutation(len(known)) % self.folds
        half = self._half(unexplored)
        for number in range(HALVES):
            others = unexplored[half == number]
            n = min(self.sampled, len(others))
            drawn = others[np.sort(generator.choice(len(others), n, replace=False))]
            fields = np.concatenate([known, drawn])
            fold = np.concatenate([of_known, generator.integers(self.folds, size=n)])
            labels = np.arange(len(fields)) < len(known)
            trees = self._trees(number).fit(self._left_out(fields, fold, known, of_known), labels)
            setattr(self, f"trees_of_half_{number}_", _packed(trees))
        return self

    def transform(self, samples: PhaseFieldSamples) -> np.ndarray:
        """What the trees read (n, d): counts, resemblances, descriptors of the elements."""
        self.require_fitted()
        if (smaller := self._smaller()) is not None:
            return smaller.describe(samples.elements.numpy())
        return describe(samples.elements.numpy(), self.reported_, self.table_)

    def score_samples(self, samples: PhaseFieldSamples) -> np.ndarray:
        self.require_fitted()
        if (smaller := self._smaller()) is not None:
            return smaller.score(samples.elements.numpy())
        features, half = self.transform(samples), self._half(samples.elements.numpy())
        scores = np.empty(len(features))
        for number in range(HALVES):
            asked = half == 1 - number
            if asked.any():
                trees = _unpacked(getattr(self, f"trees_of_half_{number}_"))
                scores[asked] = trees.decision_function(features[asked])
        return scores

    def _fit_smaller(self, samples: PhaseFieldSamples) -> None:
        assert self.context is not None
        candidates: Any = self.context.unlabelled
        known, unexplored = samples.elements.numpy(), candidates.elements.numpy()
        smaller = OneSizeDown.fit(known, unexplored, self.sampled, self.folds, self.seed)
        self.reported_, self.reference_ = smaller.reported, smaller.reference
        self.weights_ = smaller.weights

    def _smaller(self) -> OneSizeDown | None:
        """What was learned of smaller sets; None where fields themselves were learned from."""
        if not hasattr(self, "weights_"):
            return None
        return OneSizeDown(self.reported_, self.reference_, self.weights_)

    def _left_out(
        self, fields: IntArray, fold: IntArray, known: IntArray, of_known: IntArray
    ) -> FloatArray:
        """Fields described by the reported sets without the training fields of their fold."""
        key, of_reported = self._key(known), self._key(self.reported_)

        def part(number: int, rows: np.ndarray) -> FloatArray:
            others = self.reported_[~np.isin(of_reported, key[of_known == number])]
            return describe(fields[rows], others, self.table_)

        return groupwise(fold, part)

    def _trees(self, number: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            max_features=self.features,
            l2_regularization=5.0,
            early_stopping=False,
            random_state=self.seed + number,
        )

    def _key(self, sets: IntArray) -> IntArray:
        """A number for every set (n, k), whatever the order of its elements; 0 counts for none."""
        signs = np.where(np.arange(119) > 0, self.signs_, 0)
        key: IntArray = np.bitwise_xor.reduce(signs[sets], axis=1)
        return key

    def _half(self, fields: IntArray) -> IntArray:
        """Which half each field is in (n,)."""
        return self._key(fields) % HALVES


def _packed(trees: Any) -> np.ndarray:
    """Fitted trees as bytes that hold no code."""
    import skops.io

    return np.frombuffer(skops.io.dumps(trees), np.uint8)


def _unpacked(packed: np.ndarray) -> Any:
    import skops.io

    return skops.io.loads(packed.tobytes(), trusted=TRUSTED)
