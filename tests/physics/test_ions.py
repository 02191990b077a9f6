import pickle

import pytest

from nernstfit.physics.solution.component_names import ALIASES, UNCHARGED
from nernstfit.physics.solution.components import UnknownComponent, _known_names, components
from nernstfit.physics.solution.ions import IONS

SALTS = """
NaCl: Na Cl | KCl: K Cl | CsCl: Cs Cl | LiBr: Li Br | NaF: Na F | NaI: Na I | TlNO3: Tl NO3 | KOH: K OH
CaCl2: Ca 2Cl | MgCl2: Mg 2Cl | BaCl2: Ba 2Cl | CoCl2: Co 2Cl | LaCl3: La 3Cl | FeCl2: Fe2 2Cl | FeCl3: Fe3 3Cl
K-gluconate: K gluconate | KGluconate: K gluconate | K-Gluconate: K gluconate | K-Gluc: K gluconate
Cs-methanesulfonate: Cs methanesulfonate | CsMeSO3: Cs methanesulfonate | K-Asp: K aspartate | Na-OAc: Na acetate
NMDG-Cl: NMDG Cl | NMDGCl: NMDG Cl | NMG-Cl: NMDG Cl | TEA-Cl: TEA Cl | TEACl: TEA Cl | TEA_Cl: TEA Cl
choline-Cl: choline Cl | choline Cl: choline Cl | ChCl: choline Cl | Tris-Cl: Tris Cl | Tris-HCl: Tris Cl
NH4Cl: NH4 Cl | (NH4)2SO4: 2NH4 SO4 | Na2SO4: 2Na SO4 | CaSO4: Ca SO4 | NaHCO3: Na HCO3 | Na2CO3: 2Na CO3
KH2PO4: K H2PO4 | K2HPO4: 2K HPO4 | Na3PO4: 3Na PO4 | Ca(NO3)2: Ca 2NO3 | Ca(OH)2: Ca 2OH
Ca-gluconate2: Ca 2gluconate | Ca(gluconate)2: Ca 2gluconate | Mg-gluconate2: Mg 2gluconate
Na-HEPES: Na HEPES | K3-citrate: 3K citrate | HCl: H Cl | K-thiocyanate: K SCN | KCN: K CN
Na2ATP: 2Na ATP2 | Na2-ATP: 2Na ATP2 | MgATP: Mg ATP2 | Mg-ATP: Mg ATP2 | Na3-GTP: 3Na GTP3 | Li4GTP: 4Li GTP4
K2-EGTA: 2K EGTA2 | K4-EGTA: 4K EGTA4 | K4-BAPTA: 4K BAPTA4 | K4BAPTA: 4K BAPTA4 | Na2-EGTA2: 2Na EGTA2
"""
READINGS = [entry.split(":") for line in SALTS.strip().splitlines() for entry in line.split(" | ")]


def spelled(name: str) -> str:
    return " ".join(f"{count if count > 1 else ''}{ion.name}" for ion, count in components(name))


@pytest.mark.parametrize(("name", "expected"), READINGS, ids=[name for name, _ in READINGS])
def test_salt(name: str, expected: str) -> None:
    assert spelled(name) == expected.strip()


def test_every_ion_is_its_own_component() -> None:
    assert {name: components(name) for name in IONS} == {name: ((ion, 1),) for name, ion in IONS.items()}


def test_an_uncharged_substance_has_no_ions() -> None:
    assert {name: components(name) for name in UNCHARGED} == dict.fromkeys(UNCHARGED, ())


@pytest.mark.parametrize(
    ("name", "ion"),
    [
        ("Co", "Co"),
        ("CN", "CN"),
        ("CO3", "CO3"),
        ("HPO4", "HPO4"),
        ("Hepes", "HEPES"),
        ("Gluconate", "gluconate"),
        ("CHOLINE", "choline"),
        ("NMG", "NMDG"),
        ("Ac", "acetate"),
        ("BAPTA", "BAPTA4"),
        ("mesylate", "methanesulfonate"),
    ],
)
def test_ion_by_another_spelling(name: str, ion: str) -> None:
    assert components(name) == ((IONS[ion], 1),)


def test_words_ignore_case() -> None:
    assert components("Glucose") == components("DMSO") == ()


def test_every_known_name_is_read_and_neutral() -> None:
    """What a message suggests can be typed."""
    for name in _known_names():
        read = components(name)
        if len(read) > 1:
            assert sum(ion.valence * count for ion, count in read) == 0, name


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Nacl2", "NaCl"),
        ("nacl", "NaCl"),
        ("CO", "Co"),
        ("K-glucnate", "K-gluconate"),
        ("sucros", "sucrose"),
        ("Na2+", "Na"),
        ("NH42SO4", "(NH4)2SO4"),
        ("K2Cl2", "KCl"),
        (" NaCl", "NaCl"),
        ("Ca3+", "Ca"),
        ("HEPSE", "HEPES"),
    ],
)
def test_unknown_name_is_refused(name: str, nearest: str) -> None:
    with pytest.raises(UnknownComponent) as refusal:
        components(name)
    assert refusal.value.name == name
    assert refusal.value.nearest == nearest
    assert str(refusal.value) == (
        f"'{name}' is no ion, salt or uncharged substance that is known; the nearest known is '{nearest}'; one of your "
        "own is one line, species,charge,mobility,analogue,source, in the table that the key (or option) `species` "
        "names: X,1,0.5,,source for an ion X, X,0,,,source for a substance without charge"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "NaCl2",
            "'NaCl2' reads as 1 Na (+1) and 2 Cl (-1), whose charge does not balance; the nearest known is 'NaCl'",
        ),
        (
            "NaSO4",
            "'NaSO4' reads as 1 Na (+1) and 1 SO4 (-2), whose charge does not balance; the nearest known is 'Na2SO4'",
        ),
        ("K-BAPTA", "whose charge does not balance; the nearest known is 'K4-BAPTA4'"),
        ("Na-GTP", "whose charge does not balance; the nearest known is 'Na2-GTP2'"),
    ],
)
def test_unbalanced_salt_is_refused(name: str, message: str) -> None:
    with pytest.raises(UnknownComponent) as refusal:
        components(name)
    assert str(refusal.value).endswith(message)


@pytest.mark.parametrize(
    ("name", "meanings"),
    [
        ("Glu", "glutamate, gluconate or glucose"),
        ("Gluc", "gluconate or glucose"),
        ("K-Glu", "K-glutamate or K-gluconate"),
        ("EGTA", "EGTA2, EGTA3 or EGTA4"),
        ("ATP", "ATP2, ATP3 or ATP4"),
        ("Fe", "Fe2 or Fe3"),
    ],
)
def test_ambiguous_name_is_refused(name: str, meanings: str) -> None:
    with pytest.raises(UnknownComponent) as refusal:
        components(name)
    assert str(refusal.value) == f"'{name}' can be read as {meanings}: spell out which"


def test_the_refusal_survives_a_process_boundary() -> None:
    with pytest.raises(UnknownComponent) as refusal:
        components("Nacl2")
    copy = pickle.loads(pickle.dumps(refusal.value))
    assert (copy.name, copy.nearest, str(copy)) == ("Nacl2", "NaCl", str(refusal.value))


def test_table_of_ions() -> None:
    assert len(IONS) >= 80
    assert not IONS.keys() & UNCHARGED
    for ion in IONS.values():
        assert ion.valence != 0
        assert 0.1 < ion.mobility < 5
        assert ion.mobility_percent in (1, 10, 15)
        assert ion.mobility_percent != 15 or "sources disagree" in ion.source
        assert ion.source
        assert ion.mobility_percent == 10 or "limiting equivalent conductivity" in ion.source


def test_table_has_no_ion_twice() -> None:
    from importlib.resources import files

    rows = files("nernstfit.physics.solution").joinpath("ions.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == len(IONS)


@pytest.mark.parametrize(
    ("name", "valence", "mobility"),
    [
        ("Ca", 2, 0.4048),
        ("Mg", 2, 0.361),
        ("NH4", 1, 1.0),
        ("HPO4", -2, 0.39),
        ("SO4", -2, 0.544),
        ("K", 1, 1.0),
    ],
)
def test_mobility_is_absolute(name: str, valence: int, mobility: float) -> None:
    assert (IONS[name].valence, IONS[name].mobility) == (valence, mobility)


def test_aliases_lead_to_known_names() -> None:
    for spelling, meanings in ALIASES.items():
        assert spelling not in IONS
        assert spelling not in UNCHARGED
        assert all(meaning in IONS or meaning in UNCHARGED for meaning in meanings)


def table() -> list[dict[str, str]]:
    import csv
    from importlib.resources import files

    return list(
        csv.DictReader(files("nernstfit.physics.solution").joinpath("ions.csv").read_text("utf-8").splitlines())
    )


def test_every_number_has_its_source() -> None:
    given = {"molar mass": "molar_mass_g_per_mol", "size": "size_A", "pKa": "pKa", "analogue": "analogue"}

    def is_told(row: dict[str, str]) -> bool:
        numbers = all((f"; {word}: " in row["source"]) == bool(row[column]) for word, column in given.items())
        mobility = bool(row["choice"]) and row["source"].startswith("mobility: ")
        return mobility and numbers and bool(row["pKa"]) == bool(row["pKa_kJ_per_mol"])

    assert len(table()) > 150
    assert [row["ion"] for row in table() if not is_told(row)] == []


@pytest.mark.parametrize(
    ("name", "mass"),
    [
        ("Na", 22.99),
        ("Ca", 40.078),
        ("SO4", 96.06),
        ("NMDG", 196.22),
        ("HEPES", 237.3),
        ("EGTA4", 376.3),
        ("ATP4", 503.15),
    ],
)
def test_molar_mass(name: str, mass: float) -> None:
    """Of the ion, not of its acid or base: HEPES has 238.30, EGTA 380.35, NMDG 195.21, ATP 507.18 g/mol."""
    assert IONS[name].molar_mass_g_per_mol == pytest.approx(mass, abs=0.05)


def test_an_analogue_has_the_same_charge_and_leads_to_an_end() -> None:
    for ion in IONS.values():
        if ion.analogue:
            assert IONS[ion.analogue].valence == ion.valence
            assert ion.analogue != ion.name


@pytest.mark.parametrize(
    ("name", "valence"),
    [("HPO4", -2), ("H2PO4", -1), ("NH4", 1), ("oxalate", -2), ("succinate", -2), ("citrate", -3), ("malonate", -2)],
)
def test_charges_that_public_lists_have_wrong(name: str, valence: int) -> None:
    """Public lists have HPO4 with -1, NH4 as NH with +4, malonate with -1 and 4-aminopyridine with +2."""
    assert IONS[name].valence == valence
    assert not {"NH", "4-AP"} & IONS.keys()
