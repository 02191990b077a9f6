"""Names of components as labels of suppliers and columns of laboratories have them."""

from __future__ import annotations

import pytest

from nernstfit.contract.cells import Cells
from nernstfit.experiment import solution_table
from nernstfit.physics.solution.components import UnknownComponent, components, components_at_pH, uncharged_name
from nernstfit.physics.solution.reactions import FORMED

# Read here by eye: what the substance is, its ions with their counts. Where a substance of any state of protonation has
# one, the state that stands for all.
LABELS = """
Na2EDTA: 2Na [H2EDTA]2-
EDTA-Na2: 2Na [H2EDTA]2-
EDTA disodium salt dihydrate: 2Na [H2EDTA]2-
Ethylenediaminetetraacetic acid disodium salt dihydrate: 2Na [H2EDTA]2-
Na2H2EDTA: 2Na [H2EDTA]2-
CaNa2EDTA: Ca 2Na EDTA4
ATP-Mg: Mg ATP2
ATP-Na2: 2Na ATP2
ATP-K2: 2K ATP2
ATP 2Na: 2Na ATP2
ATP (Mg): Mg ATP2
ATP\u00b7Na2: 2Na ATP2
ATP\u20222Na: 2Na ATP2
adenosine 5'-triphosphate disodium salt: 2Na ATP2
Adenosine 5\u2032-triphosphate disodium salt hydrate: 2Na ATP2
Adenosine 5'-triphosphate magnesium salt: Mg ATP2
K2MgATP: 2K Mg ATP4
GTP-Na3: 3Na GTP3
GTP trisodium salt: 3Na GTP3
GTP tetralithium salt: 4Li GTP4
Guanosine 5'-diphosphate disodium salt: 2Na GDP2
PCr-Na2: 2Na phosphocreatine
PCr-K2: 2K phosphocreatine
Phosphocreatine disodium salt hydrate: 2Na phosphocreatine
phosphocreatine di(tris) salt: 2Tris phosphocreatine
Phosphocreatine di-Tris salt: 2Tris phosphocreatine
creatine phosphate (Na2): 2Na phosphocreatine
EGTA-Na4: 4Na EGTA4
EGTA-K4: 4K EGTA4
EGTA-Na2: 2Na EGTA2
Na2-EGTA: 2Na EGTA2
K2H2EGTA: 2K EGTA2
EGTA-(Cs)4: 4Cs EGTA4
EGTA tetrapotassium salt: 4K EGTA4
BAPTA-K4: 4K BAPTA4
BAPTA tetrapotassium salt: 4K BAPTA4
BAPTA-tetracesium: 4Cs BAPTA4
K4-dibromo-BAPTA: 4K dibromoBAPTA4
5,5'-dimethyl-BAPTA tetrapotassium salt: 4K dimethylBAPTA4
HEPES sodium salt: Na HEPES
HEPES-Na: Na HEPES
HEPES potassium salt: K HEPES
HEPES free acid: HEPES
MES hydrate: MES
PIPES dipotassium salt: 2K PIPES2
Trizma\u00ae base: Tris
Trizma hydrochloride: Tris Cl
N-Methyl-D-glucamine: NMDG
Tetraethylammonium chloride hydrate: TEA Cl
tetraethyl ammonium chloride: TEA Cl
D-gluconic acid potassium salt: K gluconate
L-glutamic acid potassium salt monohydrate: K glutamate
L-Glutamic acid monosodium salt hydrate: Na glutamate
potassium D-gluconate: K gluconate
sodium phosphate monobasic: Na H2PO4
Sodium phosphate, dibasic: 2Na HPO4
sodium phosphate dibasic heptahydrate: 2Na HPO4
potassium phosphate tribasic: 3K PO4
monosodium phosphate: Na H2PO4
disodium phosphate: 2Na HPO4
disodium hydrogen phosphate: 2Na HPO4
potassium dihydrogen phosphate: K H2PO4
potassium hydrogen carbonate: K HCO3
trisodium citrate dihydrate: 3Na citrate
sodium citrate tribasic dihydrate: 3Na citrate
potassium sodium tartrate: K Na tartrate
Na2H2P2O7: 2Na [H2P2O7]2-
tetrasodium pyrophosphate: 4Na P2O7
Gadolinium(III) chloride hexahydrate: Gd 3Cl
copper(II) sulfate pentahydrate: Cu SO4
iron(II) sulfate: Fe2 SO4
iron(III) chloride: Fe3 3Cl
NaCl, anhydrous: Na Cl
spermine tetrahydrochloride: spermine4 4Cl
putrescine dihydrochloride: putrescine 2Cl
L-arginine hydrochloride: arginine Cl
4-AP-HCl: 4-aminopyridinium Cl
4-Aminopyridine: 4-aminopyridinium
CH3COONa: Na acetate
Na2S: 2Na HS OH
sodium sulfide nonahydrate: 2Na HS OH
NaHS: Na HS
sodium hydrogen sulfide: Na HS
cysteine-HCl: cysteinate 2H Cl
TCEP-HCl: TCEP1 2H Cl
borax: 2Na 4borate 2H
Na2B4O7\u00b710H2O: 2Na 4borate 2H
NaVO3: Na H2VO4
sodium orthovanadate: 3Na VO4
HIO3: H IO3
NaBF4: Na BF4
CsMs: Cs methanesulfonate
KMs: K methanesulfonate
Na-MS: Na methanesulfonate
"""
# At a pH only: free acids, and salts that leave their protons open.
AT_PH = """
HF: H F
HNO2: H NO2
H2CO3: 2H CO3
boric acid: H borate
H3BO3: H borate
H2S: H HS
hydrogen sulfide: H HS
HCOOH: H formate
GTP-Na: Na GTP4
KADP: K ADP3
ADP: ADP3
Mg2ATP: 2Mg ATP4
H4EGTA: 4H EGTA4
NH3: NH4
glutathione: glutathione1
DTT: DTT1
DTPA: DTPA5
pyrophosphate: P2O7
"""


def rows(text: str) -> list[list[str]]:
    return [line.split(": ") for line in text.strip().splitlines()]


def spelled(parts: object) -> str:
    return " ".join(f"{count if count > 1 else ''}{ion.name}" for ion, count in parts)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("label", "ions"), rows(LABELS))
def test_a_label_is_read(label: str, ions: str) -> None:
    assert spelled(components(label)) == spelled(components_at_pH(label)) == ions


@pytest.mark.parametrize(("label", "ions"), rows(AT_PH))
def test_a_label_is_read_at_a_pH(label: str, ions: str) -> None:
    assert spelled(components_at_pH(label)) == ions


def test_labels_of_salts_are_neutral() -> None:
    for label, _ in rows(LABELS):
        if len(parts := components(label)) > 1:
            assert sum(ion.valence * count for ion, count in parts) == 0, label


def test_a_form_with_protons_is_an_ion_that_forms() -> None:
    assert components("Na2EDTA")[1][0] is FORMED["[H2EDTA]2-"]


@pytest.mark.parametrize("name", ["D(+)-glucose", "D-(+)-Glucose monohydrate", "thiourea", "myo-inositol"])
def test_a_label_of_what_has_no_charge(name: str) -> None:
    assert uncharged_name(name)


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        ("GTP sodium salt", "leaves open how much Na it has: write the count of its label, as in 'Na2-ATP'"),
        ("Guanosine 5'-triphosphate sodium salt hydrate", "leaves open how much Na it has"),
        ("GTP tris salt", "leaves open how much Tris it has"),
        ("Fe-EDTA", "whose charge does not balance"),
    ],
)
def test_a_label_without_the_count_is_refused(label: str, fault: str) -> None:
    with pytest.raises(UnknownComponent, match=fault) as refusal:
        components_at_pH(label)
    assert refusal.value.name == label
    assert refusal.value.nearest == ""


@pytest.mark.parametrize(
    "name",
    [
        *("K-252a", "Na_bath", "Ca-free", "Cl_in", "HEPES/NaOH", "Na-K-ATPase", "temperature_C", "KNa", "NaS", "CdS"),
        *("S", "B4O7", "salt", "hydrate", "disodium", "H2O2", "HOH", "EGTA/CsOH", "NaN"),
    ],
)
def test_what_is_no_component_is_refused(name: str) -> None:
    for reading in (components, components_at_pH):
        with pytest.raises(UnknownComponent):
            reading(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        *(("CaCl", "CaCl2"), ("Na-SO4", "Na2SO4"), ("HATP", "ATP"), ("HEGTA", "EGTA"), ("Na-GTP", "Na2-GTP2")),
        *(("EDTA-Ca", ""), ("BTP-HCl", "BTP1Cl"), ("sodium selenite", ""), ("KCL", "KCl")),
    ],
)
def test_a_suggestion_is_of_the_same_substance_or_none(name: str, nearest: str) -> None:
    with pytest.raises(UnknownComponent) as refusal:
        components(name)
    assert refusal.value.nearest == nearest


def test_borax_is_its_own_buffer() -> None:
    """pH(S) 9.180 of .01 mol/kg at 25 C, National Bureau of Standards (Bates 1962); half acid, half base."""
    table = Cells.of_rows([{"solution": "a", "borax": "10"}])
    solutions, faults = solution_table.parse(table, "solutions.csv")
    assert faults == []
    assert solutions.at(25.0).pH[0] == pytest.approx(9.180, abs=0.02)
