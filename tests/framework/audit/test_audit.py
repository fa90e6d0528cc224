"""The audit tells live models from planted dead ones, on real fields, over several seeds."""

import numpy as np
import pytest
import torch

from framework.audit.audit import audit
from framework.audit.network import _dead_relus, _effective_rank
from framework.audit.quantities import ACTIVE_VARIANCE, QUANTITIES
from framework.audit.scores import Additive, shuffle_elements
from framework.config.experiment import experiment_from
from framework.contracts.split import Split
from framework.registry.parameters import parameters
from framework.registry.registry import ENCODERS
from framework.runs.components import GIVEN, construct, represented, task_of
from framework.runs.items import divided
from framework.runs.plan import plan
from tests.framework.audit.planted import ConstantDecoder, Memoriser, NormScorer, OneScore

SEEDS = (0, 1, 2)
QUICK = {"batch_size": 256, "learning_rate": 3e-3}
"""Settings with which a network learns in few steps."""


@pytest.fixture(scope="module", params=SEEDS)
def problem(request):
    """Items, split and samples of one seed."""
    experiment = experiment_from(
        {
            "name": "audit",
            "dataset": "oqmd_icsd",
            "task": "plausibility",
            "splits": ["random"],
            "seeds": [request.param],
            "encoders": ["input_norm"],
        },
        where="test",
    )
    run = plan(experiment)[0]
    items, split = divided(run.settings)
    # all reported fields and every 60th unexplored one: the audit looks at no more
    kept = np.r_[np.flatnonzero(items["reported"]), split.unexplored[::60]]
    part = split.codes[kept]
    items = items.isel(material=kept)
    split = Split("small", *(np.flatnonzero(part == code) for code in range(4)))
    representation, samples = represented(run.settings["representation"], items, split.train)
    task = task_of(run.settings["task"])
    return items, split, representation, samples, task.members, request.param


def audited(cls, problem, **changes):
    items, split, representation, samples, members, seed = problem
    values = {n: p.default for n, p in parameters(cls, given=GIVEN).items()} | changes
    encoder = construct(cls, values, samples, seed)
    encoder.fit(samples.take(split.train), samples.take(split.validation))
    return audit(encoder, representation, samples, items, split, members)


def test_planted_dead_models_are_called_by_their_fault(problem):
    constant = audited(ConstantDecoder, problem, **QUICK)
    norm = audited(NormScorer, problem)
    memoriser = audited(Memoriser, problem, **QUICK)
    one = audited(OneScore, problem)
    assert constant.verdict == norm.verdict == one.verdict == "collapsed"
    assert memoriser.verdict == "weak"
    assert any("the decoder explains" in reason for reason in constant.reasons)
    assert any("norm of the input" in reason for reason in norm.reasons)
    assert any("the same score" in reason for reason in one.reasons)
    assert any("memorises" in reason for reason in memoriser.reasons)
    assert memoriser.values["explained_variance_seen"] == pytest.approx(1, abs=1e-6)
    assert abs(constant.values["explained_variance"]) < 0.05
    assert constant.values["constant_outputs"] == 1


def test_a_working_autoencoder_is_alive(problem):
    found = audited(ENCODERS.load("autoencoder"), problem, epochs=6, **QUICK)
    assert found.verdict == "alive", found.reasons
    assert found.reasons == ()
    assert found.values["explained_variance"] > 0.8
    assert found.values["effective_rank"] > 4


def test_the_published_sigmoid_setting_is_collapsed_and_the_repaired_one_alive(problem):
    reference = ENCODERS.load("phase_field_vae")
    published = audited(reference, problem, output="sigmoid", epochs=3, **QUICK)
    repaired = audited(reference, problem, dropout=0.0, epochs=6, **QUICK)
    assert published.verdict == "collapsed"
    assert any("norm of the input" in reason for reason in published.reasons)
    assert published.values["norm_correlation"] > 0.98
    assert repaired.verdict == "alive", repaired.reasons
    # the thresholds stand between the two with room on both sides
    assert published.values["explained_variance"] < 0.09
    assert repaired.values["explained_variance"] > 0.3
    assert repaired.values["norm_correlation"] < 0.9


def test_baselines_are_told_apart_by_what_they_can_see(problem):
    frequency = audited(ENCODERS.load("element_frequency"), problem)
    pairs = audited(ENCODERS.load("pair_cooccurrence"), problem)
    norm = audited(ENCODERS.load("input_norm"), problem)
    random = audited(ENCODERS.load("random_score"), problem)
    assert (norm.verdict, frequency.verdict, pairs.verdict) == ("collapsed", "weak", "alive")
    assert frequency.values["additive_r2"] > 0.999
    assert frequency.values["frequency_correlation"] > 0.999
    assert pairs.values["combination_auroc"] > 0.6
    assert random.verdict == "weak"
    assert abs(random.values["norm_correlation"]) < 0.1


def test_every_quantity_of_a_variational_encoder_is_documented_and_active_units_follow_burda(
    problem,
):
    found = audited(ENCODERS.load("phase_field_vae"), problem, epochs=1, **QUICK)
    undocumented = set(found.values) - set(QUANTITIES)
    assert not undocumented
    assert set(QUANTITIES) - {"decoded_right"} == set(found.values)  # of compositions alone
    assert all(np.isfinite(value) for value in found.values.values())
    variance = found.evidence["variance"]
    assert found.values["active_units"] == np.mean(variance > ACTIVE_VARIANCE)


def test_shuffling_keeps_how_often_each_element_occurs(problem):
    items, split, _, _, members, _ = problem
    given = [str(name) for name in items["element_set"].values[split.holdout]]
    shuffled = shuffle_elements(np.random.default_rng(0), given, members)
    assert members(shuffled) == sorted(set(shuffled))
    assert not set(shuffled) & set(given)
    assert len(shuffled) > 0.8 * len(given)

    def counts(sets):
        symbols, n = np.unique([s for text in sets for s in text.split()], return_counts=True)
        return dict(zip(symbols, n / len(sets), strict=True))

    before, after = counts(given), counts(shuffled)
    common = [symbol for symbol in before if before[symbol] > 0.05]
    assert all(abs(after[symbol] - before[symbol]) < 0.03 for symbol in common)


def test_shuffling_swaps_nothing_that_leaves_the_space():
    rng = np.random.default_rng(0)
    assert shuffle_elements(rng, ["Cl Li", "Br Na"], lambda sets: []) == ["Cl Li", "Br Na"]


def test_the_additive_part_is_found_exactly():
    rng = np.random.default_rng(0)
    names = np.array(
        [" ".join(sorted(rng.choice(list("BCFHIKNOPS"), 4, False))) for _ in range(400)]
    )
    weight = dict(zip("BCFHIKNOPS", rng.normal(size=10), strict=True))
    scores = np.array([sum(weight[s] for s in name.split()) for name in names]) + 3
    model = Additive.fit(names, scores)
    assert model.r2 == pytest.approx(1)
    np.testing.assert_allclose(model.residual(names, scores), 0, atol=1e-8)
    noise = rng.normal(size=400)
    assert abs(Additive.fit(names, noise).r2) < 0.1


def test_effective_rank_of_known_spectra():
    assert _effective_rank(np.array([1.0, 1.0, 1.0])) == pytest.approx(3)
    assert _effective_rank(np.array([5.0, 0.0, 0.0])) == pytest.approx(1)
    assert _effective_rank(np.zeros(3)) == 0


def test_dead_relus_are_counted():
    encoder = ENCODERS.load("autoencoder")(width=10, latent_dim=2, hidden=(4,))
    with torch.no_grad():
        first = encoder.encoder[0][0]
        first.weight[:3], first.bias[:3] = 0.0, -1.0  # never on
        first.weight[3], first.bias[3] = 0.0, 1.0  # always on
        second = encoder.decoder[0][0]
        second.weight.zero_()
        second.bias.fill_(1.0)
    share, latents = _dead_relus(encoder.eval(), torch.randn(50, 10))
    assert share == pytest.approx(3 / 8)
    assert latents.shape == (50, 2)
