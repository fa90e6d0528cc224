"""The contract of an encoder: three verbs, and everything learned in attributes ending in ``_``.

What only some encoders can do is declared here too, with what it means where one cannot: decode
latent vectors, state a posterior, learn labels end to end, begin with a finished run, use a context.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from framework.base.errors import UserError
from framework.contracts.fitted import Fitted
from framework.contracts.learner import Learner

if TYPE_CHECKING:
    from framework.contracts.context import Context


def _silent(done: int, total: int) -> None:
    """Reports no progress."""


class Encoder(Fitted, ABC):
    """Maps samples to latent vectors, and scores how plausible they are.

    Constructor arguments are stored under their own names; ``width`` and, where an encoder asks
    for it, ``n_elements`` are supplied by the framework from the samples.

    Attributes:
        representation: name of the representation that it reads. An encoder that can read any
            has a constructor argument of this name, whose default it is.
        baseline: whether it is a reference point rather than a contestant in leaderboards.
        settings: a dataclass of further settings, such as those of training, that can be set and
            tuned beside the constructor's arguments; None where there are none.
        uses_context: whether it is to be given a ``context`` before ``fit``.
        context: what the split allows beside the training samples; None where it was not asked
            for, or where the task has none to give.
        seed: of everything random in it; set before ``fit``.
        progress: called with (steps done, steps in total) while fitting.
    """

    checkpoint = "encoder.npz"
    representation: str
    baseline: ClassVar[bool] = False
    uses_context: ClassVar[bool] = False
    settings: Any = None
    context: Context | None = None
    seed: int = 0
    progress: Callable[[int, int], None] = staticmethod(_silent)

    @abstractmethod
    def fit(self, samples: Any, validation: Any = None) -> Self:
        """Learn from the training samples; ``validation`` is watched, never learned from."""

    @abstractmethod
    def transform(self, samples: Any) -> np.ndarray:
        """Latent vectors (n, latent_dim)."""

    @abstractmethod
    def score_samples(self, samples: Any) -> np.ndarray:
        """Plausibility (n,), higher = more plausible."""

    @classmethod
    def sources(cls, parameters: Mapping[str, Any]) -> tuple[Path, ...]:
        """The files of registered items that its settings name; they decide its numbers.

        Args:
            parameters: checked settings, by name.
        """
        return ()

    @property
    def decodes(self) -> bool:
        """Whether latent vectors can be decoded, as only a neural encoder can
        (`framework.neural.encoder.NeuralEncoder.decode`)."""
        return False

    @property
    def has_posterior(self) -> bool:
        """Whether a sample has a distribution of latent vectors, as only a neural encoder can state
        (`framework.neural.encoder.NeuralEncoder.posterior`)."""
        return False

    def learner_input(self, samples: Any) -> Any:
        """What a learner of labels reads of samples: here the latent vectors (n, latent_dim), which
        no label changes; of an encoder that learns end to end the samples themselves."""
        return self.transform(samples)

    def learner(self, probe: Learner, samples: Any, others: np.ndarray) -> Learner:
        """What learns labels from `learner_input`: here the probe. An encoder that learns end to
        end gives a learner of its own, of the probe's kind (`framework.contracts.learner`).

        Args:
            probe: unfitted.
            samples: the training part, all of it.
            others: values (n, p) of the task's other properties there, NaN where unknown; an
                encoder may begin with what they teach.
        """
        return probe

    def begin_with(self, other: Encoder) -> None:
        """Let the next ``fit`` start from what another encoder has learned: one of a finished run,
        which the setting ``pretrained`` names.

        Raises:
            UserError: it cannot start from that one.
        """
        raise UserError(f"{type(self).__name__} cannot begin with a finished run; leave it out")

    def require_context(self, why: str) -> Context:
        """The context, for an encoder that cannot do without.

        Args:
            why: what it does with it, for the message: "ranks among unexplored candidates".

        Raises:
            UserError: there is none, or no unlabelled candidate in it.
        """
        if self.context is None or not len(self.context.unlabelled):
            raise UserError(
                f"{type(self).__name__} {why}, and there are none here; run it with task "
                "'plausibility'"
            )
        return self.context

    @contextmanager
    def as_it_stands(self) -> Iterator[None]:
        """Within ``progress``, lets the encoder score with what it has learned so far."""
        yield

    @property
    def history(self) -> dict[str, list[float]]:
        """Training curves by name, one value an epoch; empty where nothing is iterated."""
        return {}
