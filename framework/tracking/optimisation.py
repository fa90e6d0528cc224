"""What is logged to MLflow of searches: a parent run an experiment, a child a search."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from mlflow import entities
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient
from optuna.trial import FrozenTrial

from framework.base.digest import digest
from framework.config.optimisation import Optimisation
from framework.search.optimisation import results
from framework.search.optimisation.optimisation import Optimised
from framework.search.optimisation.plan import Search
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.tracking import mlflow as tracking
from framework.tracking.store import store_uri

EXPERIMENT = "optimisation"
"""The MLflow experiment of all searches."""


def log_optimisation(done: Optimised, runs: Path) -> str:
    """Log what is not logged yet; the id of the parent run.

    The parent is found again by the contents of its searches, a child by the content of its own;
    more trials extend a child by their steps. A child that a killed process left open is deleted
    and logged anew.

    Raises:
        UserError: the store failed; a later call logs the rest.
    """
    uri = store_uri(runs)
    mend = f"results stand in {done.plan.folder}; run again to log the rest"
    with tracking.as_user_error(uri, mend):
        log, logged = _open_log(done.plan.experiment, done, runs)
        client = log.client
        news = client.get_run(log.parent).info.status != "FINISHED"
        for search in done.plan.searches:
            known = _digest(search)
            child, steps = logged.get(known, (None, 0))
            trials = ended(open_study(search.study))[: done.plan.experiment.trials]
            if steps >= len(trials):
                continue
            if not news:
                client.update_run(log.parent, status="RUNNING")
            news = True
            _log_search(done, log, search, known, trials, child, steps)
        if news or not _summarised(log, done):
            _log_summary(done, log)
        return log.parent


def _open_log(
    experiment: Optimisation, done: Optimised, runs: Path
) -> tuple[tracking.Log, dict[str, tuple[str, int]]]:
    """The parent run, found again or begun, and by digest the children with their last step."""
    client = MlflowClient(store_uri(runs))
    where = tracking.experiment_id(client, EXPERIMENT, runs)
    contents = digest(sorted(_digest(search) for search in done.plan.searches))[:16]
    known_by = {"study": experiment.name, "searches_digest": contents}
    common = {
        "study": experiment.name,
        "config_digest": tracking.config_digest(experiment),
        **tracking.code_tags(),
    }
    own = {
        "objective": ", ".join(done.plan.objectives),
        "sampler": ", ".join(experiment.samplers),
        "seed": ", ".join(map(str, experiment.seeds)),
    }
    params = tracking.flat(experiment.model_dump(mode="json", exclude={"trials"}))
    parent = tracking.find_or_begin(
        client, where, experiment.name, EXPERIMENT, known_by, {**common, **own}, params
    )
    log = tracking.Log(client, where, parent, common)
    logged = {}
    for child in tracking.children(log):
        tags = child.data.tags
        if child.info.status == "RUNNING":
            client.delete_run(child.info.run_id)
        elif "search" in tags:
            logged[tags["search"]] = (child.info.run_id, int(tags["evaluations"]))
    return log, logged


def _digest(search: Search) -> str:
    return digest([search.study.name, search.study.content])[:16]


def _log_search(
    done: Optimised,
    log: tracking.Log,
    search: Search,
    known: str,
    trials: list[tuple[int, FrozenTrial]],
    child: str | None,
    steps: int,
) -> None:
    client, objective = log.client, done.plan.objectives[search.objective]
    first, last = trials[0][1].datetime_start, trials[-1][1].datetime_complete
    assert first is not None
    assert last is not None
    if child is None:
        tags = {
            **log.tags,
            "mlflow.parentRunId": log.parent,
            "kind": "search",
            "objective": search.objective,
            "sampler": search.sampler,
            "seed": str(search.seed),
            "search": known,
        }
        name = f"{search.objective} {search.sampler} {search.seed}"
        begun = int(first.timestamp() * 1000)
        child = str(client.create_run(log.experiment, begun, tags, run_name=name).info.run_id)
        tracking.log_values(client, child, tracking.flat(search.study.content), [])
        if objective.attrs:
            client.log_inputs(child, [_data(done, search)])
    else:
        client.update_run(child, status="RUNNING")
    place = {"objective": search.objective, "sampler": search.sampler, "seed": search.seed}
    cube, table = done.results.sel(place), done.of(search.objective)
    own = table[(table["sampler"] == search.sampler) & (table["seed"] == search.seed)]
    curves = {name: own[name].values for name in objective.names}
    curves |= {name: cube[name].values for name in ("best", "hits")}
    metrics = [
        Metric(tracking.valid_key(name), float(value), _time(trials[step - 1][1]), step)
        for name, values in curves.items()
        for step, value in enumerate(values[: len(trials)], 1)
        if step > steps and np.isfinite(value)
    ]
    tracking.log_values(client, child, {}, metrics)
    client.set_tag(child, "evaluations", str(len(trials)))
    client.set_terminated(child, "FINISHED", end_time=int(last.timestamp() * 1000))


def _time(trial: FrozenTrial) -> int:
    assert trial.datetime_complete is not None
    return int(trial.datetime_complete.timestamp() * 1000)


def _data(done: Optimised, search: Search) -> entities.DatasetInput:
    """The data behind an objective, by the digest of what was made of it."""
    objective, content = done.plan.objectives[search.objective], search.study.content
    known = {
        key: str(objective.attrs[key]) for key in ("source", "licence") if key in objective.attrs
    }
    source = CodeDatasetSource({**known, "objective": json.dumps(content["objective"])})
    entity = entities.Dataset(
        name=str(objective.attrs["name"]),
        digest=str(content["data"])[:36],
        source_type="code",
        source=json.dumps(source.to_dict()),
        profile=json.dumps({"summary": objective.summary}),
    )
    return entities.DatasetInput(entity, [entities.InputTag("mlflow.data.context", "search")])


def _summarised(log: tracking.Log, done: Optimised) -> bool:
    """Whether the parent shows the results of this experiment already, its target included."""
    return (
        log.client.get_run(log.parent).data.tags.get("config_digest") == log.tags["config_digest"]
    )


def _log_summary(done: Optimised, log: tracking.Log) -> None:
    """What the parent run shows of all searches."""
    client, folder, rows = log.client, done.plan.folder, results.table(done.results)
    own = [f"{name}.csv" for name in done.tables]
    for name in ("experiment.yaml", "table.csv", "table.md", "evaluations.csv", results.FILE, *own):
        tracking.log_path(client, log.parent, folder / name)
    tracking.log_path(client, log.parent, folder / "figures")
    now = int(time.time() * 1000)
    metrics = [
        Metric(
            tracking.valid_key(f"{row['objective']}/{row['sampler']}/{name}"),
            float(row[name]),
            now,
            0,
        )
        for row in rows.to_dict("records")
        for name in ("best", "difference", "hits", "hits_difference")
        if np.isfinite(row.get(name, np.nan))
    ]
    tracking.log_values(client, log.parent, {}, metrics)
    shown = f"{done.plan.experiment.description}\n\n{results.to_markdown(rows, done.results)}"
    client.set_tag(log.parent, "mlflow.note.content", shown[: tracking.LONGEST_TAG])
    client.set_tag(log.parent, "config_digest", log.tags["config_digest"])
    client.set_terminated(log.parent, "FINISHED")
