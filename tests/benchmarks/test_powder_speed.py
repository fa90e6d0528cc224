"""How long diffraction patterns take beside pymatgen's XRDCalculator, in one run on one thread."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from data.crystals import Crystals
from data.datasets.oqmd_icsd import oqmd_icsd
from data.powder import CU_KA, Scan, patterns, peaks
from tests.benchmarks.timing import medians

pytestmark = pytest.mark.speed

N = 100


def test_patterns_of_embedded_crystals_beat_pymatgen(capsys):
    """Goal 20x for whole patterns, held against pymatgen's peaks alone.

    pymatgen spends its time in a loop over reflections, which gathers hkl families. What bounds
    ours is small arrays: about half is exponentials (scattering factors, phases, profiles),
    most of the rest the fixed cost of some 60 calls of NumPy for each crystal.
    """
    from pymatgen.analysis.diffraction.xrd import XRDCalculator

    everything = Crystals.from_dataset(oqmd_icsd())
    some = everything.take(np.random.default_rng(0).choice(len(everything), N, replace=False))
    structures = [some.structure(i) for i in range(N)]
    calculator = XRDCalculator()

    def pymatgen() -> None:
        for structure in structures:
            calculator.get_pattern(structure, two_theta_range=(10, 90))

    turns = (
        pymatgen,
        lambda: peaks(some, CU_KA, 10, 90),
        lambda: patterns(some, Scan()),
    )
    with threadpool_limits(1):
        times = medians(3, *turns)
    theirs, sticks, drawn = (each / N * 1e3 for each in times)
    with capsys.disabled():
        print(
            f"\ndiffraction of {N} random embedded crystals: pymatgen's peaks {theirs:.1f} ms a "
            f"crystal; ours {sticks:.2f} ms: {theirs / sticks:.0f}x; with the pattern on 1,601 "
            f"points {drawn:.2f} ms: {theirs / drawn:.0f}x; all {len(everything):,} patterns take "
            f"about {drawn / 6e4 * len(everything):.1f} minutes"
        )
    assert theirs / drawn > 8
