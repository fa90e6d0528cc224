"""Every registered encoder holds the contract; planted offenders are caught."""

import textwrap

import numpy as np
import pytest

from framework.base.errors import UserError
from framework.checks import encoders as contract
from framework.config.experiment import experiment_from
from framework.execution.here import Here
from framework.registry.parameters import parameters
from framework.registry.registry import ENCODERS, Registry, load_file
from framework.runs.components import GIVEN
from framework.runs.data import DATASET
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.search.tuning.plan import plan_tuning
from framework.search.tuning.trial import FitTrial
from framework.search.workers import work_through
from tests.conftest import tiny


@pytest.fixture(scope="module")
def items():
    return contract.items_for(ENCODERS.load("autoencoder"), DATASET)


@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_registered_encoder_holds_every_check(name):
    cls = ENCODERS.load(name)
    results = list(contract.check(cls, contract.items_for(cls, DATASET)))
    assert [problem for _, problem in results if problem] == []
    assert len(results) == len(contract.CHECKS)


def test_an_encoder_is_tried_on_what_its_representation_shows():
    of_crystals = contract.items_for(ENCODERS.load("diffraction_vae"), DATASET)
    assert "site" in of_crystals.sizes and len(set(of_crystals["element_set"].values)) == 150
    of_fields = contract.items_for(ENCODERS.load("autoencoder"), DATASET)
    assert "formula" not in of_fields and not of_fields["reported"].all()


FIELDS = [name for name in ENCODERS.names() if ENCODERS.load(name).representation == "phase_field"]


@pytest.mark.parametrize("name", FIELDS)
def test_every_registered_encoder_of_fields_tunes(name, desk):
    known = parameters(ENCODERS.load(name), given=GIVEN)
    few = {"epochs": 1} if "epochs" in known else {}
    content = tiny(
        name="t", encoders=[{"name": name, **few}], validation_fraction=0.3, tuning={"trials": 3}
    )
    wanted = experiment_from(content, "t")
    if all(p.marker is None or not p.marker.tuned for p in known.values()):
        with pytest.raises(UserError, match="has nothing to tune"):
            plan_tuning(wanted, desk / "runs")
        return
    search = plan_tuning(wanted, desk / "runs")
    study = open_study(search.study)
    work_through(search.study, FitTrial(search), study, Here())
    trials = [trial for _, trial in ended(study)]
    assert len(trials) == 3
    assert {t.state.name for t in trials} <= {"COMPLETE", "PRUNED"}
    assert all(np.isfinite(t.values[0]) for t in trials)
    assert len({str(t.params) for t in trials}) > 1


OFFENDERS = {
    "remembers": (
        "two fits with the same seed differ",
        """
        def reset(self): pass
        """,
    ),
    "wrong_shape": (
        "not (144,)",
        """
        def score_samples(self, samples): return super().score_samples(samples)[:, None]
        """,
    ),
    "batch_rank": (
        "changes with what is scored beside it",
        """
        def score_samples(self, samples):
            return super().score_samples(samples).argsort().argsort().astype(float)
        """,
    ),
    "idle_weight": (
        "no gradient reaches idle",
        """
        def __init__(self, width: int) -> None:
            super().__init__(width)
            self.idle = nn.Parameter(torch.zeros(3))
        """,
    ),
    "not_finite": (
        "not finite",
        """
        def transform(self, samples): return super().transform(samples) * np.nan
        """,
    ),
}


@pytest.mark.parametrize("name", OFFENDERS)
def test_a_planted_offender_is_caught_and_told_why(name, items, tmp_path):
    problem, body = OFFENDERS[name]
    source = f'''
    """Planted offender."""
    import numpy as np, torch
    from torch import nn
    from zoo.encoders.autoencoder import Autoencoder

    class {name.title().replace("_", "")}(Autoencoder):
    '''
    path = tmp_path / f"{name}.py"
    path.write_text(textwrap.dedent(source) + textwrap.indent(textwrap.dedent(body), "    "))
    problems = [problem for _, problem in contract.check(load_file(path), items) if problem]
    assert len(problems) == 1
    assert problem in problems[0]


def test_an_encoder_without_decoder_is_scored_by_latent_density(items, tmp_path):
    path = tmp_path / "density.py"
    path.write_text(
        textwrap.dedent('''
        """A contrast between views; no decoder."""
        import torch
        from torch import nn
        from framework.neural.encoder import NeuralEncoder

        class Density(NeuralEncoder):
            representation = "phase_field"

            def __init__(self, width: int) -> None:
                super().__init__()
                self.width = width
                self.net = nn.Linear(width, 3)

            def encode(self, batch):
                return self.net(batch)

            def loss(self, batch):
                return {"spread": (self.net(batch).std(0) - 1).pow(2).sum()}
        ''')
    )
    trial = contract.Trial(load_file(path), items)
    assert [p for _, p in contract.check(trial.cls, items) if p] == []
    latents = trial.fitted.transform(trial.train)
    scores = trial.fitted.score_samples(trial.train)
    centred = latents - latents.mean(0)
    expected = -0.5 * np.sum(centred @ np.linalg.inv(np.cov(latents.T)) * centred, axis=1)
    np.testing.assert_allclose(scores, expected, rtol=1e-3)


def test_a_file_dropped_into_the_folder_is_registered_and_nothing_else_is_touched(
    monkeypatch, tmp_path
):
    folder = tmp_path / "encoders"
    folder.mkdir()
    (folder / "mine.py").write_text(
        '"""Mine, all mine. More."""\nclass Mine:\n    baseline = True\n'
    )
    one = Registry("encoder", "zoo.encoders")
    monkeypatch.setattr(one, "folder", folder)
    assert one.names() == ["mine"]
    assert one.entry("mine").summary == "Mine, all mine"
    assert one.entry("mine").constants == {"baseline": True}
