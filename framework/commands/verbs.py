"""What the command line and a notebook both call: models, run, rank, audit."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.base.errors import UserError, nearest
from framework.registry.registry import CANDIDATES, ENCODERS, PREDICTORS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from framework.audit.audit import Audit
    from framework.benchmark.benchmark import Outcome
    from framework.config.experiment import Experiment
    from framework.contracts.representation import Samples
    from framework.runs.saved import SavedRun

RUNS = Path("runs")
DATASET = "oqmd_icsd"
CLUSTERS = 8
"""Clusters of a latent space in the audit's second figure."""
NEIGHBOURS_AT_ONCE = 10_000
"""Candidates whose nearest reported field is looked up in one go; bounds the memory."""


def models(pattern: str = "*") -> pd.DataFrame:
    """The registered encoders and predictors: name, representation, kind, baseline, summary.

    Args:
        pattern: a name, with wildcards if wanted (``*vae``).

    Raises:
        UserError: none fits; the nearest names are shown.
    """
    import pandas as pd

    return pd.DataFrame(list_models(pattern))


def list_models(pattern: str = "*") -> list[dict[str, Any]]:
    """The rows of `models`, without pandas."""
    known = [(registry, name) for registry in (ENCODERS, PREDICTORS) for name in registry.names()]
    rows = []
    for registry, name in known:
        if not fnmatch(name, pattern):
            continue
        entry = registry.entry(name)
        baseline = bool(entry.constants.get("baseline", False))
        rows.append(
            {
                "name": name,
                "representation": entry.constants.get("representation", ""),
                "kind": "baseline" if baseline else registry.kind,
                "baseline": baseline,
                "summary": entry.summary,
            }
        )
    if not rows:
        hint = nearest(pattern, [name for _, name in known])
        raise UserError(f"no model is called '{pattern}'; {hint}")
    return rows


def run(
    encoder: str,
    *,
    data: str | Path = DATASET,
    split: str = "random",
    seed: int = 0,
    pattern: str | None = None,
    candidates: str | Path | None = None,
    features: str | None = None,
    strict: bool = False,
    runs: Path = RUNS,
    track: bool = False,
    progress: bool = False,
    **parameters: Any,
) -> Outcome:
    """Fit one encoder, score its hold-out once; a benchmark of one cell.

    Args:
        encoder: a registered name.
        data: a registered data set, or a file of formulas or element sets.
        split, seed: the hold-out.
        pattern, candidates: the field space, and a file of candidates in place of all of it.
        features: element table of the representation.
        strict: refuse rows of a file that cannot be used.
        parameters: settings of the encoder.

    Raises:
        UserError: anything in it is unknown or unusable.
    """
    from framework.commands.tracked import benchmark
    from framework.config.experiment import experiment_from

    ENCODERS.require(encoder)
    representation = ENCODERS.entry(encoder).constants.get("representation", "")
    experiment = experiment_from(
        {
            "name": f"run-{encoder}",
            "dataset": data_component(data, strict=strict),
            "task": _task(pattern, candidates, strict),
            "representations": {representation: {"features": features}} if features else {},
            "splits": [split],
            "seeds": [seed],
            "encoders": [{"name": encoder, "parameters": parameters}],
        },
        where="run",
    )
    return benchmark(experiment, Path(runs), track=track, progress=progress, where="run")


def rank(
    model: str,
    *,
    data: str | Path | None = None,
    pattern: str | None = None,
    candidates: str | Path | None = None,
    contains: Sequence[str] = (),
    exclude: Sequence[str] = (),
    features: str | None = None,
    seed: int | None = None,
    strict: bool = False,
    runs: Path = RUNS,
    **parameters: Any,
) -> pd.DataFrame:
    """Unexplored fields, most plausible first.

    Args:
        model: a registered encoder, then fitted on all reported fields; or a finished run
            (folder, digest, MLflow run id), whose checkpoint is taken as it is: it has not seen
            its own hold-out and validation fields.
        data, pattern, candidates, features, seed, parameters: as in `run`. A finished run has
            its own; for it only ``candidates`` may be given, and their ``pattern``.
        contains, exclude: elements that a listed field must and must not hold.

    Returns:
        one row a field: rank, elements, score (higher = more plausible), percentile among the
        candidates listed, nearest_reported (the one that shares most
        elements, then closest by descriptors). ``attrs``: unusable_rows (JSON).

    Raises:
        UserError: anything in it is unknown or unusable, or no candidate is left.
    """
    from framework.config.schema import Component
    from framework.runs import components
    from framework.runs.components import task_of
    from framework.runs.context import everything_reported, give_context, restore_context
    from framework.runs.execution import ranked
    from framework.runs.plan import items_of

    CANDIDATES.load("pattern")(contains=tuple(contains), exclude=tuple(exclude))  # checks symbols
    if model in ENCODERS.names():
        name = ENCODERS.load(model).representation
        settings: dict[str, Any] = components.resolve(
            dataset=Component.model_validate(
                data_component(DATASET if data is None else data, strict=strict)
            ),
            task=Component.model_validate(_task(pattern, candidates, strict)),
            encoder=Component(name=model, parameters=parameters),
            representation=Component(
                name=name, parameters={"features": features} if features else {}
            ),
            where="rank",
        )
        items = items_of(settings)
        shown = components.represented(settings["representation"], items, _where(items, True))[1]
        components.require_buildable(settings["encoder"], shown, "rank")
        encoder = components.built(settings["encoder"], shown, seed or 0)
        give_context(encoder, settings, items, everything_reported(items), shown)
        encoder.fit(shown.take(_where(items, True)))
    else:
        saved = _opened(model, Path(runs))
        settings = saved.settings
        own = {"data": data, "features": features, "seed": seed, **parameters}
        if candidates is None:
            own |= {"pattern": pattern, "strict": strict or None}
        if given := [name for name, value in own.items() if value is not None]:
            raise UserError(
                f"rank {model}: a finished run has its own {', '.join(given)}; leave it out, or "
                "rank by an encoder's name to fit anew"
            )
        if candidates is not None:
            task = components.resolve_task(_task(pattern, candidates, strict), "rank")
            settings = {**settings, "task": task}
        elif task_of(settings["task"]).members is None:
            raise UserError(
                f"rank {model}: is a run of task '{settings['task']['name']}', which has no "
                "unexplored fields to list; take a run of task 'plausibility'"
            )
        items = items_of(settings)
        shown, encoder = saved.representation.transform(items), saved.encoder
        restore_context(saved)
    reported, listed = _where(items, True), _listed(items, contains, exclude)
    scores = encoder.score_samples(shown.take(listed))
    table = ranked(items["element_set"].values[listed], scores)
    table["nearest_reported"] = _nearest(items, shown, reported, listed[table.attrs["order"]])
    table.attrs = {"unusable_rows": items.attrs["unusable_rows"]}
    return table


def audit(run: str, *, out: str | Path | None = None, runs: Path = RUNS) -> Audit:
    """Audit a finished run again: is the model alive?

    Args:
        run: folder, digest or its beginning, MLflow run id.
        out: where to write the figure (PNG), and beside it (``clusters_path``) the clusters of
            the latent space coloured by their isotropy, where there is more than one latent
            vector; none is drawn without.

    Returns:
        verdict, reasons, quantities (`framework.audit.audit.QUANTITIES` says what they mean).

    Raises:
        UserError: there is no such run, or its data have changed.
    """
    import numpy as np

    from framework.audit import audit as diagnostics
    from framework.figures.audit import audit_figure
    from framework.figures.canvas import save
    from framework.runs.components import task_of
    from framework.runs.context import restore_context
    from framework.runs.plan import divided

    if run in ENCODERS.names():
        raise UserError(
            f"audit {run}: is an encoder; `phasezoo run {run}` first, then name the run by the "
            f"first digits of its folder in {Path(runs) / 'cells'}"
        )
    saved = _saved(run, Path(runs))
    settings = saved.settings
    items, split = divided(settings)
    samples = saved.representation.transform(items)
    restore_context(saved)
    members = task_of(settings["task"]).members
    found = diagnostics.audit(saved.encoder, saved.representation, samples, items, split, members)
    if out is not None:
        name = f"{settings['encoder']['name']}, split {split.label}, seed {settings['seed']}"
        save(audit_figure(found, name), Path(out))
        reported = np.concatenate([split.train, split.validation, split.holdout])
        latents = saved.encoder.transform(samples.take(reported))
        clusters_path(out).unlink(missing_ok=True)
        if np.ptp(latents, axis=0).any():
            save(_clusters_figure(latents), clusters_path(out))
    return found


def clusters_path(out: str | Path) -> Path:
    """Where `audit` writes its second figure."""
    return Path(out).with_suffix(".clusters.png")


def _clusters_figure(latents: np.ndarray) -> Figure:
    """Clusters (k-means) of latent vectors (n, d), coloured by isotropy."""
    import numpy as np
    from sklearn.cluster import KMeans

    from framework.audit import isotropy

    n = min(CLUSTERS, len(np.unique(latents, axis=0)))
    labels = KMeans(n, n_init=3, random_state=0).fit_predict(latents)
    return isotropy.figure(latents, labels)


def with_data(experiment: Experiment, data: str | Path, *, strict: bool = False) -> Experiment:
    """The experiment on other data.

    Where its own data set reads a path (a published system's folder), that path is meant.
    """
    from framework.config.schema import Component
    from framework.registry.parameters import parameters
    from framework.registry.registry import DATASETS

    own = experiment.dataset
    reads = own.name in DATASETS.names() and "path" in parameters(DATASETS.load(own.name))
    if reads and str(data) not in DATASETS.names():
        given = {**own.parameters, "path": str(data), **({"strict": True} if strict else {})}
        component = Component(name=own.name, parameters=given)
    else:
        component = Component.model_validate(data_component(data, strict=strict))
    return experiment.model_copy(update={"dataset": component})


def data_component(data: str | Path, *, strict: bool = False) -> dict[str, Any]:
    """A registered data set by name, else a user's file."""
    from framework.registry.registry import DATASETS

    text = str(data)
    if text in DATASETS.names():
        return {"name": text}
    if not any(mark in text for mark in "./\\") and not Path(text[:255]).exists():
        DATASETS.require(text)  # a misspelt name: shows the nearest
    return {"name": "file", "path": text, **({"strict": True} if strict else {})}


def _task(pattern: str | None, candidates: str | Path | None, strict: bool) -> dict[str, Any]:
    source: dict[str, Any] = {"name": "pattern"}
    if candidates is not None:
        source = {"name": "listed", "path": str(candidates), **({"strict": True} if strict else {})}
    if pattern is not None:
        source["pattern"] = pattern
    return {"name": "plausibility", "candidates": source}


def _opened(model: str, runs: Path) -> SavedRun:
    """The finished run that stands where an encoder's name could."""
    from framework.runs.saved import is_mlflow_id, is_run

    try:
        return _saved(model, runs)
    except UserError:
        if is_run(model, runs) or is_mlflow_id(model):
            raise
        hint = nearest(model, ENCODERS.names())
        raise UserError(
            f"'{model}' is neither a registered encoder nor a finished run in {runs}; {hint}"
        ) from None


def _saved(run: str, runs: Path) -> SavedRun:
    from framework.runs.saved import SavedRun, find_run, is_mlflow_id

    try:
        return SavedRun.open(find_run(run, runs))
    except UserError:
        if not is_mlflow_id(run):
            raise
    from framework.tracking.recorded import recorded

    return SavedRun.open(recorded(run, runs, "cell").folder)


def _where(items: xr.Dataset, reported: bool) -> np.ndarray:
    import numpy as np

    return np.flatnonzero(items["reported"].values == reported)


def _listed(items: xr.Dataset, contains: Sequence[str], exclude: Sequence[str]) -> np.ndarray:
    """Indices of the unexplored items that hold and do not hold certain elements."""
    import numpy as np

    must, must_not = set(contains), set(exclude)
    unexplored = _where(items, False)
    sets = [set(text.split()) for text in items["element_set"].values[unexplored]]
    listed = unexplored[np.array([must <= each and not must_not & each for each in sets])]
    if not len(listed):
        wanted = [
            f"{verb} {', '.join(of)}"
            for verb, of in zip(("holds", "lacks"), (contains, exclude), strict=True)
            if of
        ]
        raise UserError(
            f"none of the {len(unexplored):,} candidates {' and '.join(wanted)}; "
            "ask for fewer elements"
        )
    return listed


def _nearest(items: xr.Dataset, samples: Samples, reported: np.ndarray, of: np.ndarray) -> Any:
    """The reported field that shares most elements with each item; of several, the one whose
    standardised descriptors are closest."""
    import numpy as np

    sets = [text.split() for text in items["element_set"].values]
    column = {symbol: i for i, symbol in enumerate(sorted({s for each in sets for s in each}))}
    known = samples.take(reported).descriptors()
    mean, scale = known.mean(axis=0), known.std(axis=0)
    scale[scale < 1e-6] = np.inf  # constant: tells nothing

    def described(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        held = np.zeros((len(index), len(column)), np.float32)
        for row, item in enumerate(index):
            held[row, [column[symbol] for symbol in sets[item]]] = 1
        return held, (samples.take(index).descriptors() - mean) / scale

    holds, points = described(reported)
    found = []
    for part in np.array_split(of, -(-len(of) // NEIGHBOURS_AT_ONCE)):
        own, at = described(part)
        squared = (at**2).sum(1)[:, None] - 2 * at @ points.T + (points**2).sum(1)
        distance = np.sqrt(squared.clip(0), dtype=float)
        # a shared element outweighs any distance
        likeness = own @ holds.T - distance / (1 + distance)
        found.append(likeness.argmax(axis=1))
    return items["element_set"].values[reported[np.concatenate(found)]]
