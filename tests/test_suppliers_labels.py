"""Labels of suppliers: salts with protons, half salts, double salts, hydrohalides, German and British names.

Each reading was made by eye from the formula of the chemical, charge and counts of its ions included.
"""

from __future__ import annotations

import pytest

from nernstfit.contract.cells import Cells
from nernstfit.experiment import solution_table
from nernstfit.physics.solution.component_names import UNCHARGED
from nernstfit.physics.solution.components import UnknownComponent, components, components_at_pH, uncharged_name
from nernstfit.physics.solution.ions import Ion
from nernstfit.physics.solution.osmotic import SOLUTES
from nernstfit.solutions.composition import Solutions

LABELS = """
HEPES hemisodium salt: 0.5Na 0.5H HEPES
glycine hydrochloride: glycinate 2H Cl
cysteine HCl: cysteinate 2H Cl
L-cysteine hydrochloride monohydrate: cysteinate 2H Cl
sodium dihydrogen citrate: Na [H2-citrate]-
disodium hydrogen citrate: 2Na [H-citrate]2-
aluminium potassium sulfate: Al K 2SO4
aluminum potassium sulfate dodecahydrate: Al K 2SO4
potassium aluminium sulphate: K Al 2SO4
KAl(SO4)2: K Al 2SO4
potassium hydrogen tartrate: K [H-tartrate]-
potassium bitartrate: K [H-tartrate]-
potassium hydrogen phthalate: K [H-phthalate]-
KHP: K [H-phthalate]-
potassium biphthalate: K [H-phthalate]-
sodium bisulfite: Na HSO3
sodium metabisulfite: 2Na 2HSO3
sodium sulfite: 2Na SO3
sodium sulphite: 2Na SO3
Na2SO3: 2Na SO3
NaHSO3: Na HSO3
Na2S2O5: 2Na 2HSO3
ammonium iron(II) sulfate hexahydrate: 2NH4 Fe2 2SO4
ammonium ferrous sulfate: 2NH4 Fe2 2SO4
(NH4)2Fe(SO4)2: 2NH4 Fe2 2SO4
ammonium magnesium sulfate: 2NH4 Mg 2SO4
Rochelle salt: K Na tartrate
sodium hydrogen succinate: Na [H-succinate]-
sodium hydrogen maleate: Na [H-maleate]-
sodium hydrogen malonate: Na malonate1
sodium hydrogen oxalate: Na [H-oxalate]-
potassium hydrogen oxalate: K [H-oxalate]-
sodium hydrogen fumarate: Na [H-fumarate]-
monosodium fumarate: Na [H-fumarate]-
fumaric acid monosodium salt: Na [H-fumarate]-
potassium hydrogen malate: K [H-malate]-
potassium dihydrogen citrate: K [H2-citrate]-
monosodium citrate: Na [H2-citrate]-
disodium citrate sesquihydrate: 2Na [H-citrate]2-
diammonium hydrogen citrate: 2NH4 [H-citrate]2-
monocalcium phosphate: Ca 2H2PO4
MOPS hemisodium salt: 0.5Na 0.5H MOPS
MES hemisodium salt: 0.5Na 0.5H MES
PIPES sesquisodium salt: 1.5Na 0.5H PIPES2
PIPES monosodium salt: Na PIPES1
TES hemisodium salt: 0.5Na 0.5H TES
CHES hemisodium salt: 0.5Na 0.5H CHES
HEPES, hemisodium: 0.5Na 0.5H HEPES
Tricine hydrochloride: tricine 2H Cl
Tris maleate: Tris [H-maleate]-
Trizma maleate: Tris [H-maleate]-
imidazole hydrochloride: imidazolium Cl
L-histidine monohydrochloride monohydrate: histidinium Cl
L-histidine hydrochloride: histidinium Cl
histidine dihydrochloride: histidinium H 2Cl
lysine dihydrochloride: lysine H 2Cl
arginine hydrobromide: arginine Br
L-ornithine monohydrochloride: ornithine Cl
L-glutamic acid hydrochloride: glutamate 2H Cl
glutamic acid HCl: glutamate 2H Cl
betaine hydrochloride: betainium Cl
betaine HCl: betainium Cl
creatine hydrochloride: creatinium Cl
choline dihydrogen citrate: choline [H2-citrate]-
choline bitartrate: choline [H-tartrate]-
choline chloride, 99%: choline Cl
acetylcholine chloride: acetylcholine Cl
acetylcholine iodide: acetylcholine I
carbamylcholine chloride: carbachol Cl
guanidinium isothiocyanate: guanidinium SCN
hydrazine sulfate: hydrazinium HSO4
tetrapentylammonium chloride: TPeA Cl
putrescine dihydrobromide: putrescine 2Br
cadaverine dihydrochloride: cadaverine 2Cl
histamine dihydrochloride: histamine2 2Cl
lidocaine hydrochloride monohydrate: lidocaine Cl
lidocaine N-ethyl bromide: QX-314 Br
procaine HCl: procaine Cl
tetracaine hydrochloride: tetracaine Cl
amiloride hydrochloride hydrate: amiloride Cl
quinidine sulfate: 2quinidine SO4
quinine hemisulfate: 0.5SO4 quinine
quinine hydrochloride dihydrate: quinine Cl
amantadine hydrochloride: amantadine Cl
DABCO dihydrochloride: DABCO2 2Cl
phosphoenolpyruvate monopotassium salt: K [H2-PEP]-
phosphoenolpyruvic acid monocyclohexylammonium salt: cyclohexylammonium [H2-PEP]-
phosphoenolpyruvate monosodium: Na [H2-PEP]-
phosphoenolpyruvate tri(cyclohexylammonium) salt: 3cyclohexylammonium PEP3
D-glucose 6-phosphate disodium salt: 2Na glucosephosphate
glucose-6-phosphate dipotassium: 2K glucosephosphate
beta-glycerophosphate disodium salt: 2Na glycerophosphate
calcium D-gluconate: Ca 2gluconate
D-gluconic acid hemicalcium salt: 0.5Ca gluconate
hemicalcium gluconate: 0.5Ca gluconate
hemimagnesium aspartate: 0.5Mg aspartate
L-aspartic acid hemimagnesium salt dihydrate: 0.5Mg aspartate
L-glutamic acid hemimagnesium salt: 0.5Mg glutamate
magnesium L-aspartate: Mg 2aspartate
sodium 2-hydroxyethanesulfonate: Na isethionate
benzenesulfonic acid sodium salt: Na benzenesulfonate
sodium p-toluenesulfonate: Na toluenesulfonate
p-toluenesulfonic acid monohydrate: H toluenesulfonate
trifluoroacetic acid: H trifluoroacetate
sodium trifluoroacetate: Na trifluoroacetate
phthalic acid monopotassium salt: K [H-phthalate]-
calcium saccharate: Ca glucarate
potassium hydrogen saccharate: K [H-glucarate]-
Natriumchlorid: Na Cl
Kaliumchlorid: K Cl
Calciumchlorid-Dihydrat: Ca 2Cl
Magnesiumsulfat: Mg SO4
Magnesiumchlorid Hexahydrat: Mg 2Cl
Natriumhydrogencarbonat: Na HCO3
Natriumdihydrogenphosphat: Na H2PO4
Dinatriumhydrogenphosphat: 2Na HPO4
Kaliumdihydrogenphosphat: K H2PO4
Natriumhydroxid: Na OH
Kaliumgluconat: K gluconate
Natriumacetat: Na acetate
Natriumsulfat: 2Na SO4
Ammoniumchlorid: NH4 Cl
Bariumchlorid: Ba 2Cl
Salzsäure: H Cl
Schwefelsäure: 2H SO4
Natriumcitrat: 3Na citrate
Cholinchlorid: choline Cl
Caesiumchlorid: Cs Cl
Lithiumchlorid: Li Cl
Kaliumnitrat: K NO3
Natriumnitrat: Na NO3
Calciumgluconat: Ca 2gluconate
Magnesiumchlorid: Mg 2Cl
Natriumfluorid: Na F
Kaliumhydroxid: K OH
Zinkchlorid: Zn 2Cl
aluminium ammonium sulfate: Al NH4 2SO4
ferric ammonium sulfate: Fe3 NH4 2SO4
ammonium iron(III) sulfate dodecahydrate: NH4 Fe3 2SO4
cupric sulfate: Cu SO4
cupric chloride dihydrate: Cu 2Cl
mercuric chloride: Hg 2Cl
plumbous acetate: Pb 2acetate
cobaltous chloride: Co 2Cl
manganous chloride: Mn 2Cl
nickelous sulfate: Ni SO4
cerous chloride: Ce 3Cl
thallous acetate: Tl acetate
sodium metaborate: Na borate
sodium pyrophosphate dibasic: 2Na [H2P2O7]2-
disodium dihydrogen pyrophosphate: 2Na [H2P2O7]2-
sodium pyrophosphate tetrabasic decahydrate: 4Na P2O7
sodium dithionite: 2Na S2O4
sodium persulfate: 2Na S2O8
ammonium persulphate: 2NH4 S2O8
potassium hexacyanoferrate(III): 3K ferricyanide
ammonium sulphamate: NH4 sulfamate
edetate disodium: 2Na [H2EDTA]2-
sodium hydroxide pellets: Na OH
potassium chloride, ACS reagent: K Cl
sodium ethanoate: Na acetate
TCEP hydrochloride: TCEP1 2H Cl
calcium chloride fused: Ca 2Cl
KHC4H4O6: K [H-tartrate]-
NaC2H3O2: Na acetate
NaKC4H4O6: Na K tartrate
K-H-phthalate: K [H-phthalate]-
Trizma sulfate: 2Tris SO4
sodium biphosphate: Na H2PO4
malonic acid disodium salt: 2Na malonate
L-aspartic acid potassium salt: K aspartate
Kaliumhydrogentartrat: K [H-tartrate]-
Natriumazid: Na N3
Kaliumjodid: K I
Tetraethylammoniumchlorid: TEA Cl
Tetramethylammoniumhydroxid: TMA OH
Natriumcarbonat-Decahydrat: 2Na CO3
Natriumthiosulfat: 2Na S2O3
Dikaliumhydrogenphosphat: 2K HPO4
Trinatriumcitrat Dihydrat: 3Na citrate
tri-Natriumcitrat-Dihydrat: 3Na citrate
Eisen(III)-chlorid: Fe3 3Cl
Kupfersulfat: Cu SO4
Cäsiumchlorid: Cs Cl
Natriumlactat: Na lactate
Natriumpyruvat: Na pyruvate
Natriumfumarat: 2Na fumarate
Dinatriumsuccinat: 2Na succinate
Natriumbutyrat: Na butyrate
Ammoniumsulfat: 2NH4 SO4
guanidine hydrochloride: guanidinium Cl
guanidine sulfate: 2guanidinium SO4
guanidine carbonate: 2guanidinium CO3
aminoguanidine hemisulfate: 0.5SO4 aminoguanidinium
potassium hexacyanoferrate(II): 4K ferrocyanide
bis-tris propane dihydrochloride: BTP2 2Cl
BTP-2HCl: BTP2 2Cl
lidocaine HCl: lidocaine Cl
sodium hydrogen citrate: 2Na [H-citrate]2-
sodium citrate dibasic sesquihydrate: 2Na [H-citrate]2-
sodium citrate monobasic: Na [H2-citrate]-
potassium citrate tribasic monohydrate: 3K citrate
trisodium hydrogen EDTA: 3Na [HEDTA]3-
dipotassium hydrogen citrate: 2K [H-citrate]2-
lithium citrate: 3Li citrate
lithium dihydrogen citrate: Li [H2-citrate]-
ammonium hydrogen oxalate: NH4 [H-oxalate]-
ammonium hydrogen succinate: NH4 [H-succinate]-
calcium hydrogen malate: Ca 2[H-malate]-
magnesium hydrogen citrate: Mg [H-citrate]2-
zinc ammonium sulfate: Zn 2NH4 2SO4
nickel ammonium sulfate: Ni 2NH4 2SO4
sodium aluminium sulfate: Na Al 2SO4
caesium aluminium sulphate: Cs Al 2SO4
ferrous ammonium sulphate hexahydrate: Fe2 2NH4 2SO4
MOPSO sodium salt: Na MOPSO
ACES potassium salt: K ACES
ADA disodium salt: 2Na ADA2
ADA monosodium salt: Na ADA1
POPSO disodium salt: 2Na POPSO2
CAPSO sodium salt: Na CAPSO
TAPS sodium: Na TAPS
AMPSO hemisodium salt: 0.5Na 0.5H AMPSO
potassium phthalate: 2K phthalate
disodium phthalate: 2Na phthalate
lysine acetate: lysine acetate
arginine acetate: arginine acetate
arginine glutamate: arginine glutamate
carnitine hydrochloride: carnitinium Cl
L-carnitine HCl: carnitinium Cl
ACh chloride: acetylcholine Cl
ACh-Cl: acetylcholine Cl
acetylcholine bromide: acetylcholine Br
TPeA-Cl: TPeA Cl
TPeABr: TPeA Br
tetrabutylammonium hydroxide 30-hydrate: TBA OH
tetrabutylammonium hydrogensulfate: TBA HSO4
QX-314 chloride: QX-314 Cl
QX-222-Cl: QX-222 Cl
4-AP HCl: 4-aminopyridinium Cl
amiloride HCl: amiloride Cl
sodium valproate: Na valproate
valproic acid sodium salt: Na valproate
sodium DL-3-hydroxybutyrate: Na hydroxybutyrate
lithium acetoacetate: Li acetoacetate
sodium octanoate: Na octanoate
sodium hexanoate: Na hexanoate
alpha-ketoglutaric acid disodium salt: 2Na ketoglutarate
disodium 2-oxoglutarate: 2Na ketoglutarate
sodium glycolate: Na glycolate
sodium glycerophosphate: 2Na glycerophosphate
disodium beta-glycerophosphate: 2Na glycerophosphate
phosphoenolpyruvate trisodium: 3Na PEP3
Na3PEP: 3Na PEP3
G6P disodium: 2Na glucosephosphate
glucose 6-phosphate monosodium salt: Na glucosephosphate1
DIDS disodium salt: 2Na DIDS
sodium p-aminohippurate: Na aminohippurate
sodium cacodylate trihydrate: Na cacodylate
sodium sulfite heptahydrate: 2Na SO3
potassium metabisulfite: 2K 2HSO3
glycylglycine hydrochloride: glycylglycinate 2H Cl
Tris tosylate: Tris toluenesulfonate
potassium D-glucarate: 2K glucarate
calcium glucoheptonate: Ca 2glucoheptonate
calcium gluceptate: Ca 2glucoheptonate
choline hydrogen tartrate: choline [H-tartrate]-
trisodium phosphate dodecahydrate: 3Na PO4
sodium phosphate tribasic: 3Na PO4
sodium orthophosphate: 3Na PO4
calcium phosphate dibasic: Ca HPO4
calcium phosphate monobasic: Ca 2H2PO4
dimagnesium phosphate: Mg HPO4
magnesium phosphate dibasic trihydrate: Mg HPO4
hemisodium HEPES: 0.5Na 0.5H HEPES
HEPES hemi-sodium salt: 0.5Na 0.5H HEPES
MES hemipotassium: 0.5K 0.5H MES
gluconic acid hemimagnesium salt: 0.5Mg gluconate
hemicalcium lactate: 0.5Ca lactate
L-lactic acid hemicalcium salt: 0.5Ca lactate
aspartic acid sodium salt: Na aspartate
L-cysteine hydrochloride, anhydrous: cysteinate 2H Cl
DL-cysteine HCl: cysteinate 2H Cl
methylamine HBr: methylammonium Br
hydroxylamine sulfate: 2hydroxylammonium SO4
hydrazine hydrobromide: hydrazinium Br
ammonium hydrochloride: NH4 Cl
"""
# Suppliers sell several salts under these names, they leave a count open, or their ions are not known.
REFUSED = """
citric acid sodium salt; succinic acid sodium salt; D-saccharic acid potassium salt; PEP potassium salt; sodium borate
ammonium molybdate tetrahydrate; spermine hydrochloride; putrescine hydrochloride; spermidine HCl; sodium bicitrate
histamine hydrochloride; bis-tris propane hydrochloride; hydrazine dihydrochloride; copper(I) chloride; cuprous chloride
manganese(III) acetate; thallium(III) nitrate; cerium(IV) sulfate; ferric ammonium citrate; ferric ammonium oxalate
sodium hydrochloride; calcium hydrochloride; NaHCl; choline hydrochloride; citric acid hemicalcium salt; DMSO 10%
glucose 5%; HCl 1 M; hydrochloric acid 37%; sodium hydrogen glutamate; calcium magnesium sulfate; HEPES 0.5Na
potassium tetroxalate; D-saccharic acid 1,4-lactone; glutathione oxidized; sodium silicate; sodium hypochlorite
potassium magnesium chloride; sodium potassium phosphate; Natriumxyat; monosodium chloride salt of nothing
"""


def labels() -> list[list[str]]:
    return [line.rsplit(": ", 1) for line in LABELS.strip().splitlines()]


def refused() -> list[str]:
    return [label.strip() for line in REFUSED.strip().splitlines() for label in line.split(";")]


def spelled(parts: tuple[tuple[Ion, float], ...]) -> str:
    return " ".join(f"{count if count != 1 else ''}{ion.name}" for ion, count in parts)


@pytest.mark.parametrize(("label", "ions"), labels())
def test_a_label_is_read(label: str, ions: str) -> None:
    parts = components(label)
    assert spelled(parts) == spelled(components_at_pH(label)) == ions
    assert sum(ion.valence * count for ion, count in parts) == 0


@pytest.mark.parametrize("label", refused())
def test_a_label_is_refused(label: str) -> None:
    for reading in (components, components_at_pH):
        with pytest.raises(UnknownComponent):
            reading(label)


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        ("citric acid sodium salt", "leaves open how much sodium it has"),
        ("sodium borate", "is sold in several compositions: write 'Na2B4O7' (borax) or 'NaB(OH)4'"),
    ],
)
def test_a_refusal_says_what_is_open(label: str, fault: str) -> None:
    with pytest.raises(UnknownComponent) as refusal:
        components(label)
    assert fault in str(refusal.value)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        *(
            ("Saccharose", "sucrose"),
            ("Harnstoff", "urea"),
            ("gamma-aminobutyric acid", "GABA"),
            ("L-alanine", "alanine"),
        ),
        *(("betaine monohydrate", "betaine"), ("DMSO 99.9%", "DMSO"), ("2-deoxy-D-glucose", "2-deoxyglucose")),
    ],
)
def test_a_label_without_charge(label: str, name: str) -> None:
    assert uncharged_name(label) == name
    assert components(label) == ()


def test_a_name_of_the_users_own_is_not_spelt_otherwise() -> None:
    own = (Ion("L-sulphonyl", -1, 0.4, 10.0, "own"),)
    assert components("L-sulphonyl", own) == ((own[0], 1),)
    assert spelled(components("Na-L-sulphonyl", own)) == "Na L-sulphonyl"


def solutions_of(**doses: str) -> Solutions:
    solutions, faults = solution_table.parse(Cells.of_rows([{"solution": "a", **doses}]), "solutions.csv")
    assert faults == []
    return solutions


@pytest.mark.parametrize(
    ("label", "mM", "pH"),
    [
        # pH standard of the National Bureau of Standards at 25 C (Bates 1962): .05 mol/kg.
        ("potassium hydrogen phthalate", "50", 4.008),
        # Half of a buffer, at its pKa and Davies' correction: 7.564 - .10, and 7.184 - .10.
        ("HEPES hemisodium salt", "50", 7.47),
        ("MOPS hemisodium salt", "50", 7.09),
        # x^2 / (c - x) = 10^-2.35 gives 12.9 mM of H, whose log coefficient is -.086 at .05 M.
        ("glycine hydrochloride", "50", 1.975),
    ],
)
def test_a_salt_with_protons_has_its_own_pH(label: str, mM: str, pH: float) -> None:
    assert solutions_of(**{label: mM}).at(25.0).pH[0] == pytest.approx(pH, abs=0.04)


@pytest.mark.parametrize(
    ("component", "charge"),
    # Of 10 mM at pH 7.4 in 140 mM KCl, by hand from the pKa, less .12 of an anion and .36 of a divalent one.
    [
        *(("ACES", -8.2), ("MOPSO", -8.1), ("ADA", -18.9), ("BTP", 12.4), ("sulfite", -17.9), ("phthalate", -20.0)),
        *(("GABA", 0.0), ("betaine", 0.0), ("acetylcholine-Cl", 10.0), ("lidocaine HCl", 8.2)),
    ],
)
def test_a_substance_has_its_charge_at_a_pH(component: str, charge: float) -> None:
    """The charge is what a strong acid or base has to balance, less the chloride of a label."""
    titrant = "HCl" if component == "BTP" else "KOH"
    solutions = solutions_of(KCl="140", **{component: "10", "pH": "7.4", "titrant": titrant})
    free = dict(zip((ion.name for ion in solutions.ions), solutions.row("a", 25.0), strict=True))
    ions = {ion.name: ion for ion in solutions.ions}
    own = sum(ions[name].valence * amount for name, amount in free.items() if name not in {"K", "Cl", "H", "OH"})
    assert own == pytest.approx(charge, abs=0.3)
    assert solutions.charge_excess_meq_per_l(25.0)[0] == pytest.approx(0.0, abs=0.01)


def test_an_amino_acid_without_a_pH_has_no_charge() -> None:
    solutions = solutions_of(NaCl="140", GABA="10", proline="5", betaine="5", caffeine="10")
    assert {ion.name for ion in solutions.ions} == {"Na", "Cl"}
    assert solutions.uncharged_mM.tolist() == [30.0]


def test_every_substance_without_charge_has_a_molar_mass() -> None:
    assert all(SOLUTES[name].molar_mass_g_per_mol for name in UNCHARGED)
