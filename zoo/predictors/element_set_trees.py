"""Randomised and boosted trees that tell classes of element sets, helped by the classes of similar sets.

The trees: Geurts et al., Machine Learning 63, 3 (2006); Ke et al., LightGBM (2017), as scikit-learn
has them.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np

from data.element_sets import SYMBOLS
from framework.base.errors import UserError
from framework.contracts.predictor import Classifier
from framework.registry.parameters import Float, Int
from zoo.similar_sets import class_shares, cross_fitted


class ElementSetTrees(Classifier):
    """The mean probability of three: extremely randomised trees on the vectors, the same on the
    vectors and what similar labelled sets say (`zoo.similar_sets`), and boosted trees on these.

    Reads vectors whose first 118 dimensions are above 0 for the elements that a set holds, as the
    encoder `element_descriptors` gives them. Training sets are described by sets of other folds, so that no
    set's own class is among what describes it.

    Args:
        trees: in each of the two randomised forests.
        rounds: of boosting.
        learning_rate: what each of its trees adds.
        leaves: of each, at most.
        features: share of the dimensions that its nodes look at.
        folds: in which training sets are left out of what describes them.
    """

    def __init__(
        self,
        trees: Annotated[int, Int(50, 1000)] = 300,
        rounds: Annotated[int, Int(50, 1000)] = 300,
        learning_rate: Annotated[float, Float(0.01, 0.3, log=True)] = 0.05,
        leaves: Annotated[int, Int(4, 128, log=True)] = 15,
        features: Annotated[float, Float(0.05, 1.0)] = 0.2,
        folds: Annotated[int, Int(2, 20, tuned=False)] = 10,
    ) -> None:
        self.trees, self.rounds, self.learning_rate = trees, rounds, learning_rate
        self.leaves, self.features, self.folds = leaves, features, folds

    def fit(self, vectors: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> Self:
        """Learn the classes of element sets.

        Raises:
            UserError: the vectors are not of element sets.
        """
        from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

        self._holds, self.classes_ = _holds(vectors), np.unique(classes)
        # all but the first class, whose shares are what is left of 1
        self._labels = (classes[:, None] == self.classes_[1:]).astype(np.float32)
        said = cross_fitted(self._holds, self._labels, groups, self.folds, self.seed)
        both = np.concatenate([vectors, said], axis=1)
        boosted = HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            max_features=self.features,
            l2_regularization=5.0,
            early_stopping=False,
            random_state=self.seed,
        )
        alone, randomised = (
            ExtraTreesClassifier(self.trees, random_state=self.seed) for _ in range(2)
        )
        self._alone = alone.fit(vectors, classes)
        self._helped = [randomised.fit(both, classes), boosted.fit(both, classes)]
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        said = class_shares(_holds(vectors), self._holds, self._labels)
        both = np.concatenate([vectors, said], axis=1)
        answers: list[Any] = [self._alone.predict_proba(vectors)]
        answers += [model.predict_proba(both) for model in self._helped]
        return np.asarray(np.mean(answers, axis=0))


def _holds(vectors: np.ndarray) -> np.ndarray:
    """1 for each element that a set holds, else 0 (n, 118).

    Raises:
        UserError: the vectors are too short, or a set is empty.
    """
    holds: np.ndarray = (vectors[:, : len(SYMBOLS)] > 0).astype(np.float32)
    if holds.shape[1] < len(SYMBOLS) or not holds.any(axis=1).all():
        raise UserError(
            f"element_set_trees reads element sets, not vectors of {vectors.shape[1]} dimensions "
            "without any element; give it those by the encoder 'element_descriptors'"
        )
    return holds
