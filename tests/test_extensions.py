"""An item of every kind is one file, in the tree or in a folder outside of it, and nothing else is
touched: throw-away ones are written, run through the command line, and seen in its results."""

import os
import re
import textwrap

import pandas as pd
import pytest
import xarray as xr

from framework.base.errors import UserError
from framework.registry.registry import ENCODERS, METRICS, SPLITS, TASKS
from framework.registry.source_code import code_digest, imported
from tests.conftest import phasezoo, phasezoo_process, write_yaml

FILES = {
    "datasets/made_up.py": '''
        """Made-up element sets with a hardness."""
        import itertools

        import numpy as np

        from framework.contracts.dataset import data_set


        def made_up(seed: int = 0):
            cations = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Al")
            sets = [" ".join(sorted((*two, a))) for two in itertools.combinations(cations, 2)
                    for a in ("O", "S", "Cl", "F")]
            chosen = np.random.default_rng(seed).permutation(sets)[:60]
            hardness = np.array([len(text) + ("O" in text) for text in chosen], float)
            about = {"long_name": "hardness", "units": "GPa"}
            return data_set(
                {
                    "formula": ("material", chosen),
                    "element_set": ("material", chosen),
                    "hardness": ("material", hardness, about),
                },
                name="made_up", title="Made up", source="a test", licence="none", citation="",
                properties=["hardness"],
            )
    ''',
    "splits/every_third.py": '''
        """Every third element set is held out."""
        import numpy as np


        def every_third(fields, seed: int, first: int = 0) -> dict[str, np.ndarray]:
            return {"": np.arange(fields.sizes["material"]) % 3 == (first + seed) % 3}
    ''',
    "encoders/anion_alone.py": '''
        """The anion as a number."""
        import numpy as np

        from framework.contracts.encoder import Encoder


        class AnionAlone(Encoder):
            representation = "phase_field"

            def __init__(self, weight: float = 1.0) -> None:
                self.weight = weight

            def fit(self, samples, validation=None):
                self.mean_ = samples.descriptors().mean(axis=0)
                return self

            def transform(self, samples):
                self.require_fitted()
                return self.weight * (samples.descriptors() - self.mean_)[:, :3]

            def score_samples(self, samples):
                return -np.abs(self.transform(samples)).sum(axis=1)
    ''',
    "metrics/mean_rank_share.py": '''
        """Mean rank of a hit as a share of all ranks."""
        from framework.metrics.ranks import RankingMetric

        mean_rank_share = RankingMetric(
            name="mean_rank_share",
            label="mean rank (share)",
            description="Mean rank of the hits over the number of items; 0 to 1, less is better.",
            higher_is_better=False,
            compute=lambda order: order.at_positives(lambda rank: rank) / order.n,
        )
    ''',
    "predictors/the_mean.py": '''
        """The mean of what it was shown."""
        import numpy as np

        from framework.contracts.predictor import Predictor


        class TheMean(Predictor):
            def fit(self, vectors, values, groups):
                self.mean_ = float(np.mean(values))
                return self

            def predict(self, vectors):
                return np.full(len(vectors), self.mean_)
    ''',
    "objectives/bowl.py": '''
        """The square of the distance to the middle."""
        from optuna.distributions import FloatDistribution

        from framework.contracts.objective import Measured, Objective


        class Bowl(Objective):
            optimum = 0.0
            summary = "a bowl"

            def __init__(self, wide: float = 2.0) -> None:
                self.wide = wide

            @property
            def space(self):
                return {"x": FloatDistribution(-self.wide, self.wide)}

            def measure(self, point):
                return Measured((point["x"] ** 2,))
    ''',
    "tasks/hardest.py": '''
        """Are held-out element sets ranked by what the data say of them?"""
        import numpy as np

        from framework.contracts.dataset import content_digest
        from framework.contracts.task import Judged, Task
        from framework.metrics.ranking import evaluate
        from framework.registry.metrics import metric_of


        class Hardest(Task):
            name = "hardest"
            metrics = ("auroc", "mean_rank_share")
            default_metrics = metrics

            def __init__(self, share: float = 0.5) -> None:
                self.share = share

            def items(self, dataset):
                items = dataset.sortby("element_set")
                n = items.sizes["material"]
                items = items.assign(
                    reported=("material", np.ones(n, bool)), order=("material", np.arange(float(n)))
                )
                about = {"noun": "sets", "named_by": "element_set", "summary": f"{n} sets"}
                items.attrs |= {**about, "digest": content_digest(items)}
                return items

            def _hits(self, done, index):
                values = done.items["hardness"].values[index]
                return values >= np.quantile(values, 1 - self.share)

            def judge(self, done, resamples):
                scores = done.encoder.score_samples(done.samples)
                at = done.split.holdout
                metrics = [metric_of(name) for name in self.metrics]
                found = evaluate(
                    scores[at], self._hits(done, at), prior=0.0, n_resamples=resamples,
                    metrics=metrics,
                )
                hardness = ("candidate", done.items["hardness"].values)
                return Judged(
                    scores, found, self.validate(done, 0), 0.0, {"hardness": hardness}, ("hardness",)
                )

            def validate(self, done, most):
                return dict.fromkeys(self.metrics, float("nan"))
    ''',
}


def write(folder, *names, **changes):
    """Write some of the files, or all of them."""
    for name in names or FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(FILES[name])
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text.lstrip())


@pytest.fixture
def outside(desk, monkeypatch):
    """A folder of extensions."""
    folder = desk / "outside"
    folder.mkdir()
    monkeypatch.setenv("PHASEZOO_EXTENSIONS", str(folder))
    return folder


OWN_TASK = {
    "name": "own",
    "dataset": "made_up",
    "task": "hardest",
    "splits": ["every_third"],
    "seeds": [0, 1],
    "encoders": ["anion_alone", "input_norm"],
    "resamples": 100,
}


def test_a_task_data_set_split_encoder_and_metric_of_one_file_each_run_in_workers_too(outside):
    write(outside)
    said = phasezoo_process("benchmark", write_yaml(OWN_TASK), "--no-track", "--workers", "2")
    assert said.code == 0, said.err
    cube = xr.open_dataset("runs/own/results.nc")
    assert cube["value"].notnull().all()
    assert cube["hardness"].dims == ("candidate",) and cube.sizes["candidate"] == 60
    table = pd.read_csv("runs/own/leaderboard.csv").set_index("encoder")
    assert set(table.index) == {"anion_alone", "input_norm"}
    assert table.loc["input_norm", "verdict"] == "best baseline"
    assert 0 < table.loc["anion_alone", "mean_rank_share"] < 1
    assert table["mean_rank_share_random"].iloc[0] == pytest.approx((20 + 1) / 2 / 20)
    assert len(cube.load()["split"]) == 1


def test_a_predictor_and_a_metric_of_one_file_each_stand_in_a_table_of_properties(outside):
    write(outside)
    task = {"name": "property", "properties": ["hardness"], "labels": ["all"], "probe": "the_mean"}
    wanted = OWN_TASK | {
        "task": task,
        "encoders": ["anion_alone"],
        "metrics": ["hardness/all/mae", "hardness/all/mean_rank_share"],
    }
    said = phasezoo("benchmark", write_yaml(wanted), "--no-track")
    assert said.code == 0, said.err
    table = pd.read_csv("runs/own/leaderboard.csv").iloc[0]
    assert table["hardness/all/mae_low"] < table["hardness/all/mae"]
    # every prediction is the same: all share the mean rank
    assert table["hardness/all/mean_rank_share"] == pytest.approx(0.5, abs=0.03)


def test_an_objective_of_one_file_is_optimised(outside):
    write(outside, "objectives/bowl.py")
    wanted = {
        "name": "low",
        "objectives": [{"name": "bowl", "wide": 3.0}],
        "samplers": ["random", "tpe"],
        "seeds": [0],
        "trials": 12,
    }
    said = phasezoo_process("optimise", write_yaml(wanted), "--no-track", "--workers", "2")
    assert said.code == 0, said.err
    found = xr.open_dataset("runs/low/results.nc")
    assert float(found["value"].min()) >= 0


def test_extensions_are_listed(outside):
    write(outside)
    said = phasezoo("models")
    assert "anion_alone" in said.out and "The anion as a number" in said.out
    assert "the_mean" in said.out
    assert "made_up" in phasezoo("data", "list").out
    assert METRICS.load("mean_rank_share").label == "mean rank (share)"
    described = phasezoo("models", "anion_alone")
    assert "weight" in described.out


def test_several_folders_are_read_and_none_is_needed(outside, tmp_path, monkeypatch):
    write(outside, "splits/every_third.py")
    other = tmp_path / "other"
    write(other, "encoders/anion_alone.py")
    monkeypatch.setenv("PHASEZOO_EXTENSIONS", f"{outside}{os.pathsep}{other}")
    assert "every_third" in SPLITS.names() and "anion_alone" in ENCODERS.names()
    monkeypatch.delenv("PHASEZOO_EXTENSIONS")
    assert "every_third" not in SPLITS.names() and "anion_alone" not in ENCODERS.names()


def test_the_code_digest_follows_the_imports_of_an_extension(outside):
    write(outside, "encoders/anion_alone.py")
    (outside / "encoders" / "twice.py").write_text(
        '"""Twice the anion."""\n'
        "from zoo.encoders.anion_alone import AnionAlone\n"
        "from data import powder\n\n\n"
        "class Twice(AnionAlone):\n    weight = 2.0\n"
    )
    source = ENCODERS.source("twice")
    found = imported([source])
    assert outside / "encoders" / "anion_alone.py" in found
    assert any(path.name == "powder.py" for path in found)
    assert ENCODERS.load("twice")().representation == "phase_field"
    before = code_digest(source)
    write(outside, "encoders/anion_alone.py", **{"[:, :3]": "[:, :2]"})
    from framework.registry import source_code

    for kept in (source_code._digest_of, source_code._meaning, source_code._imports):
        kept.cache_clear()
    assert code_digest(source) != before


def experiment_with(**changes):
    return write_yaml(OWN_TASK | changes)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("encoders/pca.py", None, "encoder 'pca' is registered twice, by .*zoo/encoders/pca.py and"),
        ("metrics/auroc.py", None, "metric 'auroc' is registered twice: it is built in, and"),
        ("encoders/anion_alone.py", {"class AnionAlone": "class Other"}, "holds no item"),
        ("encoders/anion_alone.py", {"import numpy as np": "import nosuch"}, "line 2: fails on import"),
        ("encoders/anion_alone.py", {"def fit": "def fitted_by"}, "lacks fit; write what framework.contracts.encoder.Encoder asks for"),
        ("encoders/anion_alone.py", {"(Encoder)": ""}, "make it a subclass of framework.contracts.encoder.Encoder"),
        ("tasks/hardest.py", {"def validate": "def judges"}, "lacks validate; write what"),
        (
            "tasks/hardest.py",
            {"def items": "def things", "def judge": "def weigh"},
            "lacks items, judge; write what framework.contracts.task.Task asks for",
        ),
        ("tasks/hardest.py", {'name = "hardest"': "pass"}, "lacks name; write what"),
        ("metrics/mean_rank_share.py", {'name="mean_rank_share"': 'name="other"'}, "call it 'mean_rank_share'"),
        ("metrics/mean_rank_share.py", {"RankingMetric(": "dict("}, "a metric is an object of RankingMetric"),
    ],
)  # fmt: skip
def test_a_fault_of_an_extension_is_one_message(outside, name, changes, message):
    write(outside)
    if changes is None:
        (outside / name).parent.mkdir(exist_ok=True)
        (outside / name).write_text(f'"""Taken."""\n{name.rpartition("/")[2][:-3]} = 3\n')
    else:
        write(outside, name, **changes)
    said = phasezoo("benchmark", experiment_with(), "--no-track")
    assert said.code == 2 and len(said.err.strip().splitlines()) == 1, said.err
    assert re.search(message, said.err), said.err
    assert str(outside) in said.err


def test_two_extensions_of_one_name_are_both_named(outside, tmp_path, monkeypatch):
    other = tmp_path / "other"
    for folder in (outside, other):
        write(folder, "tasks/hardest.py")
    monkeypatch.setenv("PHASEZOO_EXTENSIONS", f"{outside}{os.pathsep}{other}")
    with pytest.raises(UserError) as caught:
        TASKS.names()
    assert str(outside / "tasks" / "hardest.py") in str(caught.value)
    assert str(other / "tasks" / "hardest.py") in str(caught.value)


def test_a_folder_that_is_missing_or_misspelt_is_named(outside, monkeypatch):
    (outside / "encoder").mkdir()
    with pytest.raises(UserError, match="is not a kind of extension; did you mean 'encoders'"):
        ENCODERS.names()
    monkeypatch.setenv("PHASEZOO_EXTENSIONS", str(outside / "nowhere"))
    said = phasezoo("models")
    assert said.code == 2 and "no such folder" in said.err


def test_an_unknown_metric_is_told_with_the_nearest_registered_one(outside):
    write(outside)
    said = phasezoo("benchmark", experiment_with(metrics=["mean_rank_shar"]), "--no-track")
    assert said.code == 2 and "did you mean 'mean_rank_share'" in said.err
