"""Acids, bases, chelators and metals at a pH: against published constants, balances and another way to solve."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from nernstfit.physics.solution import equilibria, reactions
from nernstfit.physics.solution.activity import davies_exponent, debye_huckel_slope
from nernstfit.physics.solution.equilibria import Speciation, WrongTitrant
from nernstfit.physics.solution.ions import IONS, Ion
from nernstfit.physics.solution.reactions import COMPLEXES, FORMED, NoConstant

ACIDS = reactions.acid_steps(IONS.values())
PUBLISHED = list(csv.DictReader(Path(__file__).with_name("chelator_constants.csv").read_text("utf-8").splitlines()))


def speciate(pH: float, temperature_C: float = 25.0, titrant: str = "", **amounts_mM: float) -> Speciation:
    amounts = {IONS[name]: amount for name, amount in amounts_mM.items()}
    return equilibria.speciate(amounts, ACIDS, pH, temperature_C, IONS[titrant] if titrant else None)


def charge(found: Speciation) -> float:
    known = {**FORMED, **IONS}
    return sum(known[name].valence * amount for name, amount in found.amounts_mM.items())


# Chelators


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"pH {row['pH']}, {row['temperature_C']} C")
def test_apparent_constant_of_calcium_and_EGTA(row: dict[str, str]) -> None:
    """Other authors' constants and conversions, in .1 M KCl: 5 % at 20 C, 12 % at 37 C, where enthalpies differ."""
    found = speciate(float(row["pH"]), float(row["temperature_C"]), K=100, Cl=100, EGTA4=1e-3, Ca=1e-9)
    bound = sum(c for name, c in found.amounts_mM.items() if name in ("[CaEGTA]2-", "[CaHEGTA]-"))
    free = sum(c for name, c in found.amounts_mM.items() if name in ("EGTA4", "EGTA3", "EGTA2", "[H3EGTA]-"))
    Kd_nM = 1e6 * found.amounts_mM["Ca"] * free / bound
    assert Kd_nM == pytest.approx(float(row["apparent_Kd_nM"]), rel=0.05 if row["temperature_C"] == "20" else 0.12)


def test_BAPTA_binds_calcium_with_the_published_constant() -> None:
    """160 nM at pH 7.2 and 22 C in .1 M KCl: Molecular Probes Handbook, table of calcium chelators."""
    found = speciate(7.2, 22, K=100, Cl=100, BAPTA4=1e-3, Ca=1e-9)
    free = sum(c for name, c in found.amounts_mM.items() if name.endswith(("BAPTA4", "BAPTA]3-", "BAPTA]2-")))
    bound = found.amounts_mM["[CaBAPTA]2-"]
    assert 1e6 * found.amounts_mM["Ca"] * (free - bound) / bound == pytest.approx(160, rel=0.35)


def test_most_of_the_magnesium_of_a_pipette_is_bound_by_ATP() -> None:
    found = speciate(7.2, 37, K=140, Cl=140, Mg=4, ATP4=4)
    assert 0.1 < found.amounts_mM["Mg"] / 4 < 0.2
    assert found.bound["ATP4"] < found.bound["Mg"] < 1.05 * found.bound["ATP4"]  # some of the ATP binds two


RANDOM = np.random.default_rng(20)
LIGANDS, METALS = ("EGTA4", "BAPTA4", "ATP4", "GTP4", "citrate", "EDTA4", "HEPES", "PO4"), ("Ca", "Mg")
# Complexes without a charge, which are not listed, hold a part of the metal beside one of these.
HIDING = {"citrate", "PO4", "ATP4"}


def mixture() -> dict[str, float]:
    chosen = {name: float(10 ** RANDOM.uniform(-4, 1.5)) for name in LIGANDS if RANDOM.random() < 0.5}
    metals = {name: float(10 ** RANDOM.uniform(-6, 1.5)) for name in METALS if RANDOM.random() < 0.8}
    return {"K": float(10 ** RANDOM.uniform(0, 2.5)), "Cl": 100.0, **chosen, **metals}


MIXTURES = [(mixture(), float(RANDOM.uniform(3, 11)), float(RANDOM.uniform(4, 40))) for _ in range(60)]


@pytest.mark.parametrize(("amounts", "pH", "temperature_C"), MIXTURES)
def test_nothing_is_lost(amounts: dict[str, float], pH: float, temperature_C: float) -> None:
    found = speciate(pH, temperature_C, **amounts)
    listed = {**found.amounts_mM, **found.neutral_mM}
    for metal in {"Ca", "Mg"} & amounts.keys():
        holding = sum(c for name, c in listed.items() if name == metal or f"[{metal}" in name)
        if not HIDING & amounts.keys():
            assert holding == pytest.approx(amounts[metal], rel=1e-10)
    for name in ("EGTA4", "ATP4", "EDTA4", "BAPTA4"):
        if name in amounts and not (name == "ATP4" and "Mg" in amounts):
            stem = name.rstrip("4")
            holding = sum(c for each, c in listed.items() if stem in each.replace("[", "").replace("]", ""))
            assert holding == pytest.approx(amounts[name], rel=1e-10)


@pytest.mark.parametrize(("amounts", "pH", "temperature_C"), MIXTURES)
def test_every_step_is_in_equilibrium(amounts: dict[str, float], pH: float, temperature_C: float) -> None:
    """Each constant, carried to the solution by formulas written out here, holds among the amounts found."""
    found = speciate(pH, temperature_C, **amounts)
    known: Mapping[str, Ion] = {**FORMED, **IONS}
    strength = sum(known[name].valence ** 2 * c for name, c in found.amounts_mM.items()) / 2000
    kelvin, tested = temperature_C + 273.15, 0

    def davies(at_C: float, of: float) -> float:
        return float(debye_huckel_slope(at_C)) * (math.sqrt(of) / (1 + math.sqrt(of)) - 0.3 * of)

    for step in (*ACIDS, *COMPLEXES):
        names = (step.product, step.base, step.partner)
        if all(name in found.amounts_mM for name in names):
            product, base, partner = (found.amounts_mM[name] / 1000 for name in names)
            z = [known[name].valence for name in names]
            measured_K = step.temperature_C + 273.15
            log_K = step.log_K - 1000 * step.kJ_per_mol / (math.log(10) * 8.314462618) * (1 / kelvin - 1 / measured_K)
            change = davies(step.temperature_C, step.ionic_strength_M) - davies(temperature_C, strength)
            log_K += (z[1] ** 2 + z[2] ** 2 - z[0] ** 2) * change
            assert math.log10(product / base / partner) == pytest.approx(log_K, abs=1e-6)
            tested += 1
    assert tested or not set(amounts) & set(LIGANDS)


def test_another_solver_finds_the_same() -> None:
    """Free calcium and magnesium of EGTA and GTP by scipy, the constants of this ionic strength given."""
    found = speciate(7.2, 20, K=130, Cl=130, EGTA4=10, GTP4=4, Ca=3, Mg=5)
    at = {name: c / 1000 for name, c in {**found.amounts_mM, **found.neutral_mM}.items()}
    free = {
        root: sum(at[name] for name in names)
        for root, names in {
            "EGTA": ("EGTA4", "EGTA3", "EGTA2", "[H3EGTA]-", "[H4EGTA]"),
            "GTP": ("GTP4", "GTP3", "GTP2"),
        }.items()
    }
    K = {
        (metal, ligand): (at[f"[{metal}{ligand}]2-"] + at[f"[{metal}H{ligand}]-"]) / at[metal] / free[ligand]
        for metal in ("Ca", "Mg")
        for ligand in ("EGTA", "GTP")
    }

    hydroxide = {metal: 1 + at[f"[{metal}OH]+"] / at[metal] for metal in ("Ca", "Mg")}

    def excess(ln: np.ndarray) -> list[float]:
        ca, mg = np.exp(ln)
        egta = 0.010 / (1 + K["Ca", "EGTA"] * ca + K["Mg", "EGTA"] * mg)
        gtp = 0.004 / (1 + K["Ca", "GTP"] * ca + K["Mg", "GTP"] * mg)
        return [
            ca * (hydroxide["Ca"] + K["Ca", "EGTA"] * egta + K["Ca", "GTP"] * gtp) / 0.003 - 1,
            mg * (hydroxide["Mg"] + K["Mg", "EGTA"] * egta + K["Mg", "GTP"] * gtp) / 0.005 - 1,
        ]

    ca, mg = np.exp(optimize.fsolve(excess, np.log([1e-7, 1e-3]), xtol=1e-13))
    assert (found.amounts_mM["Ca"], found.amounts_mM["Mg"]) == pytest.approx((1000 * ca, 1000 * mg), rel=1e-8)


def test_a_chelator_without_constant_is_an_error() -> None:
    with pytest.raises(NoConstant, match="no stability constant of BAPTA4 with Ba is known"):
        speciate(7.2, BAPTA4=5, Ba=1)


def test_without_a_chelator_a_metal_is_free() -> None:
    """Of lanthanum 1.4 % loses a proton of its water: log K -8.6405 of PHREEQC's llnl.dat."""
    free_mM = speciate(7.4, Na=140, Cl=150, HEPES=10, La=1, Ba=2).amounts_mM["La"]
    exponent = davies_exponent(0.154, 25.0)
    assert 1 / free_mM - 1 == pytest.approx(10 ** (7.4 - 8.6405 - 5 * exponent), rel=0.02)


# Buffers


@pytest.mark.parametrize(
    ("root", "base", "temperature_C", "pKa"),
    [("HEPES", "HEPES", 25, 7.564), ("HEPES", "HEPES", 37, 7.43), ("Tris", "", 25, 8.072), ("Tris", "", 37, 7.75)],
)
def test_half_a_buffer_is_charged_at_its_pKa(root: str, base: str, temperature_C: float, pKa: float) -> None:
    """At infinite dilution; dpKa/dT of HEPES is -.014 to -.011, of Tris -.028 to -.026 per degree."""
    found = speciate(pKa, temperature_C, **{root: 1e-4})
    assert found.amounts_mM[root] / 1e-4 == pytest.approx(0.5, abs=0.02)
    assert found.uncharged_mM / 1e-4 == pytest.approx(0.5, abs=0.02)


def test_the_pKa_of_phosphate_in_saline() -> None:
    """6.8 in physiological saline (7.2 at infinite dilution), as textbooks of buffers have it."""
    found = speciate(6.8, 25, Na=150, Cl=140, H2PO4=5)
    assert found.amounts_mM["HPO4"] / found.amounts_mM["H2PO4"] == pytest.approx(1, abs=0.15)


def test_the_state_in_which_a_buffer_was_put_in_does_not_count() -> None:
    one, other = speciate(7.3, Na=150, Cl=140, H2PO4=4), speciate(7.3, Na=150, Cl=140, HPO4=1, PO4=3)
    assert one.amounts_mM == pytest.approx(other.amounts_mM, rel=1e-12)


def test_bicarbonate_is_shared_out_by_its_pKa() -> None:
    """pK' 6.10 at 37 C in plasma: 20 to 1 at pH 7.4."""
    found = speciate(7.4, 37, Na=140, Cl=114, HCO3=26)
    assert found.amounts_mM["HCO3"] / found.uncharged_mM == pytest.approx(20, rel=0.3)


# Titrants


@pytest.mark.parametrize(("pH", "titrant"), [(7.4, "Na"), (7.2, "K"), (7.0, "Tris"), (5.0, "Cs")])
def test_a_titrant_makes_the_solution_neutral(pH: float, titrant: str) -> None:
    found = speciate(pH, 22, titrant, Na=100, Cl=102, HEPES=20, MES=20, EGTA4=5, Ca=1)
    assert charge(found) == pytest.approx(0, abs=1e-9)
    assert found.titrant_mM > 0
    assert found.total_mM[titrant] == pytest.approx(found.titrant_mM + 100 * (titrant == "Na"))


def test_an_acid_titrates_a_base() -> None:
    found = speciate(7.4, 22, "Cl", NMDG=145, HEPES=10)
    charged = found.amounts_mM["NMDG"] - found.amounts_mM["HEPES"]
    assert found.amounts_mM["Cl"] == pytest.approx(charged, abs=1e-3)


def test_a_titrant_of_the_wrong_sign_is_an_error() -> None:
    with pytest.raises(WrongTitrant) as caught:
        speciate(7.4, 22, "Cl", Na=140, Cl=140, HEPES=10)
    assert caught.value.excess_meq_per_l == pytest.approx(-4.6, abs=0.3)


def test_pH_is_the_activity_of_protons() -> None:
    found = speciate(7.4, 25, Na=150, Cl=150)
    root = math.sqrt(0.150)
    assert found.amounts_mM["H"] == pytest.approx(10 ** (-4.4 + 0.5085 * (root / (1 + root) - 0.3 * 0.150)), rel=1e-6)


# The table


def test_every_constant_is_of_a_known_base_and_partner() -> None:
    bare = {f"{name} without its charge" for name in ("spermine", "spermidine", "putrescine", "cadaverine")}
    names = {*IONS, *FORMED, *(step.product for step in COMPLEXES), *bare, *(step.product for step in ACIDS)}
    names |= {step.base for step in ACIDS}
    for step in COMPLEXES:
        assert step.base in names
        assert step.partner in names
        assert (0 if step.partner == "H" else -1) < step.log_K < 30


def test_every_constant_has_a_source() -> None:
    path = Path(equilibria.__file__).with_name("complexes.csv")
    for row in csv.DictReader(path.read_text("utf-8").splitlines()):
        assert row["source"]
        assert row["moves_like"] in IONS


# Acids and bases of the table


# Ions that take up or lose no proton between pH 2 and 12: anions of strong acids (the pKa of iodic acid is .8, of
# thiosulfuric 1.7, of periodic 1.6, of cyclamic 1.9), metals, quaternary cations, and bases above 12.
PROTONLESS = """
Cl Br I OH NO3 SCN SeCN ClO3 ClO4 BrO3 IO3 PF6 S2O3 MnO4 ReO4 IO4 picrate dichloroacetate trichloroacetate isethionate
methanesulfonate ethylsulfonate propylsulfonate methylsulfate ethylsulfate cyclamate sulfamate dicyanamide ferricyanide
H Na K Li Rb Cs Ag Tl TMA TEA TPA TBA choline ethyltrimethylammonium trimethylsulfonium QX-314 hexamethonium guanidinium
methylguanidinium acetamidinium BF4 S2O4 S2O8 trifluoroacetate benzenesulfonate toluenesulfonate
naphthalenesulfonate DIDS SITS acetylcholine carbachol TPeA QX-222
"""
# Without a pKa that a source has: formamidine near 11.5; tungstic acid, near 4, forms polymers.
UNKNOWN = {"formamidinium", "WO4"}


def test_every_ion_that_has_a_pKa_takes_up_or_loses_protons() -> None:
    without = {ion.name for ion in IONS.values() if not ion.is_metal and not reactions.takes_protons([ion], ACIDS)}
    assert without == {*PROTONLESS.split(), *UNKNOWN}


def test_cyanide_is_hydrocyanic_acid_at_the_pH_of_cells() -> None:
    found = speciate(7.4, 25, Na=140, CN=140, HEPES=10)
    assert found.amounts_mM["CN"] == pytest.approx(2.7, abs=0.1)
    with pytest.raises(WrongTitrant):
        speciate(7.4, 25, titrant="Na", Na=140, CN=140, HEPES=10)


@pytest.mark.parametrize(
    ("ion", "pKa"),
    # At 25 C and infinite dilution: NIST's database 46 or the CRC Handbook.
    [
        ("succinate", (4.207, 5.636)),
        ("maleate", (1.92, 6.27)),
        ("malate", (3.459, 5.097)),
        ("glutarate", (4.345, 5.422)),
        ("fumarate", (3.02, 4.48)),
        ("tartrate", (3.036, 4.366)),
        ("oxalate", (1.25, 4.266)),
        ("CrO4", (6.51,)),
        ("N3", (4.65,)),
        ("SO4", (1.99,)),
        ("HSO4", (1.99,)),
        ("benzoate", (4.202,)),
        ("putrescine", (9.22, 10.67)),
        ("histidinium", (1.6, 5.97, 9.28)),
        ("HEPES", (3.0, 7.564)),
        ("EPPS", (3.99, 7.956)),
        ("PIPES2", (2.67, 7.141)),
        ("tricine", (2.023, 8.135)),
        ("glycinate", (2.35, 9.778)),
        ("glutamate", (2.16, 4.3, 9.96)),
        ("aspartate", (1.99, 3.9, 10.002)),
        ("lysine", (2.16, 9.16, 10.67)),
        ("arginine", (1.823, 8.991, 13.8)),
        ("borate", (9.236,)),
        ("cysteinate", (1.9, 8.36, 10.74)),
        ("4-aminopyridinium", (9.114,)),
        ("P2O7", (2.28, 6.7, 9.4)),
        ("ADP3", (1.8, 3.87, 6.38)),
        ("AMP2", (3.8, 6.21)),
        ("ethylammonium", (10.673,)),
    ],
)
def test_pKa_of_an_ion(ion: str, pKa: tuple[float, ...]) -> None:
    assert reactions.pKa([IONS[ion]], ACIDS, 25.0) == pytest.approx(pKa)


def test_a_polyamine_loses_protons_one_after_the_other() -> None:
    """Log K 8.34 at .1 M, of the third proton: at that pH half of spermidine has three."""
    exponent = float(davies_exponent(0.1, 25.0))
    found = speciate(8.34 + exponent, 25, K=92, Cl=97, HEPES=10, spermidine=1)
    assert found.amounts_mM["spermidine"] == pytest.approx(found.amounts_mM["[H2-spermidine]2+"], rel=0.02)
    states = ("spermidine", "[H2-spermidine]2+", "[H-spermidine]+")
    assert sum(found.amounts_mM[name] for name in states) == pytest.approx(1.0, abs=1e-4)


def test_hydroxyethyl_EDTA_is_a_ligand_of_its_own() -> None:
    """NIST's 8.1 of calcium, 9.87 and 5.38 of the first two protons, all at 25 C and .1 M."""
    found = speciate(7.2, 25, K=108, Cl=104, HEEDTA3=5, Ca=2, HEPES=10)
    strength = 0.1  # nearly; a proton has the activity 10^-pH
    h = 10 ** (float(davies_exponent(strength, 25.0)) - 7.2)
    apparent = 10**8.1 / (1 + 10**9.87 * h * (1 + 10**5.38 * h))
    assert found.amounts_mM["Ca"] == pytest.approx(1000 * 2 / (3 * apparent), rel=0.2)
    assert found.amounts_mM["Ca"] == pytest.approx(3.5e-3, rel=0.1)


@pytest.mark.parametrize(
    ("metal", "ligand", "product", "log_beta"),
    # NIST's database 46, overall constants at 25 C (of two metals, 20 C) and .1 M.
    [
        ("Ca", "NTA3", "[Ca(NTA)2]4-", 8.81),
        ("Mn", "NTA3", "[Mn(NTA)2]4-", 10.94),
        ("Fe2", "NTA3", "[Fe(NTA)2]4-", 11.98),
        ("Co", "NTA3", "[Co(NTA)2]4-", 14.33),
        ("Ni", "NTA3", "[Ni(NTA)2]4-", 16.32),
        ("Cu", "NTA3", "[Cu(NTA)2]4-", 17.4),
        ("Zn", "NTA3", "[Zn(NTA)2]4-", 14.24),
        ("Cd", "NTA3", "[Cd(NTA)2]4-", 14.47),
        ("Ni", "citrate", "[Ni(citrate)2]4-", 8.58),
        ("Zn", "citrate", "[Zn(citrate)2]4-", 6.8),
        ("Cd", "citrate", "[Cd(citrate)2]4-", 5.3),
        ("Co", "EGTA4", "[Co2EGTA]", 15.7),
        ("Ni", "EGTA4", "[Ni2EGTA]", 18.5),
        ("Cu", "EGTA4", "[Cu2EGTA]", 21.88),
        ("Sr", "EGTA4", "[SrEGTA]2-", 8.42),
        ("Ni", "malonate", "[Ni(malonate)2]2-", 4.94),
        ("Cu", "malonate", "[Cu(malonate)2]2-", 7.8),
        ("Mn", "glycinate", "[Mn(glycinate)2]", 4.8),
        ("Cd", "CO3", "[Cd(CO3)2]2-", 6.37),
        ("Co", "SCN", "[Co(SCN)2]", 2.02),
        ("Ni", "SCN", "[Ni(SCN)2]", 2.18),
    ],
)
def test_overall_constant_of_several_ligands_or_metals(metal: str, ligand: str, product: str, log_beta: float) -> None:
    """Within .1: first constants at other temperatures and ionic strengths are converted."""
    found = reactions.network(frozenset((IONS[metal], IONS[ligand])), ACIDS)
    temperature_C = 20.0 if product in ("[Co2EGTA]", "[Ni2EGTA]") else 25.0
    overall = found.ln_constants(temperature_C, 0.1)[found.species.index(product)] / math.log(10)
    assert overall == pytest.approx(log_beta, abs=0.1)


def test_nickel_beside_much_NTA_is_bound_to_two() -> None:
    """Free NTA3 is what pKa 9.66 leaves of it; beta 11.51 and 16.32, of .1 M."""
    found = speciate(7.4, 25, K=114, Cl=100, HEPES=10, NTA3=5, Ni=0.01)
    ligand = found.amounts_mM["NTA3"] / 1000
    ratio = found.amounts_mM["[Ni(NTA)2]4-"] / found.amounts_mM["[NiNTA]-"]
    assert ratio == pytest.approx(10**4.81 * ligand, rel=0.3)
    assert 0.9 < ratio < 1.7


def test_no_complex_is_a_chelator() -> None:
    assert {name for name in reactions.CHELATORS if "NTA" in name} == {"NTA3", "[HNTA]2-"}
    assert "[ZnEGTA]2-" not in reactions.CHELATORS
