"""What an experiment of searches left behind, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import xarray as xr

from framework.base.files import whole
from framework.search.optimisation.plan import OptimisationPlan
from framework.search.optimisation.results import FILE
from framework.search.optimisation.table import table, to_markdown


@dataclass
class Optimised:
    """What an experiment left behind.

    Attributes:
        results: the cube of all searches (`framework.search.optimisation.results`).
        evaluations: one row an evaluation: objective, sampler, seed, evaluation, values, under
            constraints whether it ``kept`` them and their violations, what the objective reports
            of the point, its coordinates.
        computed: evaluations made now; the others are reused.
        tracked: what the tracker knows the searches by; None where nothing is kept.
    """

    plan: OptimisationPlan
    results: xr.Dataset
    evaluations: pd.DataFrame
    computed: int
    tracked: str | None = None

    def of(self, title: str) -> pd.DataFrame:
        """The evaluations of one objective."""
        rows = self.evaluations[self.evaluations["objective"] == title]
        values = self.plan.objectives[title].names
        given = rows.columns[rows.notna().any() | rows.columns.isin(values)]
        return rows[given].reset_index(drop=True)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What the objectives make of them, by the name of the file."""
        return {
            file_name(name, title): table
            for title, objective in self.plan.objectives.items()
            for name, table in objective.tables(self.of(title)).items()
        }


def write(done: Optimised) -> None:
    """Write table.csv, table.md, evaluations.csv, experiment.yaml and, last, results.nc, by which
    `is_written` knows that the others are there."""
    folder, rows = done.plan.folder, table(done.results)
    with whole(folder / "table.csv") as at:
        rows.to_csv(at, index=False)
    with whole(folder / "table.md") as at:
        at.write_text(to_markdown(rows, done.results))
    for name, content in {"evaluations": done.evaluations, **done.tables}.items():
        with whole(folder / f"{name}.csv") as at:
            content.to_csv(at, index=False)
    with whole(folder / "experiment.yaml") as at:
        at.write_text(done.plan.experiment.to_yaml())
    with whole(folder / FILE) as at:
        done.results.to_netcdf(at, engine="netcdf4")


def file_name(name: str, title: str) -> str:
    """Of what an objective makes, without its ending."""
    return f"{name}_{title}".replace(" ", "_")
