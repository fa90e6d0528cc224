"""Which space groups make which crystal system. Source: International Tables for Crystallography A."""

from __future__ import annotations

import json

CRYSTAL_SYSTEMS = {
    "triclinic": (1, 2),
    "monoclinic": (3, 15),
    "orthorhombic": (16, 74),
    "tetragonal": (75, 142),
    "trigonal": (143, 167),
    "hexagonal": (168, 194),
    "cubic": (195, 230),
}
"""The first and the last space group of each, by international number."""

SPACE_GROUPS = {
    "missing_value": 0,
    "coarser": json.dumps({"crystal_system": CRYSTAL_SYSTEMS}),
}
"""What a variable of space groups says of itself; see `framework.contracts.dataset`."""
