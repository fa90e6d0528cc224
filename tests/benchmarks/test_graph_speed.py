"""How long crystal graphs take beside what one would otherwise run, on one thread."""

import numpy as np
import pytest
import torch

from data.crystals import Crystals
from data.datasets.oqmd_icsd import oqmd_icsd
from data.message_passing import Pairs, _dgl
from data.neighbours import neighbours
from data.representations.crystal_graph import CrystalGraph
from framework.contracts.dataset import take
from framework.neural.threads import one_thread
from framework.neural.training import optimiser
from tests.benchmarks.timing import medians
from zoo.encoders.deep_infomax import DeepInfoMax

pytestmark = pytest.mark.speed

N, BATCH = 512, 64


@pytest.fixture(scope="module")
def some():
    """Embedded crystals drawn at random, and their graphs."""
    everything = oqmd_icsd()
    index = np.random.default_rng(0).choice(everything.sizes["material"], N, replace=False)
    materials = take(everything, index)
    return materials, CrystalGraph().fit(materials, np.arange(N)).transform(materials)


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def test_batches_beat_a_loader_that_collates_graphs(some, capsys):
    """Goal 3x, against DGL's own loader of graphs built beforehand.

    Ours is three gathers from packed tensors, whatever the batch; DGL's joins each of 64 graphs
    and each of their features.
    """
    dgl = _dgl()
    from dgl.dataloading import GraphDataLoader

    _, samples = some
    graphs = []
    for i in range(N):
        one = samples.batch(torch.tensor([i]), torch.tensor([0]))
        graph = dgl.graph((one.neighbour, one.site), num_nodes=len(one.element))
        graph.ndata["features"], graph.ndata["element"] = one.features, one.element
        graph.edata["distance"] = one.distance
        graphs.append(graph)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))

    def ours() -> None:
        for index in order.split(BATCH):
            batch = samples.batch(index, index)
            assert len(batch.features) and len(batch) == BATCH

    def theirs() -> None:
        for _ in GraphDataLoader(graphs, batch_size=BATCH, sampler=order):
            pass

    own, other = medians(5, ours, theirs)
    with capsys.disabled():
        print(
            f"\nbatches of {BATCH} crystal graphs a second: {N / BATCH / own:.0f}; DGL's loader "
            f"{N / BATCH / other:.0f}: {other / own:.1f}x"
        )
    assert other / own > 1.5


def test_a_training_step_takes_as_long_by_dgl_as_in_plain_pytorch(some, monkeypatch, capsys):
    """What there is to gain is small: the products with the weights, one a pair, bound both, and
    sums over neighbours are a tenth of the step."""
    _, samples = some
    encoder = DeepInfoMax(samples.width)
    step = optimiser(encoder, encoder.settings)
    index = torch.arange(BATCH)

    def trained(by_dgl: bool) -> None:
        monkeypatch.setattr(
            "data.graphs.Pairs", lambda site, neighbour, n: Pairs(site, neighbour, n, by_dgl)
        )
        step.zero_grad()
        torch.stack(list(encoder.loss(samples.batch(index, index)).values())).sum().backward()
        step.step()

    trained(True)
    by_dgl, plain = medians(9, lambda: trained(True), lambda: trained(False))
    pairs = int(samples.pair_offsets[BATCH])
    with capsys.disabled():
        print(
            f"\na training step of Deep InfoMax on {BATCH} crystals ({pairs:,} pairs): by DGL "
            f"{by_dgl * 1e3:.0f} ms, in plain PyTorch {plain * 1e3:.0f} ms: {plain / by_dgl:.2f}x"
        )
    assert plain / by_dgl > 0.5


def test_neighbours_beat_those_of_a_structure(some, capsys):
    """Goal 10x, against `get_all_neighbors` at the distance that the twelve nearest mostly need,
    and against the same search without objects for its neighbours, which sorts nothing."""
    materials, _ = some
    crystals = Crystals.from_dataset(materials)
    few = 60
    structures = [crystals.structure(i) for i in range(few)]
    ours, objects, arrays = medians(
        3,
        lambda: neighbours(crystals, 8.0, 12),
        lambda: [structure.get_all_neighbors(5.0) for structure in structures],
        lambda: [structure.get_neighbor_list(5.0) for structure in structures],
    )
    own, theirs, lists = (t * 1e3 / n for t, n in ((ours, N), (objects, few), (arrays, few)))
    with capsys.disabled():
        print(
            f"\nneighbours of a crystal: {own:.2f} ms; pymatgen's get_all_neighbors within 5 "
            f"angstrom {theirs:.2f} ms: {theirs / own:.0f}x; its get_neighbor_list {lists:.2f} ms; "
            f"all {oqmd_icsd().sizes['material']:,} embedded crystals take "
            f"{own * oqmd_icsd().sizes['material'] / 1e3:.0f} s"
        )
    assert theirs / own > 5
