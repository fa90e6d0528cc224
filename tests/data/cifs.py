"""CIF texts for tests: simple crystals, and one for every reason to refuse a structure."""

from collections.abc import Sequence

Site = tuple[str, float, float, float]

NACL: tuple[Site, ...] = (
    ("Na", 0.0, 0.0, 0.0),
    ("Na", 0.0, 0.5, 0.5),
    ("Na", 0.5, 0.0, 0.5),
    ("Na", 0.5, 0.5, 0.0),
    ("Cl", 0.5, 0.0, 0.0),
    ("Cl", 0.0, 0.5, 0.0),
    ("Cl", 0.0, 0.0, 0.5),
    ("Cl", 0.5, 0.5, 0.5),
)
CSCL: tuple[Site, ...] = (("Cs", 0.0, 0.0, 0.0), ("Cl", 0.5, 0.5, 0.5))


def cif(
    sites: Sequence[Site] = CSCL,
    a: float | str = 4.123,
    gamma: float = 90.0,
    occupancies: Sequence[object] = (),
    operations: Sequence[str] = ("x, y, z",),
    more: str = "",
    c: float | str = "",
) -> str:
    """A CIF of a cell a = b = c (unless given) with two right angles."""
    given = [*occupancies, *["1"] * (len(sites) - len(occupancies))]
    rows = [
        f"{s} {s}{i} {x} {y} {z} {o}"
        for i, ((s, x, y, z), o) in enumerate(zip(sites, given, strict=True))
    ]
    return "\n".join(
        [
            "data_test",
            f"_cell_length_a {a}\n_cell_length_b {a}\n_cell_length_c {c or a}",
            f"_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma {gamma}",
            more,
            "loop_\n_symmetry_equiv_pos_as_xyz",
            *[f"'{operation}'" for operation in operations],
            "loop_\n_atom_site_type_symbol\n_atom_site_label",
            "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy",
            *rows,
            "",
        ]
    )


def _spread(n: int) -> list[Site]:
    """n sites of a grid in a large cell."""
    return [("Fe", i % 20 / 20, i // 20 % 20 / 20, i // 400 / 20) for i in range(n)]


BAD_CIFS = {
    "no_cif": ("hello there", "not a CIF: it has no line 'data_"),
    "words": ("data_x\nhello there\n", "no atoms: the CIF has no values of _atom_site_fract_x"),
    "no_atoms": (cif(()), "no atoms"),
    "no_cell": (cif().replace("_cell_length_b", "_cell_length_q"), "no unit cell: _cell_length_b"),
    "word_in_cell": (cif(a="wide"), "_cell_length_a is 'wide', not a number"),
    "no_volume": (cif(a=0.0), "the unit cell has no volume"),
    "flat": (cif(gamma=180.0), "the unit cell has no volume"),
    "nearly_flat": (cif(gamma=0.001), "the unit cell has no volume"),
    "impossible_angle": (cif(gamma=270.0), "the unit cell has no volume"),
    "huge_cell": (cif(a=200.0), "8,000,000 cubic angstrom; at most 100,000"),
    "partial": (cif(occupancies=("0.5",)), r"a site is partly occupied \(Cs:0.5\)"),
    "mixed": (
        cif((*CSCL, ("Na", 0.0, 0.0, 0.0)), occupancies=("0.5", "1", "0.5")),
        r"a site is partly occupied \(Cs:0.5, Na:0.5\)",
    ),
    "all_empty": (cif(occupancies=("0", "0")), "no atoms: no site has an occupancy above zero"),
    "same_place": (
        cif((*CSCL, ("Na", 0.0, 0.0, 0.0))),
        "atoms share one site: its occupancies add up to 2",
    ),
    "overlap": (cif((*CSCL, ("Na", 0.1, 0.0, 0.0))), "atoms overlap: Cs-Na at 0.41 angstrom"),
    "overlap_of_images": (cif(c=0.45), "atoms overlap: Cs-Cs at 0.45 angstrom"),
    "overlap_across_the_border": (
        cif((*CSCL, ("Na", 0.95, 0.0, 0.0))),
        "atoms overlap: Cs-Na at 0.21 angstrom",
    ),
    "many_sites": (cif(_spread(1001), a=40.0), "1,001 sites; at most 1,000"),
    "thousands_by_symmetry": (
        cif(_spread(600), a=40.0, operations=("x, y, z", "x, y, z+0.5")),
        "1,200 sites; at most 1,000",
    ),
    "beyond_fermium": (cif((("Md", 0.0, 0.0, 0.0),)), "Md has Z = 101; elements up to Z = 100"),
    "no_element": (cif((("Lj", 0.0, 0.0, 0.0),)), "'Lj' is not an element; did you mean 'Li'"),
    "guessable": (cif((("Cx", 0.0, 0.0, 0.0),)), "'Cx' is not an element"),
    "not_a_number": (
        cif().replace("0.5 0.5 0.5", "0.5 ? 0.5"),
        r"_atom_site_fract_y of Cl1 is '\?', not a number",
    ),
    "hydrogen_missing": (
        cif(more="_chemical_formula_sum 'Cs1 Cl1 H2'"),
        "no site for H, which _chemical_formula_sum names",
    ),
    "two_structures": (
        cif() + cif().replace("data_test", "data_again"),
        r"holds 2 structures \(test, again\); write",
    ),
}
"""Name -> (text, what the reason says)."""
