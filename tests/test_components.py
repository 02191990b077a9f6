"""Components of recipes: buffers, substitutes, organic cations, salts written as one word, and ions of one's own."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from importlib.resources import files

import pandas as pd
import pytest

from nernstfit.experiment import solution_table
from nernstfit.library.nernst import unknown_ion
from nernstfit.physics.solution import equilibria
from nernstfit.physics.solution.components import UnknownComponent, components, components_at_pH, uncharged_name
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.reactions import known_acid_steps
from nernstfit.solutions.composition import Solutions

ROWS = list(csv.DictReader(files("nernstfit.physics.solution").joinpath("ions.csv").read_text("utf-8").splitlines()))


def parsed_table(text: str) -> tuple[Solutions, list[str]]:
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return solution_table.parse(table, "solutions.csv")


KNOWN = """
phosphocreatine methylsulfate PIPES TES BES Bis-Tris TAPS CHES CAPS imidazole histidine glycine taurine pyruvate
    ascorbate guanidinium hydrazinium hydroxylammonium formamidinium acetamidinium aminoguanidinium methylammonium
    dimethylammonium trimethylammonium tetramethylammonium ethylammonium diethylammonium ethanolammonium cyclamate
    perchlorate tungstate spermine spermidine QX-314 Ca-gluconate Mg-gluconate Ba-acetate Ca-methanesulfonate
    Na2-phosphocreatine Na-methylsulfate K-PIPES QX-314-Br imidazole-HCl Na-cyclamate Na2WO4 Na-pyruvate
    guanidinium-Cl
"""


@pytest.mark.parametrize(
    "name",
    KNOWN.split(),
)
def test_component_is_known_at_a_pH(name: str) -> None:
    assert components_at_pH(name)


@pytest.mark.parametrize(
    ("name", "anion", "count"),
    [
        ("Ca-gluconate", "gluconate", 2),
        ("Mg-aspartate", "aspartate", 2),
        ("Ba-acetate", "acetate", 2),
        ("La-acetate", "acetate", 3),
    ],
)
def test_a_salt_without_counts_is_neutral(name: str, anion: str, count: int) -> None:
    (cation, one), (other, found) = components(name)
    assert (one, other.name, found) == (1, anion, count)
    assert cation.valence == count


@pytest.mark.parametrize("name", ["CaCl", "Na-succinate", "MgCl", "Ca-ATP4", "Na-SO4"])
def test_counts_are_guessed_for_no_other_salt(name: str) -> None:
    with pytest.raises(UnknownComponent, match="does not balance"):
        components(name)


def test_an_unknown_name_says_how_an_ion_is_added() -> None:
    with pytest.raises(UnknownComponent, match="one line, species,charge,mobility,analogue,source") as refusal:
        components("Na-frobnate")
    assert "`species`" in str(refusal.value)


@pytest.mark.parametrize(
    ("component", "ion", "pKa"),
    [
        # The NIST database at 25 C and 0.1 M; constants of concentrations, to which -log10 of the coefficient of H
        # is added, 0.107. Of PIPES and BES it lists those of measurements with a pH electrode, which hold it already.
        ("BES", "BES", 7.11),
        ("PIPES", "PIPES2", 6.93),
        ("glycine", "glycinate", 9.57 + 0.107),
        ("taurine", "taurinate", 8.90 + 0.107),
        ("histidine", "histidinium", 6.05 + 0.107),
        ("ascorbate", "ascorbate", 4.02 + 0.107),
        ("Bis-Tris", "BisTris", 6.54 + 0.107),
    ],
)
def test_a_buffer_has_its_published_pKa(component: str, ion: str, pKa: float) -> None:
    solutions, faults = parsed_table(f"solution,KCl,{component},pH\na,95,10,{pKa}\n")
    assert faults == []
    found = dict(zip([each.name for each in solutions.ions], solutions.row("a", 25.0), strict=True))
    log_ratio = math.log10(found[ion] / (10 - found[ion])) * (1 if IONS[ion].valence < 0 else -1)
    assert pKa - log_ratio == pytest.approx(pKa, abs=0.12)  # 0.11 for PIPES, 0.07 or less for the others


def test_zwitterions_without_a_pH_have_no_charge() -> None:
    solutions, faults = parsed_table("solution,NaCl,glycine,taurine,imidazole\na,140,10,10,\nb,140,,,5\n")
    assert faults == []
    assert {ion.name for ion in solutions.ions} == {"Na", "Cl"}
    assert solutions.uncharged_mM.tolist() == [20.0, 5.0]


def test_spermine_is_no_metal() -> None:
    """It has four charges, and a chelator beside it needs no constant."""
    solutions, faults = parsed_table("solution,KCl,spermine,EGTA,CaCl2,HEPES,pH,titrant\na,140,1,5,1,10,7.4,KOH\n")
    assert faults == []
    found = dict(zip([each.name for each in solutions.ions], solutions.row("a", 25.0), strict=True))
    # Third to fourth proton: log K 7.91 at 0.1 M, where 3+ and H repel each other less than in dilute water.
    assert sum(found[name] for name in ("spermine4", "spermine3", "spermine2", "[H-spermine]+")) == pytest.approx(1.0)
    assert 0.5 < found["spermine4"] < 0.95
    assert solutions.charge_excess_meq_per_l(25.0)[0] == pytest.approx(0.0, abs=1e-6)


def estimates() -> list[dict[str, str]]:
    return [row for row in ROWS if "estimate from the molar mass" in row["source"]]


def test_mobilities_from_the_molar_mass_follow_the_table() -> None:
    """The stated formula is the least-squares line through the organic ions with a sourced conductivity."""
    assert len(estimates()) > 40
    for row in estimates():
        a, b = map(float, re.search(r"M: ([\d.]+) M\^-([\d.]+)", row["source"]).groups())  # type: ignore[union-attr]
        z = abs(int(row["valence"]))
        value = a * float(row["molar_mass_g_per_mol"]) ** -b * z**-0.317
        assert float(row["mobility"]) == pytest.approx(value, rel=0.003), row["ion"]
        assert row["mobility_percent"] == "10"


@pytest.mark.parametrize(("sign", "scatter"), [(1, 0.11), (-1, 0.12)])
def test_the_estimate_holds_for_measured_ions(sign: int, scatter: float) -> None:
    """Those with a sourced conductivity leave what docs/solutions.md says."""
    a, b = (5.671, 0.5428) if sign > 0 else (1.594, 0.2406)
    errors = []
    for row in ROWS:
        organic = re.search("C(?![a-z])", row["formula"]) and "H" in row["formula"] and row["ion"] != "HCO3"
        if organic and "limiting equivalent" in row["source"] and int(row["valence"]) * sign > 0:
            z = abs(int(row["valence"]))
            estimate = a * float(row["molar_mass_g_per_mol"]) ** -b * z**-0.317
            errors.append(math.log(float(row["mobility"]) / estimate))
    assert len(errors) > 15
    assert math.sqrt(sum(e * e for e in errors) / len(errors)) < scatter


def test_substitutes_have_their_charge() -> None:
    charges = {"phosphocreatine": -2, "methylsulfate": -1, "WO4": -2, "spermidine": 3, "QX-314": 1, "guanidinium": 1}
    assert {name: IONS[name].valence for name in charges} == charges


@pytest.mark.parametrize(
    ("hydrate", "salt"),
    [
        ("CaCl2.2H2O", "CaCl2"),
        ("CaCl2*2H2O", "CaCl2"),
        ("CaCl2\u00b72H2O", "CaCl2"),
        ("CaCl2 x 2 H2O", "CaCl2"),
        ("CaCl2(H2O)2", "CaCl2"),
        ("CaCl2 dihydrate", "CaCl2"),
        ("MgSO4.7H2O", "MgSO4"),
        ("MgCl2 6H2O", "MgCl2"),
        ("MgCl2-hexahydrate", "MgCl2"),
        ("Na2HPO4.12H2O", "Na2HPO4"),
        ("K-gluconate monohydrate", "K-gluconate"),
        ("CaSO4.0.5H2O", "CaSO4"),
    ],
)
def test_a_hydrate_is_its_salt(hydrate: str, salt: str) -> None:
    assert components(hydrate) == components_at_pH(hydrate) == components(salt)


def test_a_hydrate_of_an_uncharged_substance() -> None:
    assert [uncharged_name(name) for name in ("glucose.H2O", "trehalose dihydrate", "H2O")] == [
        "glucose",
        "trehalose",
        "",
    ]


@pytest.mark.parametrize(
    ("acid", "anion"),
    [
        ("acetic acid", "acetate"),
        ("gluconic acid", "gluconate"),
        ("D-Gluconic acid", "gluconate"),
        ("lactic acid", "lactate"),
        ("L-glutamic acid", "glutamate"),
        ("aspartic acid", "aspartate"),
        ("citric acid", "citrate"),
        ("succinic acid", "succinate"),
        ("phosphoric acid", "H2PO4"),
        ("methanesulfonic acid", "methanesulfonate"),
        ("isethionic acid", "isethionate"),
        ("sulfuric acid", "SO4"),
    ],
)
def test_an_acid_in_words_is_its_protons_and_its_anion(acid: str, anion: str) -> None:
    assert components_at_pH(acid) == ((IONS["H"], -IONS[anion].valence), (IONS[anion], 1))


def test_a_weak_acid_needs_a_pKa_or_a_pH() -> None:
    solutions, faults = parsed_table("solution,gluconic acid,KOH,HEPES\na,120,110,\nb,120,125,10\n")
    assert faults == []
    found = dict(zip([each.name for each in solutions.ions], solutions.row("a", 25.0), strict=True))
    assert found["gluconate"] == pytest.approx(110.0, abs=0.1)
    exponent = 0.11  # -log10 of the coefficient of a univalent ion in .11 mol/l
    assert solutions.at(25.0).pH == pytest.approx((3.67 - exponent + math.log10(11), 7.564 - exponent), abs=0.02)
    _, faults = parsed_table("solution,dichloroacetic acid,KOH\na,10,15\n")
    assert len(faults) == 1
    assert "'dichloroacetic acid' is a weak acid, whose ions depend on the pH, or give a value in column 'pH'" in str(
        faults[0]
    )


def test_a_base_settles_every_state_of_protonation() -> None:
    """EGTA takes up the first two equivalents of base near pH 4, the others near 9; histidine is no longer neutral."""
    solutions, faults = parsed_table("solution,KCl,EGTA,CaCl2,KOH,histidine,HCl\na,100,10,5,35,,\nb,100,,,,10,5\n")
    assert faults == []
    ions = [each.name for each in solutions.ions]
    bound = dict(zip(ions, solutions.row("a", 25.0), strict=True))
    assert bound["[CaEGTA]2-"] + bound["[CaHEGTA]-"] == pytest.approx(5.0, abs=0.01)
    assert 8.5 < solutions.at(25.0).pH[0] < 9.5
    assert dict(zip(ions, solutions.row("b", 25.0), strict=True))["histidinium"] == pytest.approx(5.0, abs=0.01)


def test_a_base_beside_a_metal_without_a_constant_is_a_fault() -> None:
    _, faults = parsed_table("solution,KCl,EGTA,GdCl3,KOH\na,100,10,5,30\n")
    assert len(faults) == 1
    assert "got nothing, but no stability constant of EGTA4 with Gd is known" in str(faults[0])
    assert str(faults[0]).endswith("expected only one of the two")


def test_strong_solutions_of_many_charges_are_solved() -> None:
    """The ionic strength oscillates unless its steps are damped."""
    solutions, faults = parsed_table(
        "solution,spermine,CdCl2,AgNO3,GdCl3,NaHCO3,pCO2_mmHg\na,0.02886,0.02084,7.191,177.8,25,38\n"
    )
    assert faults == []
    assert abs(solutions.charge_excess_meq_per_l(25.0)[0]) < 1e-6


@pytest.mark.parametrize("name", ["K-Pi", "KPi", "K-phosphate"])
@pytest.mark.parametrize("reading", [components, components_at_pH])
def test_a_phosphate_buffer_names_what_to_write(name: str, reading: Callable[[str], object]) -> None:
    with pytest.raises(UnknownComponent, match="write 'KH2PO4' and 'K2HPO4', or 'phosphate' with a pH and the base"):
        reading(name)
    assert components_at_pH("Pi") == components_at_pH("phosphate")
    with pytest.raises(UnknownComponent, match="'NH4H2PO4' and '\\(NH4\\)2HPO4'"):
        reading("NH4-Pi")


@pytest.mark.parametrize(
    "name",
    [
        *("TTX", "nifedipine", "BSA", "CPA", "NMDA", "nicotine", "cocaine"),
        *("strychnine", "picrotoxin", "EIPA", "NPPB", ""),
    ],
)
def test_nothing_is_suggested_for_a_name_like_no_other(name: str) -> None:
    with pytest.raises(UnknownComponent) as refusal:
        components(name)
    assert refusal.value.nearest == ""
    assert "nearest" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "salt"),
    [
        ("sodium", "Na"),
        ("Potassium", "K"),
        ("calcium", "Ca"),
        ("chloride", "Cl"),
        ("sulfate", "SO4"),
        ("iodide", "I"),
        ("thallium", "Tl"),
        ("thiosulphate", "S2O3"),
        ("chlorate", "ClO3"),
        ("calcium chloride", "Ca 2Cl"),
        ("sodium sulfate", "2Na SO4"),
        ("CsMeS", "Cs methanesulfonate"),
        ("Tris base", "Tris"),
        ("Tris-HCl", "Tris Cl"),
        ("TrisHCl", "Tris Cl"),
        ("hydrazine-HCl", "hydrazinium Cl"),
        ("hydroxylamine hydrochloride", "hydroxylammonium Cl"),
        ("guanidine-HCl", "guanidinium Cl"),
        ("methylamine-HCl", "methylammonium Cl"),
        ("spermine-4HCl", "spermine4 4Cl"),
        ("histidine-HCl", "histidinium Cl"),
    ],
)
def test_names_in_words_and_hydrochlorides(name: str, salt: str) -> None:
    assert " ".join(f"{n if n > 1 else ''}{ion.name}" for ion, n in components(name)) == salt


@pytest.mark.parametrize(("name", "reason"), [("CsMes", "Cs-methanesulfonate or Cs-MES"), ("iron", "Fe2 or Fe3")])
def test_a_name_of_two_substances_is_refused(name: str, reason: str) -> None:
    with pytest.raises(UnknownComponent, match=reason):
        components(name)


@pytest.mark.parametrize("name", ["NaHCl", "glucose-HCl", "spermine-HCl", "TEA-HCl"])
def test_no_hydrochloride_of_what_takes_no_protons(name: str) -> None:
    with pytest.raises(UnknownComponent):
        components(name)


@pytest.mark.parametrize(("column", "right"), [("pCO2", "pCO2_mmHg"), ("pCO2_kPa", "pCO2_mmHg"), ("CO2", "pCO2_mmHg")])
def test_a_gas_by_another_name_is_told(column: str, right: str) -> None:
    _, faults = parsed_table(f"solution,NaCl,NaHCO3,{column}\na,120,25,40\n")
    assert any(f"column '{column}' is not known; did you mean '{right}'?" in fault for fault in faults)


def test_an_ion_in_words_is_named_by_its_symbol() -> None:
    assert "the nearest is 'Na'" in unknown_ion("sodium", IONS)
    assert "the nearest is 'SO4'" in unknown_ion("sulphate", IONS)


def test_sulfuric_acid_and_sulfate_share_their_protons() -> None:
    """NIST's 1.99 of HSO4, with Davies' coefficients; 50 mM Na2SO4 leave 3.9 of 10 mM protons free."""
    solutions, faults = parsed_table("solution,Na2SO4,H2SO4\na,50,5\n")
    assert faults == []
    found = dict(zip([each.name for each in solutions.ions], solutions.row("a", 25.0), strict=True))
    assert found["H"] == pytest.approx(3.9, abs=0.1)
    assert found["H"] + found["HSO4"] == pytest.approx(10.0, rel=1e-6)
    assert found["SO4"] + found["HSO4"] == pytest.approx(55.0, rel=1e-6)


def test_a_titrant_neutralizes_hydrogensulfate() -> None:
    amount = {}
    for salt in ("KHSO4", "K2SO4"):
        solutions, faults = parsed_table(f"solution,{salt},KCl,HEPES,pH,titrant\na,10,130,10,7.4,KOH\n")
        assert faults == []
        amount[salt] = solutions.at(25.0).titrant_mM[0]
    assert amount["KHSO4"] - amount["K2SO4"] == pytest.approx(10.0, abs=0.15)


@pytest.mark.parametrize("name", ["HEDTA", "HEEDTA", "Na3-HEDTA", "K3HEDTA"])
def test_hydroxyethyl_EDTA_is_no_EDTA_with_a_proton(name: str) -> None:
    assert components_at_pH(name)[-1][0].name == "HEEDTA3"


@pytest.mark.parametrize("name", ["HATP", "HNTA", "HEGTA", "H-EDTA"])
def test_a_proton_before_an_abbreviation_is_not_assumed(name: str) -> None:
    with pytest.raises(UnknownComponent):
        components_at_pH(name)


def test_an_acid_may_be_written_with_the_count_of_its_protons() -> None:
    assert [(ion.name, count) for ion, count in components_at_pH("H4EDTA")] == [("H", 4), ("EDTA4", 1)]


@pytest.mark.parametrize(
    ("buffer", "pH", "titrant"),
    [("HEPES", 4, "HCl"), ("HEPES", 6, "NaOH"), ("EPPS", 4, "HCl"), ("glycine", 3, "HCl"), ("tricine", 3, "HCl")],
)
def test_a_zwitterion_takes_acid_below_its_own_pH(buffer: str, pH: float, titrant: str) -> None:
    other = {"HCl": "NaOH", "NaOH": "HCl"}[titrant]
    solutions, faults = parsed_table(f"solution,choline chloride,{buffer},pH,titrant\na,140,10,{pH},{titrant}\n")
    assert faults == []
    assert solutions.at(25.0).titrant_mM[0] > 0.1
    (fault,) = parsed_table(f"solution,choline chloride,{buffer},pH,titrant\na,140,10,{pH},{other}\n")[1]
    assert f"expected {'an acid' if titrant == 'HCl' else 'a base'}" in fault


def test_chloride_in_excess_is_no_hydrochloride_of_HEPES() -> None:
    solutions, faults = parsed_table("solution,NaCl,Cl,HEPES,NaOH\na,100,40,10,5\n")
    assert faults == []
    assert solutions.charge_excess_meq_per_l(25.0)[0] == pytest.approx(-40, abs=1e-6)


def test_saturated_lime_has_a_part_of_its_calcium_as_hydroxide() -> None:
    """NIST's 1.30 at infinite dilution, with Davies' coefficients: the pH follows from the recipe."""
    solutions, faults = parsed_table("solution,Ca(OH)2\na,15\n")
    assert faults == []
    found = dict(zip([each.name for each in solutions.ions], solutions.row("a", 25.0), strict=True))
    assert found["Ca"] + found["[CaOH]+"] == pytest.approx(15.0, rel=1e-9)
    strength = (4 * found["Ca"] + found["[CaOH]+"] + found["OH"]) / 2000
    log_y = -0.509 * (math.sqrt(strength) / (1 + math.sqrt(strength)) - 0.3 * strength)
    constant = found["[CaOH]+"] / found["Ca"] / (found["OH"] / 1000)
    assert math.log10(constant) == pytest.approx(1.30 + 4 * log_y, abs=0.01)


def test_lime_water_has_the_pH_of_the_standard() -> None:
    """20.3 mmol/kg, saturated at 25 C: pH(S) 12.454, National Bureau of Standards (Bates, Bower & Smith 1956)."""
    solutions, faults = parsed_table("solution,Ca(OH)2\na,20.2\n")
    assert faults == []
    assert solutions.at(25.0).pH[0] == pytest.approx(12.454, abs=0.01)


def test_the_total_of_a_complex_is_that_of_its_ligand() -> None:
    """Where it has more metals than ligands too; ATP with two magnesium counts as ATP."""
    solutions, faults = parsed_table("solution,KCl,MgCl2,Na2ATP,HEPES,pH\na,140,6,4,10,7.2\n")
    assert faults == []
    at = solutions.at(25.0)
    total = dict(zip([each.name for each in solutions.ions], at.total_mM[0].tolist(), strict=True))
    assert (total["Mg"], total["[MgATP]2-"]) == (6.0, 4.0)
    spec = equilibria.speciate({IONS["Mg"]: 6.0, IONS["ATP4"]: 4.0}, known_acid_steps(), 7.2, 25.0)
    assert spec.total_mM["[Mg2ATP]"] == pytest.approx(4.0)


def test_hydrogensulfate_dissociates_without_a_pH() -> None:
    """K is 10^-1.99 at infinite dilution; the exponents of H, SO4 and HSO4 are as 1, 4 and 1."""
    solutions, faults = parsed_table("solution,KHSO4,KCl\na,10,130\n")
    assert faults == []
    found = dict(zip([each.name for each in solutions.ions], solutions.row("a", 25.0), strict=True))
    assert found["H"] == pytest.approx(found["SO4"], rel=1e-6)
    exponent = 0.115  # -log10 of the coefficient of a univalent ion in .145 mol/l, within .01
    constant = 10 ** (-1.99 + 4 * exponent)
    assert found["H"] / 1000 * found["SO4"] / 1000 / (found["HSO4"] / 1000) == pytest.approx(constant, rel=0.1)
