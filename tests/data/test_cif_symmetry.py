"""The symmetry of CIFs: all 530 settings in every way of writing them, against spglib; what is
ambiguous or contradictory is refused."""

from functools import cache

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice
from pymatgen.core.operations import SymmOp

from data.cif.operations import parse_operations
from data.cif.structures import read_cif

SETTINGS = range(1, 531)
H_M_TAGS = ("_symmetry_space_group_name_H-M", "_space_group_name_H-M_alt")
HALL_TAGS = ("_symmetry_space_group_name_Hall", "_space_group_name_Hall")
LIST_TAGS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")


@cache
def group(setting):
    return spglib.get_spacegroup_type(setting)


@cache
def operations(setting):
    table = spglib.get_symmetry_from_database(setting)
    return table["rotations"], table["translations"]


@cache
def cell(setting):
    """Edges and angles that the setting allows, and no more symmetry than it must have."""
    rotations, _ = operations(setting)
    skew = np.array([[1.0, 0, 0], [-0.12, 1.15, 0], [-0.17, -0.21, 1.31]])
    if 143 <= group(setting).number <= 194 and group(setting).choice != "R":
        skew = np.array([[1.0, 0, 0], [-0.5, 0.75**0.5, 0], [0.03, 0.02, 1.4]])
    metric = np.mean([r.T @ skew @ skew.T @ r for r in rotations], axis=0)
    lattice = Lattice(np.linalg.cholesky(metric)).scale(26.0 * len(rotations))
    return (*lattice.lengths, *lattice.angles)


def images(setting, point):
    """The places of a point's images, by spglib's operations."""
    rotations, translations = operations(setting)
    places = np.mod(rotations @ np.array(point) + translations, 1.0)
    return np.unique(np.mod(places.round(6), 1.0), axis=0)


@cache
def two_points(setting):
    """The origin, and a point whose images are all apart."""
    rng = np.random.default_rng(setting)
    lattice = Lattice.from_parameters(*cell(setting)).matrix
    while True:
        point = rng.random(3).round(4)
        places = np.concatenate([images(setting, point), images(setting, (0, 0, 0))])
        apart = places[:, None] - places
        apart = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=-1)
        if apart[~np.eye(len(apart), dtype=bool)].min(initial=9) > 0.5:
            return ((0, 0, 0), tuple(point))


def written(setting, symmetry, points=None, more=""):
    """A CIF of an atom on each point, hydrogen first and then helium."""
    points = points or two_points(setting)
    names = [f"_cell_length_{x}" for x in "abc"]
    names += [f"_cell_angle_{x}" for x in ("alpha", "beta", "gamma")]
    lines = [f"{name} {value:.6f}" for name, value in zip(names, cell(setting), strict=True)]
    rows = [
        f"{symbol}1 {symbol} {x} {y} {z}"
        for symbol, (x, y, z) in zip(("H", "He"), points, strict=False)
    ]
    sites = "loop_\n_atom_site_label\n_atom_site_type_symbol\n" + "\n".join(
        f"_atom_site_fract_{axis}" for axis in "xyz"
    )
    return "\n".join(["data_x", *lines, symmetry, more, sites, *rows, ""])


def listed(setting, tag=LIST_TAGS[0]):
    lines = [f"'{as_text(*op)}'" for op in zip(*operations(setting), strict=True)]
    return "\n".join(["loop_", tag, *lines])


def as_text(rotation, translation):
    return SymmOp.from_rotation_and_translation(rotation, translation).as_xyz_str()


def quoted(text):
    return f"'{text}'" if '"' in text else f'"{text}"'


def full(setting):
    return group(setting).international_full.replace("_", "")


def short(setting):
    """Without the 1 of a monoclinic symbol: 'P 21/n'."""
    if 3 <= group(setting).number <= 15:
        return " ".join(part for part in full(setting).split() if part != "1")
    return group(setting).international.replace("_", "")


def require_read(setting, symmetry, points=None):
    points = points or two_points(setting)
    read = read_cif(written(setting, symmetry, points))
    _, numbers, positions = read.cell
    for z, point in zip((1, 2), points, strict=False):
        expected = images(setting, point)
        places = positions[numbers == z]
        assert len(places) == len(expected), (setting, symmetry)
        apart = places[:, None] - expected
        apart = np.abs(apart - np.round(apart)).max(axis=-1)
        assert (apart.min(axis=0) < 1e-4).all() and (apart.min(axis=1) < 1e-4).all(), symmetry
    return read


@pytest.mark.parametrize("tag", LIST_TAGS)
def test_the_operations_of_every_setting_are_read(tag):
    for setting in SETTINGS:
        require_read(setting, listed(setting, tag))


@pytest.mark.parametrize("tag", HALL_TAGS)
def test_the_hall_symbol_of_every_setting_is_read(tag):
    for setting in SETTINGS:
        require_read(setting, f"{tag} {quoted(group(setting).hall_symbol)}")


@pytest.mark.parametrize("symbol", [full, short])
@pytest.mark.parametrize("tag", H_M_TAGS)
def test_a_symbol_alone_is_read_unless_two_settings_have_it(tag, symbol):
    """Those with two origins, and C m m e and its like, which stand for two settings each."""
    two_origins = {s for s in SETTINGS if group(s).choice[:1] in ("1", "2")}
    for setting in SETTINGS:
        name = f"{tag} '{symbol(setting)}'"
        if setting in two_origins or 316 <= setting <= 321:
            with pytest.raises(ValueError, match="ambiguous symmetry"):
                read_cif(written(setting, name))
        else:
            require_read(setting, name)


@pytest.mark.parametrize("symbol", [full, short])
@pytest.mark.parametrize("style", ["{} :{}", "{}:{}", "{} : {}"])
def test_a_symbol_with_its_choice_is_read(symbol, style):
    for setting in SETTINGS:
        if choice := group(setting).choice:
            require_read(setting, f"{H_M_TAGS[1]} '{style.format(symbol(setting), choice)}'")


def test_a_number_with_the_code_of_the_setting_is_read():
    for setting in SETTINGS:
        code = group(setting).choice or "abc"
        require_read(
            setting,
            f"_space_group_IT_number {group(setting).number}\n"
            f"_space_group_IT_coordinate_system_code {code}",
        )


def test_a_number_alone_is_the_standard_setting_with_a_note_or_refused():
    for number in range(1, 231):
        settings = [s for s in SETTINGS if group(s).number == number]
        for tag in ("_symmetry_Int_Tables_number", "_space_group_IT_number"):
            for setting in settings:
                standard = group(setting).choice in ("", "b", "b1", "H", "R")
                if standard:
                    read = require_read(setting, f"{tag} {number}")
                    others = [s for s in settings if group(s).choice in ("b2", "cab", "ba-c")]
                    assert bool(read.note) == bool(others), setting
                elif group(setting).choice in ("1", "2"):
                    with pytest.raises(ValueError, match="ambiguous symmetry"):
                        read_cif(written(setting, f"{tag} {number}"))


def test_operations_beside_every_name_that_means_them_are_read():
    for setting in SETTINGS:
        kind = group(setting)
        names = (
            f"{H_M_TAGS[0]} '{short(setting)}'\n{HALL_TAGS[1]} {quoted(kind.hall_symbol)}\n"
            f"_space_group_IT_number {kind.number}\n"
        )
        require_read(setting, names + listed(setting))


def test_operations_beside_the_name_of_another_setting_are_refused():
    """The next of spglib's table."""
    for setting in range(1, 530):
        if operations(setting + 1)[0].tobytes() == operations(setting)[
            0
        ].tobytes() and np.array_equal(operations(setting)[1], operations(setting + 1)[1]):
            continue
        hall = quoted(group(setting + 1).hall_symbol)
        with pytest.raises(ValueError, match="contradictory symmetry"):
            read_cif(written(setting, f"{HALL_TAGS[0]} {hall}\n{listed(setting)}"))


def test_operations_with_another_origin_or_other_axes_are_read_and_compared_by_type():
    rng = np.random.default_rng(0)
    for setting in range(1, 531, 7):
        rotations, translations = operations(setting)
        number = group(setting).number
        moved = rng.integers(1, 7, 3) / 17
        shifted = (translations + moved - rotations @ moved) % 1
        point = np.array(two_points(setting)[1]) + moved
        lines = [f"'{as_text(*op)}'" for op in zip(rotations, shifted, strict=True)]
        text = "\n".join(["loop_", LIST_TAGS[0], *lines])
        named = f"_space_group_IT_number {number}\n{text}"
        read = read_cif(written(setting, named, [point]))
        places = np.unique(np.round((rotations @ point + shifted) % 1, 5), axis=0)
        assert len(read.cell[1]) == len(places) == len(rotations)
        with pytest.raises(ValueError, match="contradictory symmetry"):
            read_cif(
                written(setting, f"_space_group_IT_number {number % 230 + 1}\n{text}", [point])
            )


@pytest.mark.parametrize("setting", SETTINGS[::23])
@pytest.mark.parametrize("style", [str.upper, str.lower, lambda text: text.replace(" ", "_")])
def test_case_and_underscores_do_not_matter(setting, style):
    name = f"{full(setting)} :{group(setting).choice}" if group(setting).choice else full(setting)
    require_read(setting, f"{H_M_TAGS[0]} {quoted(style(name))}".replace('"_', '" _'))
    require_read(setting, f"{HALL_TAGS[0]} {quoted(style(group(setting).hall_symbol))}")


OTHER_NAMES = {
    "Fd-3mS": 525, "F d -3 m Z": 526, "F d 3 m :2": 526, "Fd-3m:1": 525, "F m 3 m": 523,
    "Fm-3m": 523, "P a 3": 501, "I a 3 d": 530, "P 21/c": 81, "P2(1)/c": 81, "P2_1/c": 81,
    "P 21/n": 82, "P2(1)2(1)2(1)": 115, "P 21/a": 83, "R -3 c H": 460, "R-3c:R": 461,
    "R -3 m h": 458, "R -3 m r": 459, "R3m": 450, "C m c a": 304, "C m c b": 304, "A b m 2": 191,
    "A c m 2": 191, "A b a 2": 203, "C m m a": 316, "C m m b": 317, "A b m m": 318,
    "C c c a :2": 323, "C c c b :2": 325, "P 4/n 21/m 2/m :2": 409, "P 4/m 21/b 2/m": 406,
    "I 41/a m d S": 426, "I 41/a m d Z": 427, "P n c b :1": 235, "P21/c:b2": 82, "C2/c:b3": 92,
    "B 2/b": 99, "P_n_m_a": 292, "PNMA": 292, "P 1 21/n 1": 82, "P 63/m m c": 488,
}  # fmt: skip
"""Names in use that are not spglib's own -> Hall number."""


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_other_names_in_use_are_read(name):
    require_read(OTHER_NAMES[name], f"{H_M_TAGS[0]} '{name}'")


def test_every_symbol_of_pymatgens_table_is_known():
    """An independent table; some of its symbols have two origins, and C m m e two settings."""
    from pymatgen.symmetry.groups import SYMM_DATA

    for symbol, entry in SYMM_DATA["space_group_encoding"].items():
        number = entry["int_number"]
        setting = next(s for s in SETTINGS if group(s).number == number)
        name = symbol.replace("_", "")
        if group(setting).choice in ("1", "2") or name == "Cmme":
            with pytest.raises(ValueError, match="ambiguous symmetry"):
                read_cif(written(setting, f"{H_M_TAGS[0]} '{name}'"))
        else:
            require_read(setting, f"{H_M_TAGS[0]} '{name}'")


WRONG = {
    "nothing": ("", "no symmetry"),
    "unknown": (f"{H_M_TAGS[0]} ?", "no symmetry"),
    "misspelt": (f"{H_M_TAGS[0]} 'P 21/q'", "'P 21/q' is not a known space group; .*'P 21/n'"),
    "number_0": ("_space_group_IT_number 0", "is not a known space group"),
    "number_231": ("_space_group_IT_number 231", "is not a known space group"),
    "names_differ": (f"{H_M_TAGS[0]} 'P -1'\n_space_group_IT_number 14", "contradictory symmetry"),
    "tags_differ": (f"{H_M_TAGS[0]} 'P -1'\n{H_M_TAGS[1]} 'P 1'", "contradictory symmetry"),
    "hall_differs": (f"{H_M_TAGS[0]} 'P 1'\n{HALL_TAGS[0]} '-P 1'", "contradictory symmetry"),
    "lists_differ": (f"{listed(1)}\n{listed(2, LIST_TAGS[1])}", "contradictory symmetry"),
    "twice": (f"{H_M_TAGS[0]} 'P 1'\n{H_M_TAGS[0]} 'P -1'", "is given twice"),
    "cell_differs": (f"{H_M_TAGS[0]} 'F m -3 m'", "edges and angles of the cell do not have"),
    "operations_differ_from_cell": (listed(523), "edges and angles of the cell do not have"),
    "no_group": (f"loop_\n{LIST_TAGS[0]}\n'x,y,z'\n'x+1/3,y,z'", "do not form a group"),
    "no_identity": (f"loop_\n{LIST_TAGS[0]}\n'-x,-y,-z'", "do not form a group"),
    "no_operation": (f"loop_\n{LIST_TAGS[0]}\n'x,y,z'\n'x,y'", "'x,y' is not a symmetry operation"),
    "word": (f"loop_\n{LIST_TAGS[0]}\n'x,y,w'", "'x,y,w' is not a symmetry operation"),
    "flat": (f"loop_\n{LIST_TAGS[0]}\n'x,x,z'", "does not map the lattice onto itself"),
    "magnetic": ("loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1", "magnetic"),
    "modulated": (f"{H_M_TAGS[0]} 'P 1'\n_cell_modulation_dimension 1", "modulated"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_symmetry_that_is_not_certain_is_refused_with_the_reason(name):
    symmetry, reason = WRONG[name]
    with pytest.raises(ValueError, match=reason):
        read_cif(written(1, symmetry))


def test_a_name_that_no_table_has_is_noted_beside_operations_and_a_hall_symbol():
    for symmetry in (listed(81), f"{HALL_TAGS[0]} '-P 2ybc'"):
        read = require_read(81, f"{H_M_TAGS[0]} 'P 21/c (No. 14)'\n{symmetry}")
        assert "'P 21/c (No. 14)' is in no table" in read.note


def test_the_unique_axis_follows_from_the_cell():
    for setting, name in ((83, "P 21/a"), (84, "P 21/a"), (86, "P 21/b"), (87, "P 21/b")):
        require_read(setting, f"{H_M_TAGS[0]} '{name}'")
    right = written(115, f"{H_M_TAGS[0]} 'P 21/a'", two_points(115)[1:])
    read = read_cif(right)
    assert "'P 21/a' is 'P 1 21/a 1'" in read.note


def test_of_two_origins_the_formula_sum_decides():
    """Spinel, MgAl2O4: the other origin would have Mg2AlO4. Source: Hill, Craig and Gibbs 1979."""
    rows = "Mg Mg 0.125 0.125 0.125\nAl Al 0.5 0.5 0.5\nO O 0.2624 0.2624 0.2624"
    cell = "".join(f"_cell_length_{x} 8.083\n" for x in "abc")
    cell += "".join(f"_cell_angle_{x} 90\n" for x in ("alpha", "beta", "gamma"))
    sites = "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    text = f"data_x\n{cell}{H_M_TAGS[0]} 'F d -3 m'\n"
    with pytest.raises(ValueError, match="ambiguous symmetry: 'F d -3 m :1' or 'F d -3 m :2'"):
        read_cif(text + sites + rows)
    read = read_cif(f"{text}_chemical_formula_sum 'Al2 Mg O4'\n{sites}{rows}")
    assert len(read.cell[1]) == 56 and "'F d -3 m :2' of " in read.note


def test_operations_in_any_spelling_are_those_of_pymatgen():
    for text in (
        "x,y,z",
        "-Y, X-Y, Z+1/3",
        "1/2+x,1/2-y,-z",
        "x+0.5,-y+.25,z",
        "-x+y , y,-z + 2/3",
    ):
        (rotation,), (translation,) = parse_operations([text])
        expected = SymmOp.from_xyz_str(text)
        assert np.array_equal(rotation, expected.rotation_matrix)
        assert translation == pytest.approx(expected.translation_vector % 1)
