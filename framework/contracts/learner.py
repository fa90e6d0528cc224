"""What learns end to end from labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from framework.contracts.encoder import Encoder
from framework.contracts.representation import Samples

Learner = Callable[[Samples, np.ndarray, Samples], np.ndarray]
"""Labelled samples, their values (n,) and other samples, to the values of these (m,)."""


class EndToEnd(Encoder):
    """An encoder that goes on learning where there are labels: the task `property` asks it in the
    place of a probe on its latent vectors."""

    @abstractmethod
    def learner(self, samples: Samples, others: np.ndarray) -> Learner:
        """What learns one property, from few labels or many, each time from the same beginning.

        Args:
            samples: the training part, all of it.
            others: values (n, p) of the task's other properties there, NaN where unknown; an
                encoder may begin with what they teach.
        """
