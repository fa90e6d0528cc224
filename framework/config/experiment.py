"""The strict experiment schema: YAML in and out, and the digest of its content."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from framework.base.errors import nearest
from framework.config.published import Published
from framework.config.schema import (
    Component,
    Name,
    Seed,
    Strict,
    read_mapping,
    require_distinct,
    validated,
)
from framework.config.strict_yaml import write_yaml
from framework.config.tuning import Tuning


class Experiment(Strict):
    """One experiment: what is compared, on which data, by which task.

    Attributes:
        metrics: that tables show, encoders ranked by the first; the task's own defaults where
            absent.
        split_seed: draws the same hold-out for every seed; each seed draws its own where absent.
    """

    name: Name
    description: str = ""
    dataset: Component
    task: Component
    representations: dict[str, dict[str, Any]] = {}
    splits: Annotated[list[Component], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    encoders: Annotated[list[Component], Field(min_length=1)]
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    validation_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    split_seed: Seed | None = None
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 1000
    published: Published | None = None
    tuning: Tuning | None = None

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, names: list[str] | None) -> list[str] | None:
        from framework.registry.metrics import known_metrics  # NumPy waits: listings

        known = known_metrics()
        for name in names or ():
            if name.rpartition("/")[2] not in known:
                raise ValueError(f"'{name}' is not a metric; {nearest(name, known)}")
        return names

    @model_validator(mode="after")
    def _distinct(self) -> Experiment:
        named: dict[str, list[Any]] = {
            "encoders": [e.title for e in self.encoders],
            "splits": [s.title for s in self.splits],
            "seeds": self.seeds,
            "metrics": self.metrics or [],
        }
        require_distinct(named, labelled=("encoders", "splits"))
        return self

    def to_yaml(self) -> str:
        """The experiment as YAML that reads back equal."""
        plain = self.model_dump(exclude_defaults=True)
        for key in ("dataset", "task"):
            plain[key] = getattr(self, key).as_yaml()
        for key in ("splits", "encoders"):
            plain[key] = [component.as_yaml() for component in getattr(self, key)]
        return write_yaml(plain)


class Listing(Strict):
    """Experiments that belong together, each in a file of its own.

    Attributes:
        experiments: the files, from the folder of this one.
    """

    name: Name
    description: str = ""
    experiments: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _once(self) -> Listing:
        require_distinct({"experiments": self.experiments}, labelled=())
        return self


def read_experiment(path: str | Path) -> Experiment:
    """The experiment of a YAML file.

    Raises:
        UserError: the file cannot be read, is not strict YAML (`read_yaml`), is not a mapping,
            or does not fit the schema (every misfit named by its place).

    Example:
        >>> experiment = read_experiment("experiment.yaml")
        >>> [encoder.title for encoder in experiment.encoders]
        ['element_frequency', 'pca']
    """
    return experiment_from(
        read_mapping(path, "name: ..., dataset: ..., encoders: [...]"), str(path)
    )


def read_experiments(path: str | Path) -> dict[Path, Experiment]:
    """The experiment of a YAML file, or those of the files that it lists, by file.

    Raises:
        UserError: see `read_experiment`; of a file that is listed, too.
    """
    shape = "name: ..., dataset: ..., encoders: [...], or experiments: [a.yaml, b.yaml]"
    content = read_mapping(path, shape)
    if "experiments" not in content:
        return {Path(path): experiment_from(content, str(path))}
    listed = validated(Listing, content, str(path)).experiments
    files = [Path(path).parent / name for name in listed]
    return {file: read_experiment(file) for file in files}


def experiment_from(content: dict[str, Any], where: str) -> Experiment:
    """The experiment of a mapping; see `read_experiment`."""
    return validated(Experiment, content, where)
