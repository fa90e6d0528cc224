"""The representation diffraction: patterns as samples, kept by digest, bad settings explained."""

import numpy as np
import pytest
import torch
import xarray as xr

from data import powder
from data.cache import VARIABLE, cache_folder
from data.crystals import Crystals
from data.datasets.mp_transport import mp_transport
from data.datasets.oqmd_icsd import oqmd_icsd
from data.representations import diffraction
from data.representations.diffraction import Diffraction, DiffractionSamples
from framework.base.errors import UserError
from framework.contracts.dataset import take
from framework.registry.parameters import checked, parameters
from tests.data.cifs import BAD_CIFS, NACL, cif


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def few() -> xr.Dataset:
    return take(oqmd_icsd(), np.arange(0, 32_000, 2000))


def shown(ds: xr.Dataset, **settings) -> DiffractionSamples:
    return Diffraction(**settings).fit(ds, np.arange(2)).transform(ds)


def test_samples_are_the_patterns_in_order(few, tmp_path):
    samples = shown(few)
    assert (len(samples), samples.width, samples.n_views) == (16, 1601, 1)
    expected = powder.patterns(Crystals.from_dataset(few), powder.Scan())
    np.testing.assert_array_equal(samples.descriptors(), expected)
    assert (expected.max(axis=1) == 1).all() and (expected >= 0).all()
    index = torch.tensor([5, 3])
    batch = samples.batch(index, torch.zeros_like(index))
    assert torch.equal(samples.take(np.array([5, 3])).values, batch)
    assert torch.equal(batch, torch.from_numpy(expected[[5, 3]]))


def test_settings_reach_the_pattern_and_a_checkpoint_knows_them(few, tmp_path):
    settings = {"wavelength": 0.7107, "two_theta_min": 5.0, "two_theta_max": 50.0, "step": 0.1}
    fitted = Diffraction(**settings, profile="lorentzian", broadening=0.2).fit(few, np.arange(2))
    assert fitted.width == 451 and fitted.two_theta_[[0, -1]] == pytest.approx([5, 50])
    scan = powder.Scan(0.7107, 5, 50, 0.1, "lorentzian", 0.2)
    expected = powder.patterns(Crystals.from_dataset(few), scan)
    np.testing.assert_array_equal(fitted.transform(few).descriptors(), expected)
    fitted.save(tmp_path / "x.npz")
    again = Diffraction(**settings, profile="lorentzian", broadening=0.2).restore(
        tmp_path / "x.npz"
    )
    assert again.width == 451
    with pytest.raises(UserError, match="is a checkpoint of Diffraction"):
        Diffraction().restore(tmp_path / "x.npz")


def test_patterns_are_kept_by_digest_and_made_anew_where_the_file_is_damaged(
    few, own_cache, monkeypatch
):
    monkeypatch.setattr(diffraction, "_FEW", 1)
    first = shown(few)
    (kept,) = (own_cache / "diffraction").iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(powder, "patterns", lambda *_: pytest.fail("computed again"))
        assert torch.equal(shown(few).values, first.values)
        with pytest.raises(pytest.fail.Exception):
            shown(few, broadening=0.2)
        with pytest.raises(pytest.fail.Exception):
            shown(take(few, [1, 0]))
    whole = kept.read_bytes()
    other = bytearray(whole)
    other[len(whole) // 2] ^= 1
    for damage in (whole[: len(whole) // 2], b"", b"PK nonsense", bytes(other)):
        kept.write_bytes(damage)
        assert torch.equal(shown(few).values, first.values)
        assert kept.read_bytes()[:2] == b"PK" and len(kept.read_bytes()) == len(whole)
    assert [path.name for path in (own_cache / "diffraction").iterdir()] == [kept.name]


def test_a_cache_that_cannot_be_written_is_said_and_done_without(few, tmp_path, monkeypatch):
    monkeypatch.setattr(diffraction, "_FEW", 1)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.warns(UserWarning, match=f"cannot be written .* set {VARIABLE}"):
        assert len(shown(few)) == 16


def test_the_cache_stands_where_the_platform_has_caches(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "phasezoo"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder().parts[-3:] == ("Library", "Caches", "phasezoo")


def test_what_a_person_types_are_cif_files(tmp_path):
    (tmp_path / "a.cif").write_text(cif(NACL, 5.64))
    typed = Diffraction().parse([str(tmp_path / "a.cif")])
    assert typed["formula"].values.tolist() == ["NaCl"]
    pattern = shown(typed).values[0]
    assert 10 + 0.05 * int(pattern.argmax()) == pytest.approx(31.73, abs=0.03)
    with pytest.raises(UserError, match=r"b\.cif: no such file .*did you mean .*a\.cif"):
        Diffraction().parse([str(tmp_path / "b.cif")])
    (tmp_path / "c.cif").write_text(BAD_CIFS["partial"][0])
    with pytest.raises(UserError, match=r"c\.cif: a site is partly occupied"):
        Diffraction().parse([str(tmp_path / "c.cif")])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"two_theta_min": 90.0}, r"two_theta_max \(90\) leaves no step"),
        ({"step": 0.5}, "a step of 0.5 degrees misses peaks of the width 0.15; take .* 0.3"),
    ],
)
def test_settings_that_contradict_one_another_are_explained(few, settings, message):
    with pytest.raises(UserError, match=message):
        shown(few, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wavelength": 10.0}, "wavelength: 10.0 is out of range; 'wavelength' is float 0.3..3"),
        ({"profile": "gausian"}, "'gausian' is no option; did you mean 'gaussian'"),
        ({"broadning": 0.1}, "broadning is not a parameter of 'diffraction'; did you mean"),
    ],
)
def test_settings_out_of_range_are_explained(settings, message):
    with pytest.raises(UserError, match=message):
        checked(Diffraction, settings, name="diffraction", where="x.yaml: representations")


def test_defaults_fit_their_own_ranges():
    for parameter in parameters(Diffraction).values():
        assert parameter.checked(parameter.default) == parameter.default


def test_materials_that_have_no_pattern_are_explained(few):
    with pytest.raises(UserError, match="not fitted"):
        Diffraction().transform(few)
    with pytest.raises(UserError, match="no crystal structures"):
        shown(mp_transport())
    einsteinium = few.assign(atomic_number=few["atomic_number"] * 0 + 99)
    with pytest.raises(UserError, match="no X-ray scattering parameters for Es"):
        shown(einsteinium)
