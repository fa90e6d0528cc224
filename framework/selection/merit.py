"""The probability that element sets have a wanted property: a classifier of known sets.

The known sets fall into folds, and a classifier is fitted without each of them. So every known set
has a probability from a classifier that has not seen it, and any other set as many as there are
folds: their mean is its probability, their spread its uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from framework.base.errors import UserError, nearest
from framework.base.threads import single_threaded
from framework.config.schema import Component, component_from
from framework.contracts.learner import part
from framework.contracts.predictor import Classifier
from framework.contracts.representation import Representation
from framework.metrics.evaluation import Evaluation
from framework.metrics.ranking import evaluate
from framework.metrics.ranks import RANKING
from framework.registry.parameters import checked, parameters
from framework.registry.registry import DATASETS, ENCODERS, PREDICTORS, REPRESENTATIONS
from framework.runs import components
from framework.runs.items import items_of
from framework.selection.fields import Progress, ignored

FOLDS = 5
LEAST = 2 * FOLDS
"""Sets that either class needs: two a fold."""

AT_ONCE = 10_000
"""Sets that are asked for in one go; bounds the memory."""

MEASURED = ("auroc", "average_precision")
RESAMPLES = 500

READS = "element_set"
"""The representation of element sets of any size."""
SHARES_FEATURES = "phase_field"
"""The representation whose element table is shown beside the elements, to classifiers that are not
encoders."""


@dataclass(frozen=True)
class Wish:
    """A wanted property of element sets.

    Attributes:
        target: a property of the data set.
        above, at_most: one of the two limits; what lies on its side is wanted.
        aggregate: which value of its materials a set has.
        dataset: name and settings.

    Raises:
        UserError: there are two limits or none, or one is not a number.
    """

    target: str
    above: float | None
    at_most: float | None
    aggregate: str
    dataset: dict[str, Any]

    def __post_init__(self) -> None:
        if (self.above is None) == (self.at_most is None):
            raise UserError(
                f"what is wanted of {self.target} is what lies above a value or what does not; "
                "give one of --above and --at-most"
            )
        if not np.isfinite(self.limit):
            raise UserError(f"{self.target}: {self.limit} is not a finite number; give a value")

    @property
    def limit(self) -> float:
        limit = self.at_most if self.above is None else self.above
        assert limit is not None
        return limit

    @property
    def side(self) -> str:
        return "≤" if self.above is None else ">"

    def fulfilled(self, values: np.ndarray) -> np.ndarray:
        """Which values (n,) are wanted."""
        wanted: np.ndarray = values > self.limit
        return ~wanted if self.above is None else wanted


@dataclass(frozen=True)
class KnownSets:
    """Element sets with a known value, and whether it is wanted.

    Attributes:
        items: ``element_set`` and the property, along ``material``; attributes of the property in
            its own, of the data in theirs.
        values: (n,).
        wanted: (n,), bool.
        spoken: what is wanted, in words.
        notes: what was left out.
    """

    target: str
    items: xr.Dataset
    names: np.ndarray
    values: np.ndarray
    wanted: np.ndarray
    spoken: str
    notes: tuple[str, ...]


def known_sets(wish: Wish) -> KnownSets:
    """The element sets of the data set that have a value of the property, each once.

    Raises:
        UserError: the property is unknown, the limit leaves too few sets on either side, or a
            set has more elements than can be shown and none is left.
    """
    data = Component.model_validate(wish.dataset)
    settings: dict[str, Any] = {"dataset": components.resolved(DATASETS, data, "select: dataset")}
    dataset = DATASETS.load(data.name)(**settings["dataset"]["parameters"])
    if wish.target not in (names := dataset.attrs["properties"].split()):
        raise UserError(
            f"--property {wish.target}: is not a property of {dataset.attrs['title']}; "
            f"{nearest(wish.target, names)}"
        )
    task = {
        "name": "property",
        "properties": [wish.target],
        "of": READS,
        "aggregate": wish.aggregate,
    }
    settings["task"] = components.resolve_task(task, "select")
    items = items_of(settings)
    shown = REPRESENTATIONS.load(READS)(features=_features()).can_show(items)
    notes: tuple[str, ...] = ()
    if not shown.all():
        first = items["element_set"].values[~shown][0]
        notes = (
            f"{(~shown).sum():,} element sets with {wish.target} are not learned from: too many "
            f"elements, or one without descriptors (first: {first})",
        )
        items = items.isel(material=shown)
    values = items[wish.target].values.astype(float)
    wanted = wish.fulfilled(values)
    n = int(wanted.sum())
    if min(n, len(wanted) - n) < LEAST:
        side = "--above" if wish.above is not None else "--at-most"
        raise UserError(
            f"{side} {wish.limit:g}: {n:,} of {len(wanted):,} element sets have {wish.target} {wish.side} {wish.limit:g}, and a "
            f"classifier needs {LEAST} of either class; {wish.target} lies between "
            f"{values.min():.4g} and {values.max():.4g}, half of it below {np.median(values):.4g}"
        )
    about = items[wish.target].attrs
    unit = "" if about["units"] in ("unknown", "1", "") else f" {about['units']}"
    spoken = f"{about['long_name']} {wish.side} {wish.limit:g}{unit}"
    names = items["element_set"].values.astype(str)
    return KnownSets(wish.target, items, names, values, wanted, spoken, notes)


@dataclass(frozen=True)
class Merit:
    """The probability of a wanted property.

    Attributes:
        probability: of the sets that were asked for (m,).
        uncertainty: the standard deviation over the classifiers (m,).
        of_known: of the known sets (n,), each from the classifier that has not seen it.
        quality: of these; keys `MEASURED`.
    """

    probability: np.ndarray
    uncertainty: np.ndarray
    of_known: np.ndarray
    quality: Evaluation


@single_threaded()
def merit(
    known: KnownSets,
    asked: np.ndarray,
    classifier: str,
    parameters: dict[str, Any],
    seed: int,
    progress: Progress = ignored,
) -> Merit:
    """Fit a classifier without each fold of the known sets, and ask all of them.

    Args:
        asked: element sets (m,) as texts.
        classifier: a registered classifier, which reads elements and their descriptors; or an
            encoder of element sets, whose latent vectors the default classifier reads, unless it
            learns end to end.
        parameters: its settings.

    Raises:
        UserError: it is neither, or a set cannot be shown.
    """
    model = classifier_of(classifier, parameters, seed)
    every = xr.Dataset({"element_set": ("material", np.concatenate([known.names, asked]))})
    n = len(known.names)
    representation = model.representation().fit(every, np.arange(n))
    samples = representation.transform(every)
    fold, of_asked = _folds(known.wanted, seed), []
    of_known = np.empty(n)
    for number in range(FOLDS):
        train, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        rest = np.concatenate([held, np.arange(n, n + len(asked))])
        said = model.probability(samples, train, known.wanted[train], known.names[train], rest)
        of_known[held] = said[: len(held)]
        of_asked.append(said[len(held) :])
        progress(number + 1, FOLDS)
    metrics = [RANKING[name] for name in MEASURED]
    quality = evaluate(of_known, known.wanted, prior=0.0, n_resamples=RESAMPLES, metrics=metrics)
    return Merit(np.mean(of_asked, axis=0), np.std(of_asked, axis=0), of_known, quality)


@dataclass(frozen=True)
class _Model:
    """A classifier by itself, or behind an encoder."""

    classifier: Any
    settings: dict[str, Any] | None
    seed: int

    def representation(self) -> Representation:
        features = _features() if self.settings is None else None
        shown: Representation = REPRESENTATIONS.load(READS)(features=features)
        return shown

    def probability(
        self, samples: Any, train: np.ndarray, wanted: np.ndarray, groups: np.ndarray, asked: Any
    ) -> np.ndarray:
        """That sets are of the wanted class (m,), learned from the training sets (k,)."""
        learner: Any = self.classifier()
        learner.seed = self.seed
        inputs: Any = None
        if self.settings is None:
            inputs = samples.descriptors()
        else:
            encoder = components.built(self.settings, samples, self.seed)
            training = samples.take(train)
            encoder.fit(training)
            inputs = encoder.learner_input(samples)
            learner = encoder.learner(learner, training, np.empty((len(train), 0)))
        learner.fit(part(inputs, train), wanted.astype(np.int64), groups)
        positive = list(learner.classes_).index(1)
        parts = np.array_split(asked, -(-len(asked) // AT_ONCE))
        answers = [learner.predict_proba(part(inputs, some))[:, positive] for some in parts]
        return np.concatenate(answers)


def classifier_of(name: str, parameters: dict[str, Any], seed: int) -> _Model:
    """A classifier by name.

    Raises:
        UserError: it is neither a registered classifier nor an encoder of element sets.
    """
    where = f"--classifier {name}"
    if name in PREDICTORS.names():
        item = PREDICTORS.load(name)
        if issubclass(item, Classifier):
            values = checked(item, parameters, name=name, where=where)
            return _Model(partial(item, **values), None, seed)
    elif name in ENCODERS.names() and ENCODERS.entry(name).constants.get("representation") == READS:
        settings = components.resolved(ENCODERS, Component(name=name, parameters=parameters), where)
        probe = component_from(PREDICTORS.default, where)
        return _Model(partial(PREDICTORS.load(probe.name), **probe.parameters), settings, seed)
    reads = [
        n for n in ENCODERS.names() if ENCODERS.entry(n).constants.get("representation") == READS
    ]
    learn = [n for n in PREDICTORS.names() if issubclass(PREDICTORS.load(n), Classifier)]
    raise UserError(
        f"{where}: is neither a classifier nor an encoder of element sets; "
        f"{nearest(name, [*learn, *reads])}"
    )


def _features() -> str:
    """The element table of descriptors."""
    features: str = parameters(REPRESENTATIONS.load(SHARES_FEATURES))["features"].default
    return features


def _folds(wanted: np.ndarray, seed: int) -> np.ndarray:
    """The fold of every set (n,), the two classes evenly among them."""
    fold = np.empty(len(wanted), np.int64)
    generator = np.random.default_rng([seed, 3])
    for side in (True, False):
        index = generator.permutation(np.flatnonzero(wanted == side))
        fold[index] = np.arange(len(index)) % FOLDS
    return fold
