"""Published figures stand beside ours, from the system's own file and from the results."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from framework.base.errors import UserError
from framework.benchmark import published
from framework.benchmark.benchmark import benchmark
from framework.config.experiment import experiment_from, read_experiment, read_experiments
from framework.config.optimisation import read_optimisation
from framework.config.schema import validated
from framework.registry.registry import PUBLISHED, ROOT
from framework.runs.data import with_data

DATA = ROOT.parent / "shared" / "datasets" / "vasylenko2021"
needs_data = pytest.mark.skipif(
    not DATA.exists(), reason="the published files are not beside the project"
)


def experiment(figures, **more):
    return experiment_from(
        {
            "name": "beside",
            "dataset": "oqmd_icsd",
            "task": {"name": "plausibility", "candidates": {"name": "pattern", "contains": ["Li"]}},
            "splits": ["random"],
            "seeds": [0, 1],
            "encoders": ["element_frequency", "random_score"],
            "resamples": 100,
            "published": {"source": "a paper", "figures": figures, **more},
        },
        where="test",
    )


def test_a_figure_is_read_off_the_results_with_its_interval(tmp_path):
    ours = {"encoder": "element_frequency", "split": "random", "metric": "auroc"}
    figure = {"figure": "AUROC", "value": 0.9, "ours": ours}
    outcome = benchmark(experiment([figure]), tmp_path, progress=False)
    row = pd.read_csv(outcome.folder / published.FILE).iloc[0]
    cube = outcome.results.sel(encoder="element_frequency", metric="auroc")
    assert row["ours"] == pytest.approx(float(cube["value"].mean()))
    assert row["low"] < row["ours"] < row["high"]
    assert row["ratio"] == pytest.approx(row["ours"] / 0.9)
    assert row["run"] in cube["run"].values
    assert "| AUROC | 0.9 |" in published.to_markdown(published.collect(tmp_path))


def test_a_figure_of_an_encoder_that_did_not_run_is_said_to_be_missing(tmp_path):
    ours = {"encoder": "pca", "split": "random", "metric": "auroc"}
    table = published.compare(
        experiment([{"figure": "x", "value": 1.0, "unit": "%", "ours": ours}]), None
    )
    assert published.spoken(table.iloc[0].to_dict()) == ("1 %", "not run", "")


def test_nothing_run_yet_is_one_clear_message(tmp_path):
    with pytest.raises(UserError, match="phasezoo benchmark experiments"):
        published.collect(tmp_path)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda p: p.name
)
def test_every_shipped_experiment_reads_back_equal(path):
    searches = "\nobjectives:" in path.read_text()
    each = [read_optimisation(path)] if searches else read_experiments(path).values()
    for wanted in each:
        assert validated(type(wanted), yaml.safe_load(wanted.to_yaml()), "test") == wanted


@pytest.mark.parametrize("name", PUBLISHED.names())
def test_every_published_system_has_an_experiment_with_its_figures(name):
    wanted = read_experiment(Path(ROOT / "experiments" / f"{name}.yaml"))
    assert wanted.published.system == name
    assert wanted.published.figures


@needs_data
def test_the_norm_alone_gives_every_published_figure_of_the_reference():
    wanted = with_data(read_experiment(ROOT / "experiments" / "vasylenko2021.yaml"), DATA)
    table = published.compare(wanted, None)
    assert len(table) == len(wanted.published.figures)
    for row in table.to_dict("records"):
        decimals = len(str(row["published"]).partition(".")[2])
        assert round(row["ours"], decimals) == pytest.approx(row["published"]), row["figure"]


@needs_data
def test_the_table_in_the_readme_is_current():
    wanted = with_data(read_experiment(ROOT / "experiments" / "vasylenko2021.yaml"), DATA)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in published.compare(wanted, None).to_dict("records"):
        cells = [row["experiment"], row["figure"], *published.spoken(row)]
        assert "| " + " | ".join(cells) + " |" in readme


def test_a_figure_that_no_file_gives_is_refused(tmp_path):
    if not DATA.exists():
        pytest.skip("the published files are not beside the project")
    wanted = experiment([{"figure": "x", "value": 1.0, "ours": "nosuch"}], system="vasylenko2021")
    with pytest.raises(UserError, match="'nosuch' is not given by"):
        published.compare(
            with_data(
                wanted.model_copy(
                    update={
                        "dataset": read_experiment(
                            ROOT / "experiments" / "vasylenko2021.yaml"
                        ).dataset
                    }
                ),
                DATA,
            ),
            None,
        )
