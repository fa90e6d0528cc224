"""47,737 compositions with 10 electronic transport properties (Ricci et al. 2017, by matminer)."""

from __future__ import annotations

import importlib.util
import tarfile
from pathlib import Path

import numpy as np
import xarray as xr

from data.element_sets import formula_element_set
from framework.contracts.dataset import data_set

# Not stated beside the table; they follow from it: PF = S^2 sigma, m = n e^2 tau / sigma at
# n = 1e18 per cm^3 and tau = 1e-15 s, kappa / (sigma T) = Lorenz number for metals at 300 K.
_QUANTITIES = {
    "sigma": ("electrical conductivity at a relaxation time of 1 fs", "S/m"),
    "S": ("Seebeck coefficient", "uV/K"),
    "kappa": ("electronic thermal conductivity at a relaxation time of 1 fs", "uW/(m K)"),
    "PF": ("power factor at a relaxation time of 1 fs", "uW/(m K^2)"),
    "m": ("conductivity effective mass", "electron masses"),
}
_CARRIERS = {"p": "holes", "n": "electrons"}


def mp_transport() -> xr.Dataset:
    """Transport from PBE bands at 300 K and 1e18 carriers per cm^3; polymorphs share a formula.

    Beside the contract: `mp_id`, the identifier in the Materials Project.
    """
    import pandas as pd

    spec = importlib.util.find_spec("matminer")  # the folder, without the import of 2 s
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "utils" / "data_files" / "mp_transport"
    with tarfile.open(folder / "transport_database.tar.xz") as archive:
        table = pd.read_csv(archive.extractfile("transport_database.csv"))  # type: ignore[arg-type]

    formulas = table["pretty_formula"].tolist()
    properties = [f"{quantity}_{carrier}" for quantity in _QUANTITIES for carrier in _CARRIERS]
    return data_set(
        {
            "formula": ("material", np.array(formulas)),
            "element_set": ("material", np.array([formula_element_set(f) for f in formulas])),
            "mp_id": ("material", np.array(table["mp_id"].tolist())),
            **{
                name: ("material", table[name].to_numpy(float), _attrs(*name.split("_")))
                for name in properties
            },
        },
        name="mp_transport",
        title="Electronic transport properties of inorganic materials",
        source="Dryad doi:10.5061/dryad.gn001, as shipped with matminer",
        licence="CC0 1.0",
        citation="Ricci et al., Sci. Data 4, 170085 (2017)",
        properties=properties,
    )


def _attrs(quantity: str, carrier: str) -> dict[str, str]:
    long_name, units = _QUANTITIES[quantity]
    return {"long_name": f"{long_name}, {_CARRIERS[carrier]}", "units": units}
