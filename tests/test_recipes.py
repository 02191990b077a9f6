"""The tables of solutions and of the user's own ions: what they become, and every fault in one sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from nernstfit.commands.main import main
from nernstfit.contract import tables
from nernstfit.contract.codes import Code
from nernstfit.experiment import solution_table
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import solution_findings

BATH = "solution,NaCl,KCl,CaCl2,MgCl2,HEPES,glucose,pH,titrant\n"


def parsed(folder: Path, text: str, species: str = "") -> tuple[Solutions, list[str]]:
    (folder / "s.csv").write_text(text, encoding="utf-8")
    own, faults = (), []
    if species:
        (folder / "species.csv").write_text(species, encoding="utf-8")
        own, faults = solution_table.read_species(str(folder / "species.csv"))
    found, more = solution_table.parse(tables.read(folder / "s.csv"), "s.csv", own)
    return found, [*(fault.replace(f"{folder}/", "") for fault in faults), *more]


def sound(folder: Path, text: str, species: str = "") -> Solutions:
    found, faults = parsed(folder, text, species)
    assert not faults
    return found


def fault(folder: Path, text: str, species: str = "") -> str:
    _, faults = parsed(folder, text, species)
    assert len(faults) == 1, faults
    return faults[0]


def free(found: Solutions, name: str, temperature_C: float = 22.0) -> dict[str, float]:
    row = found.row(name, temperature_C).tolist()
    return {ion.name: c for ion, c in zip(found.ions, row, strict=True) if c > 0}


def total(found: Solutions, name: str, temperature_C: float = 22.0) -> dict[str, float]:
    row = found.at(temperature_C).total_mM[found.names.index(name)].tolist()
    return {ion.name: c for ion, c in zip(found.ions, row, strict=True)}


# Recipes at a pH


def test_a_bath_with_its_titrant_is_neutral(tmp_path: Path) -> None:
    found = sound(tmp_path, f"{BATH}bath,140,5,2,1,10,10,7.4,NaOH\n")
    at = free(found, "bath")
    assert found.charge_excess_meq_per_l(22.0) == pytest.approx([0.0], abs=1e-12)
    assert at["Na"] == pytest.approx(140 + at["HEPES"], abs=1e-3)
    assert 3.5 < at["HEPES"] < 5.5
    charged = at["HEPES"] + at["[H2-HEPES]+"]
    assert found.at(22.0).uncharged_mM[0] == pytest.approx(10 + 10 - charged, abs=1e-9)


def test_a_titrant_given_as_an_amount_does_the_same(tmp_path: Path) -> None:
    computed = sound(tmp_path, f"{BATH}bath,140,5,2,1,10,10,7.4,NaOH\n")
    amount = float(computed.at(22.0).titrant_mM[0])
    typed = sound(tmp_path, f"solution,NaCl,KCl,CaCl2,MgCl2,HEPES,NaOH,pH\nbath,140,5,2,1,10,{amount!r},7.4\n")
    assert free(typed, "bath") == pytest.approx(free(computed, "bath"), rel=1e-9)
    assert abs(float(typed.charge_excess_meq_per_l(22.0)[0])) < 1e-9


@pytest.mark.parametrize(
    ("salts", "titrant"),
    [
        ("CaCl2,HEPES", "Ca(OH)2"),
        ("BaCl2,HEPES", "Ba(OH)2"),
        ("MgCl2,HEPES", "Mg(OH)2"),
        ("K2SO4,Tris", "H2SO4"),
    ],
)
def test_a_titrant_of_two_charges(tmp_path: Path, salts: str, titrant: str) -> None:
    """Half as much of it as there are charges to balance; typed as an amount, it leads to the same pH."""
    found = sound(tmp_path, f"solution,{salts},pH,titrant\nx,100,10,7.4,{titrant}\n")
    amount, at = float(found.at(22.0).titrant_mM[0]), free(found, "x")
    buffered = at["HEPES"] if "HEPES" in at else at["Tris"]
    assert amount == pytest.approx(buffered / 2, rel=0.05)  # sulfate and metals bind a little
    assert found.charge_excess_meq_per_l(22.0) == pytest.approx([0.0], abs=1e-9)
    typed = sound(tmp_path, f"solution,{salts},{titrant}\nx,100,10,{amount!r}\n")
    assert typed.at(22.0).pH[0] == pytest.approx(7.4, abs=1e-6)


@pytest.mark.parametrize("text", ["Ca", "CaCl2", "SO4", "glucose"])
def test_what_is_no_acid_or_base_is_no_titrant(tmp_path: Path, text: str) -> None:
    assert "expected an acid or base" in fault(tmp_path, f"solution,NaCl,HEPES,pH,titrant\nx,100,10,7.4,{text}\n")


def test_a_titrant_of_the_wrong_sign_at_the_temperature_is_told(tmp_path: Path) -> None:
    """The pKa of Tris falls by .03 per degree: what takes an acid at 22 C takes a base at 32 C."""
    recipe = "solution,Na2SO4,K-glutamate,Tris,pH,titrant\nx,93.15,103.66,10,8.11,HCl\n"
    found = sound(tmp_path, recipe)
    (warm,) = (each for each in solution_findings(found, 31.7, "davies")["x"] if each.code is Code.TITRANT)
    assert "leave -0.61 meq/l, which needs a base: no HCl is added" in warm.sentence
    assert Code.TITRANT not in {each.code for each in solution_findings(found, 22.0, "davies")["x"]}


def test_a_pipette_with_chelators(tmp_path: Path) -> None:
    text = "solution,KCl,K-gluconate,EGTA,CaCl2,MgATP,Na-GTP,HEPES,pH,titrant\npip,8,122,10,1,4,0.3,10,7.2,KOH\n"
    found = sound(tmp_path, text)
    at, whole = free(found, "pip"), total(found, "pip")
    assert 1e-5 < at["Ca"] < 4e-5  # 10 to 40 nM
    assert 0.3 < at["Mg"] < 0.8
    assert (whole["Ca"], whole["Mg"], whole["EGTA2"], whole["[CaEGTA]2-"]) == pytest.approx((1, 4, 10, 10))
    assert whole["K"] == pytest.approx(130 + found.at(22.0).titrant_mM[0])
    assert math.isnan(whole["OH"])


def test_the_salt_that_a_chelator_came_as_does_not_count(tmp_path: Path) -> None:
    acid = sound(tmp_path, "solution,KCl,EGTA,CaCl2,HEPES,pH,titrant\npip,130,10,1,10,7.2,KOH\n")
    salt = sound(tmp_path, "solution,KCl,K4-EGTA,CaCl2,HEPES,HCl,pH\npip,130,10,1,10,0,7.2\n")
    assert free(salt, "pip")["Ca"] == pytest.approx(free(acid, "pip")["Ca"], rel=0.02)


def test_an_acid_by_name_and_a_base(tmp_path: Path) -> None:
    found = sound(tmp_path, "solution,gluconic acid,HEPES,KCl,pH,titrant\npip,120,10,20,7.2,KOH\n")
    at = free(found, "pip")
    assert total(found, "pip")["gluconate"] == pytest.approx(120)
    assert at["K"] == pytest.approx(20 + at["gluconate"] + at["HEPES"], abs=1e-3)
    nmdg = sound(tmp_path, "solution,NMDG,HEPES,pH,titrant\nbath,145,10,7.4,HCl\n")
    of_nmdg = free(nmdg, "bath")
    assert of_nmdg["Cl"] == pytest.approx(of_nmdg["NMDG"] - of_nmdg["HEPES"], abs=1e-3)
    # The base of pKa 9.6 is charged but for 1 part in 10^2.3 at 22 C; -log10 of the coefficient is .12.
    assert 1 - of_nmdg["NMDG"] / 145 == pytest.approx(10 ** (7.4 - 9.6 - 0.12 - 0.09), rel=0.1)


def test_temperature_moves_the_equilibria(tmp_path: Path) -> None:
    found = sound(tmp_path, f"{BATH}bath,140,5,2,1,10,10,7.4,NaOH\n")
    assert free(found, "bath", 37.0)["HEPES"] > 1.1 * free(found, "bath", 22.0)["HEPES"]


def test_without_a_pH_a_component_is_the_ion_of_that_name(tmp_path: Path) -> None:
    found = sound(tmp_path, "solution,NaCl,HEPES,Na,EGTA2,K,pH\nbath,140,10,10,,,\npip,,,,1,2,\n")
    assert free(found, "bath") == {"Na": 150, "Cl": 140, "HEPES": 10}
    assert free(found, "pip") == {"EGTA2": 1, "K": 2}


def test_the_order_of_rows_and_columns_changes_no_bit(tmp_path: Path) -> None:
    one = sound(tmp_path, "solution,KCl,EGTA,CaCl2,HEPES,pH,titrant\na,130,10,1,10,7.2,KOH\nb,5,,2,10,7.4,KOH\n")
    other = sound(tmp_path, "titrant,CaCl2,pH,HEPES,EGTA,solution,KCl\nKOH,2,7.4,10,,b,5\nKOH,1,7.2,10,10,a,130\n")
    assert one.ions == other.ions
    assert (one.at(22.0).free_mM == other.at(22.0).free_mM).all()


def test_acid_and_base_without_a_pH_react(tmp_path: Path) -> None:
    found = sound(tmp_path, "solution,NaCl,HEPES,NaOH,NH4Cl\nh,140,10,5,\nn,140,,5,10\n")
    for name, at in {"h": free(found, "h"), "n": free(found, "n")}.items():
        assert at["OH"] < 0.05
        assert at["HEPES" if name == "h" else "NH4"] == pytest.approx(5.0, abs=0.05)
    assert found.at(22.0).pH == pytest.approx((7.5, 9.5), abs=0.1)
    assert found.charge_excess_meq_per_l(22.0) == pytest.approx([0.0, 0.0], abs=1e-7)
    reported = solution_findings(sound(tmp_path, "solution,Na,Cl,HEPES,NaOH\nx,100,140,10,5\n"), 22.0, "davies")["x"]
    assert "charge excess -40 meq/l" in reported[0].sentence
    assert "the pH of " in reported[0].sentence


@pytest.mark.parametrize(
    ("salt", "saturated_M"),
    # CRC Handbook (unverified), from mass percent and density at 25 C
    [("KCl", 4.17), ("NaCl", 5.43), ("K2SO4", 0.67)],
)
def test_more_salt_than_dissolves_is_said(tmp_path: Path, salt: str, saturated_M: float) -> None:
    for share, is_said in ((0.97, False), (1.1, True)):
        found = sound(tmp_path, f"solution,{salt}\nx,{1000 * share * saturated_M}\n")
        codes = [each.code for each in solution_findings(found, 25.0, "pitzer:macinnes")["x"]]
        assert (Code.BEYOND_SOLUBILITY in codes) == is_said


# Faults


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("solution,NaCl,kaljum\nb,140,5\n", "s.csv: row 1, column 'kaljum': 'kaljum' is no ion, salt or uncharged"),
        ("solution,NaCl2\nb,140\n", "s.csv: row 1, column 'NaCl2': 'NaCl2' reads as 1 Na (+1) and 2 Cl (-1), whose"),
        (
            "solution,NaCl\nb,-140\n",
            "s.csv: row 2, column 'NaCl': got -140, expected a number from 0 to 20000 (mM)",
        ),
        (
            "solution,NaCl\nb,20001\n",
            "s.csv: row 2, column 'NaCl': got 20001, expected a number from 0 to 20000 (mM)",
        ),
        (
            "solution,NaCl,pH,titrant\nb,140,3,NaOH\n",
            "s.csv: row 2, column 'titrant': got 'NaOH', but the other components leave +1.31 meq/l at pH 3",
        ),
        ("solution,NaCl,HEPES,pH\nb,140,5,74\n", "s.csv: row 2, column 'pH': got 74, expected a number from 0 to 14"),
        (
            "solution,BaCl2,BAPTA,pH\nb,1,5,7.2\n",
            "s.csv: row 2, column 'pH': got 7.2, but no stability constant of BAPTA4 with Ba is known",
        ),
        (
            "solution,KCl,EGTA,pH\nb,140,5,\n",
            "s.csv: row 2, column 'EGTA': got 5 without a pH: 'EGTA' can be read as EGTA2, EGTA3 or EGTA4: spell out",
        ),
        (
            "solution,dichloroacetic acid,KCl\nb,100,30\n",
            "s.csv: row 2, column 'dichloroacetic acid': got 100 without a pH: 'dichloroacetic acid' is a weak acid",
        ),
        (
            f"{BATH}bath,140,5,2,1,10,10,,NaOH\n",
            "s.csv: row 2, column 'titrant': got 'NaOH' without a pH, expected the pH to which it was titrated",
        ),
        (
            f"{BATH}bath,140,5,2,1,10,10,7.4,HCl\n",
            "s.csv: row 2, column 'titrant': got 'HCl', but the other components leave -4.7",
        ),
        (
            f"{BATH}bath,140,5,2,1,10,10,7.4,soda\n",
            "s.csv: row 2, column 'titrant': got 'soda', expected an acid or base such as NaOH, KOH, Ca(OH)2, HCl or",
        ),
    ],
)
def test_a_fault_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    assert fault(tmp_path, text).startswith(said)


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    _, faults = parsed(tmp_path, "solution,NaCl,x1,EGTA,pH,titrant\na,-1,,,,\nb,1,2,3,,\nc,140,,,11.5,HCl\n")
    assert [text.split(":")[1] for text in faults] == [
        " row 2, column 'NaCl'",
        " row 1, column 'x1'",
        " row 3, column 'EGTA'",
        " row 4, column 'titrant'",
    ]


# Cautions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{BATH}x,140,5,2,1,10,10,7.4,\n", "likely missing is Na, of the base that set the pH (column 'titrant')"),
        (
            "solution,NaCl,HEPES\nx,140,10\n",
            "): without a pH HEPES counts as written, and that state of protonation is open",
        ),
        (
            "solution,NaCl,K\nx,140,10\n",
            "+10 meq/l (+6.7 % of the cations' charge): likely missing is Cl",
        ),
        ("solution,NaCl\nx,50\n", "osmolality 95 mOsm/kg, outside the 150 to 450 of solutions for vertebrate cells"),
        ("solution,KCl,EGTA,CaCl2,HEPES,pH,titrant\nx,130,1,0.99,10,7.2,KOH\n", "EGTA is 9"),
        (
            "solution,NaCl,Tris-Cl,pH\nx,120,20,6.7\n",
            "pH 6.7 is 1.5 from the nearest pKa (8.16): it is hardly",
        ),
        ("solution,NaCl,pH\nx,140,7.4\n", "pH 7.4 is that of no buffer: it is hardly buffered"),
        ("solution,NaCl,Na-acetate,pH\nx,140,5,7.4\n", "pH 7.4 is 2.6 from the nearest pKa (4.76): it is hardly"),
        (
            "solution,KCl,K4-EGTA,CaCl2\nx,130,5,1\n",
            "Ca beside EGTA4 counts as free: binding is calculated only with a pH",
        ),
    ],
)
def test_what_is_remarkable_is_said(tmp_path: Path, text: str, said: str) -> None:
    found = solution_findings(sound(tmp_path, text), 22.0, "pitzer:macinnes")["x"]
    assert any(said in finding.sentence for finding in found), found


def test_ionic_strength_is_held_against_the_model(tmp_path: Path) -> None:
    found = sound(tmp_path, "solution,KCl\nbridge,3000\n")
    assert solution_findings(found, 25.0, "pitzer:macinnes")["bridge"] == ()
    (finding,) = solution_findings(found, 25.0, "davies")["bridge"]
    assert finding.sentence == "solution 'bridge': ionic strength 3 mol/l, above 0.5, the limit of davies"


def test_a_complete_recipe_is_not_remarkable(tmp_path: Path) -> None:
    found = sound(tmp_path, f"{BATH}bath,140,5,2,1,10,10,7.4,NaOH\n")
    assert solution_findings(found, 22.0, "pitzer:macinnes") == {"bath": ()}


# The user's own ions

SPECIES = "species,charge,mobility,analogue,source\nPIPES,-1,0.3,Cl,estimate\nguanidinium,1,0.7,K,own measurement\n"


def test_own_ions_are_ions_like_the_others(tmp_path: Path) -> None:
    found = sound(tmp_path, "solution,Na-PIPES,guanidinium-Cl,NaCl\nx,10,30,100\n", SPECIES)
    assert free(found, "x") == {"Na": 110, "PIPES": 10, "guanidinium": 30, "Cl": 130}
    own = {ion.name: ion for ion in found.ions}["guanidinium"]
    assert (own.valence, own.mobility, own.mobility_percent, own.analogue) == (1, 0.7, 10.0, "K")
    assert found.known["PIPES"].source == "estimate"
    statuses = found.coefficient_status("pitzer:macinnes", 25.0)[0]
    assert statuses[[ion.name for ion in found.ions].index("guanidinium")].startswith("analogue:")


def test_own_values_of_a_known_ion_take_its_place(tmp_path: Path) -> None:
    found = sound(
        tmp_path,
        "solution,NMDG-Cl\nx,140\n",
        "species,charge,mobility,analogue,source,mobility_percent\nNMDG,1,0.29,,our own,2\n",
    )
    ion = {ion.name: ion for ion in found.ions}["NMDG"]
    assert (ion.mobility, ion.mobility_percent, ion.analogue) == (0.29, 2.0, "ethylammonium")


def test_own_buffers_buffer(tmp_path: Path) -> None:
    species = "species,charge,mobility,analogue,source,pKa,pKa_kJ_per_mol\nTES,-1,0.3,Cl,x,7.55,32.1\n"
    found = sound(tmp_path, "solution,NaCl,TES,pH,titrant\nx,140,10,7.45,NaOH\n", species)
    assert free(found, "x")["TES"] == pytest.approx(5, abs=0.7)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("X,1.5,0.3,,a", "species.csv: row 2, column 'charge': got 1.5, expected a charge such as 1, 2, -1 or -2"),
        ("X,1,30,,a", "species.csv: row 2, column 'mobility': got 30, expected a mobility relative to that of K"),
        ("X,1,0.3,,", "species.csv: row 2, column 'source': got nothing, expected a value in every row"),
        ("X,1,0.3,Kalium,a", "species.csv: row 2, column 'analogue': got 'Kalium', which is no known ion"),
        (
            "X,1,0.3,Cl,a",
            "species.csv: row 2, column 'analogue': got 'Cl', whose charge number is -1, expected a known ion with "
            "that of the species, +1",
        ),
        (
            "X,1.5,0.3,,a",
            "species.csv: row 2, column 'charge': got 1.5, expected a charge such as 1, 2, -1 or -2, or 0",
        ),
        ("X,1,,,a", "species.csv: row 2, column 'mobility': got nothing, expected a value in every row of an ion"),
        ("X,0,1,,a", "species.csv: row 2, column 'mobility': got 1, expected nothing where the charge is 0"),
        ("X,0,,Cl,a", "species.csv: row 2, column 'analogue': got 'Cl', whose charge number is -1"),
        ("Na,0,,,a", "species.csv: row 2, column 'charge': got 0 for the known ion Na"),
        ("Na,2,0.3,,a", "species.csv: row 2, column 'charge': got 2 for the known ion Na, expected +1"),
    ],
)
def test_faults_of_the_species_table(tmp_path: Path, row: str, said: str) -> None:
    text = f"species,charge,mobility,analogue,source\n{row}\n"
    assert fault(tmp_path, "solution,NaCl\nx,140\n", text).startswith(said)


def test_a_column_is_missing_from_the_species_table(tmp_path: Path) -> None:
    assert fault(tmp_path, "solution,NaCl\nx,140\n", "species,charge,mobility,source\nX,1,1,a\n") == (
        "species.csv: row 1: column 'analogue' is missing (got species, charge, mobility, source); it is required"
    )


# The command


def test_the_command_shows_ions_then_solutions_then_what_is_remarkable(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"{BATH}bath,140,5,2,1,10,10,7.4,NaOH\nbad,140,5,2,1,10,10,7.4,\n", encoding="utf-8")
    shown = CliRunner().invoke(main, ["solutions", str(path), "--temperature-C", "25"])
    assert shown.exit_code == 0
    ions, whole = shown.stdout.split("\n\n")
    assert ions.splitlines()[0].split() == [
        *("solution", "ion", "valence", "total_mM", "concentration_mM"),
        *("activity_coefficient", "activity_mM", "status"),
    ]
    assert [line.split()[0] for line in whole.splitlines()] == ["solution", "bad", "bath"]
    assert shown.stderr.startswith("solution 'bad': charge excess -4.")


def test_the_command_gives_numbers_as_json(tmp_path: Path) -> None:
    path, species = tmp_path / "s.csv", tmp_path / "species.csv"
    path.write_text("solution,K-PIPES\nx,140\n", encoding="utf-8")
    species.write_text(SPECIES, encoding="utf-8")
    shown = CliRunner().invoke(main, ["solutions", str(path), "--species", str(species), "--json"])
    rows = json.loads(shown.stdout)
    assert [(row["ion"], row["concentration_mM"], row["pH"]) for row in rows] == [
        ("K", 140.0, None),
        ("PIPES", 140.0, None),
    ]


@pytest.mark.parametrize("metal", ["Mn", "Co", "Ni", "Zn", "Cu"])
@pytest.mark.parametrize("model", ["pitzer:macinnes", "davies"])
def test_chlorides_that_parameters_contain_are_not_called_missing(tmp_path: Path, metal: str, model: str) -> None:
    """Mn, Zn and Cu have constants too; Co and Ni with chloride have none, but Pitzer's table has their salts."""
    found = solution_findings(sound(tmp_path, f"solution,NaCl,{metal}Cl2\nx,140,2\n"), 22.0, model)["x"]
    named = Code.UNKNOWN_COMPLEX in {each.code for each in found}
    assert named == (model == "davies" and metal in ("Co", "Ni"))
