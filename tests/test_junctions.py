"""The ledger of junctions against potentials summed around the circuit by hand; its errors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate

from nernstfit.contract import tables
from nernstfit.contract.schema import allowed
from nernstfit.contract.settings import Junction, Reference, Settings, Uncertainty, load
from nernstfit.contract.terms import JunctionMethod
from nernstfit.experiment import solution_table as reading
from nernstfit.permeability import error_propagation
from nernstfit.permeability.observations import Observations, without_activities
from nernstfit.physics.membrane import junction_methods
from nernstfit.physics.membrane.junction import SolutionPair
from nernstfit.physics.membrane.nernst_planck import NotSettled, nernst_planck_mV
from nernstfit.physics.solution.activity import debye_huckel_slope
from nernstfit.solutions import junctions, liquid_junction, systematic_errors
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition

RT_F_22 = 8.31446261815324 * 295.15 / 96485.3321233100184 * 1e3
# Absolute mobilities relative to K, by hand from limiting conductivities (JPCalcW).
U = {"Na": 0.682, "K": 1.0, "Cl": 1.0388, "gluconate": 0.33}
Z = {"Na": 1, "K": 1, "Cl": -1, "gluconate": -1}
VOLUME = {"Na": -5.0, "K": 5.2, "Cl": 21.6, "gluconate": 0.62 * 195.15}  # cm3/mol
WATER_22 = 0.997770  # density in kg/l: Kell 1975

TEXT = """solution,NaCl,KCl,K-gluconate,CaCl2,Na2SO4,glucose,sucrose
control,140,5,,2,,10,
half,70,2.5,,2,,10,140
tenth,14,0.5,,0.2,,,250
potassium,5,140,,2,,10,
pipette,10,30,100,,,,
bridge,,3000,,,,,
sulfate,,5,,,70,,
"""


def parsed(folder: Path, text: str = TEXT) -> Solutions:
    path = folder / "solutions.csv"
    path.write_text(text, encoding="utf-8")
    found, faults = reading.parse(tables.read(path), "solutions.csv")
    assert not faults
    return found


@pytest.fixture
def recipes(tmp_path: Path) -> Solutions:
    return parsed(tmp_path)


# The ledger against potentials around the circuit, by hand


def plain(recipes: Solutions) -> Solutions:
    """Solutions of the four ions whose mobilities stand above, with these mobilities."""
    ions = tuple(replace(ion, mobility=U.get(ion.name, ion.mobility)) for ion in recipes.ions)
    return replace(recipes, ions=ions)


TWO = "solution,NaCl,KCl,K-gluconate\nS1,140,5,\nS2,14,5,126\npipette,10,30,100\nbridge,,3000,\n"
C = {
    "S1": {"Na": 140, "K": 5, "Cl": 145},
    "S2": {"Na": 14, "K": 131, "Cl": 19, "gluconate": 126},
    "pipette": {"Na": 10, "K": 130, "Cl": 40, "gluconate": 100},
    "bridge": {"K": 3000, "Cl": 3000},
}


LIMITING_LAW = 1.868e-3  # of the volume that ions take, times I^(3/2) in mol/l
EXACT = {"concentration": 1e-9, "activity": 1e-5}  # in mV; coefficients are integrated numerically


def davies_by_hand(content: np.ndarray, z: Sequence[int], ends: np.ndarray, volume: Sequence[float]) -> np.ndarray:
    """Davies' coefficients at the molalities of mixtures at 22 C, shape (places, ions).

    The volume of the solutes is that of the two solutions in the proportion that is nearest to the mixture.
    """
    charge, way = np.array(z), ends[0] - ends[1]
    share = np.clip((content - ends[1]) @ way / (way @ way), 0, 1)
    free = 1 - np.outer(1 - share, ends[1] @ volume / 1e6) - np.outer(share, ends[0] @ volume / 1e6)
    free = free - LIMITING_LAW * (content @ charge**2 / 2000)[:, None] ** 1.5
    strength = content @ charge**2 / 2000 / (free[:, 0] * WATER_22)
    exponent = np.sqrt(strength) / (1 + np.sqrt(strength)) - 0.3 * strength
    return np.asarray(10 ** (-debye_huckel_slope(22.0) * np.outer(exponent, charge**2)) / free)


def above(first: str, second: str, method: str = "henderson", basis: str = "concentration") -> float:
    """Potential of one solution minus that of another where they touch, mV at 22 C; Henderson's equation by hand."""
    ions = sorted({*C[first], *C[second]})
    at = [[C[s].get(i, 0) for i in ions] for s in (first, second)]
    z, u = [Z[i] for i in ions], [U[i] for i in ions]
    if method == "nernst-planck":
        volumes = [VOLUME[i] for i in ions]
        of_davies = partial(davies_by_hand, z=z, ends=np.array(at), volume=volumes) if basis == "activity" else None
        return nernst_planck_mV(SolutionPair(*at, z, u, of_davies), 22.0)
    step = [x - y for x, y in zip(*at, strict=True)]
    conductance = [sum(zi**2 * ui * x for zi, ui, x in zip(z, u, side, strict=True)) for side in at]
    drive = sum(zi * ui * d for zi, ui, d in zip(z, u, step, strict=True)) / (conductance[0] - conductance[1])
    of_coefficients = -RT_F_22 * gamma_integral(at, z, u, [VOLUME[i] for i in ions]) if basis == "activity" else 0.0
    return RT_F_22 * drive * math.log(conductance[1] / conductance[0]) + of_coefficients


def gamma_integral(at: list[list[float]], z: list[int], u: list[float], volume: list[float]) -> float:
    """Integral of sum (t / z) d ln gamma from the second solution to the first, with Davies' derivative by hand."""
    side, charge = np.array(at), np.array(z)
    ends, free = side @ charge**2 / 2000, 1 - side @ volume / 1e6
    change, thinning = ends[0] - ends[1], free[0] - free[1]

    def slope(share: float) -> float:
        own = side[1] + share * (side[0] - side[1])
        part = charge**2 * np.array(u) * own
        molar = ends[1] + share * change
        water = free[1] + share * thinning - LIMITING_LAW * molar**1.5
        less = thinning - 1.5 * LIMITING_LAW * math.sqrt(molar) * change
        strength = molar / (water * WATER_22)
        root = math.sqrt(strength)
        of_davies = (1 / (2 * root * (1 + root) ** 2) - 0.3) * (change / WATER_22 - strength * less) / water
        ln_gamma = -math.log(10) * debye_huckel_slope(22.0) * charge**2 * of_davies - less / water
        return float((part / part.sum() / charge * ln_gamma).sum())

    return float(integrate.quad(slope, 0, 1, epsabs=1e-12)[0])


def silver(bath: str) -> float:
    """Potential of a silver chloride wire minus the solution it stands in, up to a constant."""
    return -RT_F_22 * math.log(C[bath]["Cl"])


@dataclass(frozen=True)
class Circuit:
    """From the wire of the reference electrode through bath and membrane to the wire of the recording electrode."""

    configuration: str
    kind: str
    method: str = "henderson"
    basis: str = "concentration"

    def reference_minus_bath(self, bath: str) -> float:
        """The metal of the reference electrode minus the bath, up to a constant that no bath changes."""
        junction = above("bridge", bath, self.method, self.basis)
        return {"salt-bridge": junction, "pellet": silver(bath), "none": 0.0}[self.kind]

    def tip(self, bath: str) -> float:
        """The recording electrode's solution minus a bath that its tip stands in.

        Of a microelectrode it is taken to be what it is in a cell, a constant that cancels.
        """
        return 0.0 if self.configuration == "two-electrode" else above("pipette", bath, self.method, self.basis)

    def membrane(self, command: float, bath: str, zeroed: str) -> float:
        """Inside minus outside; the electrode offset made the amplifier read 0 with the tip in `zeroed`.

        Command = (electrode - reference) - offset. A wire minus its own solution is a constant, and cancels.
        """
        offset = self.tip(zeroed) - self.reference_minus_bath(zeroed)
        electrode_minus_bath = command + offset + self.reference_minus_bath(bath)
        return -electrode_minus_bath if self.configuration == "inside-out" else electrode_minus_bath


@pytest.fixture
def two(tmp_path: Path) -> Solutions:
    return plain(parsed(tmp_path, TWO))


def corrections(
    recipes: Solutions,
    bath: str,
    zeroed: str,
    kind: str,
    configuration: str,
    model: str = "concentration",
    **more: object,
) -> tuple[junctions.Term, ...]:
    reference = Reference(kind, "bridge" if kind == "salt-bridge" else None)
    junction = Junction("henderson", "concentration", zeroed, reference, 0.0, {})
    condition = Condition(bath, "pipette", configuration, 22.0, zeroed)
    return junctions.ledger(recipes, condition, replace(junction, **more), model)  # type: ignore[arg-type]


def total(terms: Iterable[junctions.Term]) -> float:
    return sum(term.applied_mV for term in terms)


METHODS = tuple(junction_methods.METHODS)
WAYS = [(m, b) for m in METHODS for b in ("concentration", "activity")]
CONFIGURATIONS = {"whole-cell": 1, "outside-out": 1, "inside-out": -1, "two-electrode": 1}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
@pytest.mark.parametrize(("bath", "zeroed"), [("S1", "S1"), ("S2", "S1"), ("S1", "S2"), ("S2", "S2")])
@pytest.mark.parametrize(("method", "basis"), WAYS)
def test_the_ledger_is_what_the_circuit_gives(
    two: Solutions, configuration: str, kind: str, bath: str, zeroed: str, method: str, basis: str
) -> None:
    circuit = Circuit(configuration, kind, method, basis)
    model = "davies" if basis == "activity" and kind != "pellet" else "concentration"
    if model == "concentration":
        circuit = replace(circuit, basis="concentration")
    terms = corrections(two, bath, zeroed, kind, configuration, model=model, method=method, basis=basis)
    for command in (-73.0, 0.0, 12.5):
        commanded = CONFIGURATIONS[configuration] * command
        assert commanded + total(terms) == pytest.approx(circuit.membrane(command, bath, zeroed), abs=EXACT[basis])
    names = ["reference"] if configuration == "two-electrode" else ["pipette", "reference"]
    assert [term.name for term in terms] == names


@pytest.mark.parametrize(("configuration", "sign"), CONFIGURATIONS.items())
@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
@pytest.mark.parametrize("bath", ["S1", "S2"])
@pytest.mark.parametrize("method", ["henderson", "nernst-planck"])
def test_an_offset_zeroed_anew_leaves_only_the_pipettes_junction(
    two: Solutions, configuration: str, sign: int, kind: str, bath: str, method: str
) -> None:
    terms = corrections(two, bath, "same", kind, configuration, method=method)
    expected = 0.0 if configuration == "two-electrode" else -sign * above(bath, "pipette", method)
    assert total(terms) == pytest.approx(expected, abs=1e-9)
    assert total(terms) == pytest.approx(Circuit(configuration, kind, method).membrane(0.0, bath, bath), abs=1e-9)
    assert [term.name for term in terms] == ["reference" if configuration == "two-electrode" else "pipette"]


def test_registry_terms_and_schema_name_the_same_methods() -> None:
    assert tuple(method for method in JunctionMethod if method is not JunctionMethod.NONE) == METHODS
    assert (*METHODS, "none") == allowed("junction", "method")


@pytest.mark.parametrize(("kind", "rows"), [("salt-bridge", 2), ("pellet", 1), ("none", 1)])
@pytest.mark.parametrize(("method", "basis"), WAYS)
def test_both_methods_are_shown_of_every_liquid_junction_whatever_is_applied(
    two: Solutions, kind: str, rows: int, method: str, basis: str
) -> None:
    terms = corrections(two, "S2", "S1", kind, "whole-cell", model="davies", method=method, basis=basis)
    condition = Condition("S2", "pipette", "whole-cell", 22.0, "S1")
    junction = Junction(method, basis, "S1", Reference(kind, "bridge"), 0.0, {})
    shown = [
        [junctions.potential_mV(two, t, condition, junction, "davies", how) for how in ("henderson", "nernst-planck")]
        for t in terms
    ]
    by_hand = [[above("S1", "pipette", how, basis) for how in ("henderson", "nernst-planck")]]
    if kind == "salt-bridge":
        change = [above("S2", "bridge", m, basis) - above("S1", "bridge", m, basis) for m in METHODS]
        by_hand.append(change)
    assert shown[:rows] == [pytest.approx(row, abs=EXACT[basis]) for row in by_hand]
    assert all(math.isnan(value) for row in shown[rows:] for value in row)
    applied = METHODS.index(method)
    assert [t.potential_mV for t in terms][:rows] == [pytest.approx(row[applied], abs=EXACT[basis]) for row in by_hand]


def test_whole_cell_signs_in_an_ordinary_experiment(two: Solutions) -> None:
    # A gluconate pipette in saline: the bath is some 10 mV positive, and the cell more negative than commanded.
    (term, _) = corrections(two, "S1", "S1", "none", "whole-cell")
    assert 8 < term.potential_mV < 14
    assert term.applied_mV == -term.potential_mV


def test_a_tenfold_fall_of_chloride_on_a_pellet_adds_58_mV(tmp_path: Path) -> None:
    recipes = parsed(tmp_path, "solution,KCl,K-gluconate\nS1,150,\nS2,15,135\npipette,150,\nbridge,3000,\n")
    _, reference = corrections(recipes, "S2", "S1", "pellet", "whole-cell")
    assert reference.applied_mV == pytest.approx(RT_F_22 * math.log(10), rel=1e-9)
    assert reference.applied_mV == pytest.approx(58.57, abs=0.01)
    _, reference = corrections(recipes, "S2", "S1", "pellet", "inside-out")
    assert reference.applied_mV == pytest.approx(-58.57, abs=0.01)


def test_a_pellet_sees_activities_where_the_model_has_them(recipes: Solutions) -> None:
    junction = Junction("henderson", "concentration", "control", Reference("pellet", None), 0.0, {})
    condition = Condition("tenth", "pipette", "whole-cell", 22.0, "control")
    _, term = junctions.ledger(recipes, condition, junction, "davies")
    a = [recipes.activity_mM(name, ["Cl"], "davies", 22.0)[0] for name in ("control", "tenth")]
    assert term.applied_mV == pytest.approx(RT_F_22 * math.log(a[0] / a[1]), rel=1e-9)
    assert term.applied_mV < RT_F_22 * math.log(149 / 14.9) - 1


@pytest.mark.parametrize(("configuration", "sign"), CONFIGURATIONS.items())
def test_what_was_already_subtracted_is_put_back(two: Solutions, configuration: str, sign: int) -> None:
    without = total(corrections(two, "S2", "S1", "salt-bridge", configuration))
    terms = corrections(two, "S2", "S1", "salt-bridge", configuration, already_corrected_mV=10.0)
    # The program shows V_cmd - 10: the true command is 10 mV higher, in the amplifier's sign.
    assert total(terms) - without == pytest.approx(sign * 10.0)


def test_an_amplifier_that_subtracted_exactly_the_pipettes_junction_needs_no_more(two: Solutions) -> None:
    potential = above("S1", "pipette")
    terms = corrections(two, "S1", "S1", "none", "whole-cell", already_corrected_mV=potential)
    assert total(terms) == pytest.approx(0.0, abs=1e-9)


def test_what_was_already_subtracted_is_put_back_without_any_junction(two: Solutions) -> None:
    terms = corrections(two, "S1", "S1", "none", "whole-cell", method="none", already_corrected_mV=4.0)
    assert total(terms) == 4.0


@pytest.mark.parametrize(("configuration", "sign"), CONFIGURATIONS.items())
def test_a_measured_junction_replaces_the_whole_calculation_of_its_bath(
    two: Solutions, configuration: str, sign: int
) -> None:
    measured = {"S2": 7.5}
    (term,) = corrections(two, "S2", "S1", "salt-bridge", configuration, measured_mV=measured)
    assert term.applied_mV == -sign * 7.5
    other = corrections(two, "S1", "S1", "salt-bridge", configuration, measured_mV=measured)
    assert other == corrections(two, "S1", "S1", "salt-bridge", configuration)


def test_without_junctions_the_ledger_is_empty_and_nothing_is_added(two: Solutions) -> None:
    junction = Junction("none", "concentration", None, None, 0.0, {})
    condition = Condition("S1", "pipette", "whole-cell", 22.0, "same")
    assert junctions.ledger(two, condition, junction, "davies") == ()
    assert junctions.junction_mV(two, condition, junction, "davies") == 0
    assert list(junctions.missing_ions(two, condition, junction)) == []


NO_ION = "solution,NaCl,KCl,K-gluconate,sucrose\nS1,140,5,,\nS2,5,140,,\nsweet,,,,300\npipette,,,140,\nbridge,,3000,,\n"


@pytest.mark.parametrize(
    ("bath", "pipette", "zeroed_in", "kind", "named"),
    [
        ("sweet", "pipette", "same", "pellet", {"sweet": "no ion"}),
        ("S1", "sweet", "same", "pellet", {"sweet": "no ion"}),
        ("S1", "sweet", "S1", "none", {"sweet": "no ion"}),
        ("S1", "pipette", "sweet", "none", {"sweet": "no ion"}),
        ("sweet", "pipette", "S1", "none", {}),
        ("sweet", "pipette", "S1", "salt-bridge", {"sweet": "no ion"}),
        ("sweet", "pipette", "S1", "pellet", {"sweet": "no chloride"}),
        ("S1", "pipette", "same", "pellet", {}),
        ("pipette", "S2", "S1", "pellet", {"pipette": "no chloride"}),
        ("pipette", "S2", "same", "pellet", {}),
        ("lost", "pipette", "same", "pellet", {}),
    ],
)
def test_solutions_without_the_ions_of_a_junction_are_named_and_never_computed_with(
    tmp_path: Path, bath: str, pipette: str, zeroed_in: str, kind: str, named: dict[str, str]
) -> None:
    solutions = parsed(tmp_path, NO_ION)
    junction = Junction("henderson", "concentration", zeroed_in, Reference(kind, "bridge"), 0.0, {})
    condition = Condition(bath, pipette, "whole-cell", 22.0, zeroed_in)
    found = dict(junctions.missing_ions(solutions, condition, junction))
    assert found.keys() == named.keys()
    assert all(f"contains {words};" in found[name] for name, words in named.items())
    if found:
        with pytest.raises(ValueError, match="no "):
            junctions.ledger(solutions, condition, junction, "davies")
    elif bath in solutions.names:
        assert math.isfinite(junctions.junction_mV(solutions, condition, junction, "davies"))
    measured = replace(junction, measured_mV={bath: 3.0})
    assert list(junctions.missing_ions(solutions, condition, measured)) == []


def test_two_electrode_clamp_asks_for_no_ions_inside(tmp_path: Path) -> None:
    solutions = parsed(tmp_path, NO_ION)
    for kind, bath, named in (("none", "sweet", []), ("pellet", "S2", []), ("salt-bridge", "sweet", ["sweet"])):
        junction = Junction("henderson", "concentration", "S1", Reference(kind, "bridge"), 0.0, {})
        condition = Condition(bath, "sweet", "two-electrode", 22.0, "S1")
        assert [name for name, _ in junctions.missing_ions(solutions, condition, junction)] == named


@pytest.mark.parametrize("method", ["henderson", "nernst-planck"])
def test_no_method_computes_with_a_solution_without_ions(tmp_path: Path, method: str) -> None:
    junction = Junction(method, "concentration", "same", None, 0.0, {})
    condition = Condition("sweet", "pipette", "whole-cell", 22.0, "same")
    ((_, why),) = junctions.missing_ions(parsed(tmp_path, NO_ION), condition, junction)
    assert f"junction.method: {method}" in why
    with pytest.raises(ValueError, match="holds no ion"):
        junctions.ledger(parsed(tmp_path, NO_ION), condition, junction, "davies")


def test_a_bridge_without_ions_is_named(tmp_path: Path) -> None:
    junction = Junction("henderson", "concentration", "S1", Reference("salt-bridge", "sweet"), 0.0, {})
    condition = Condition("S1", "pipette", "whole-cell", 22.0, "S1")
    assert [name for name, _ in junctions.missing_ions(parsed(tmp_path, NO_ION), condition, junction)] == ["sweet"]


def test_a_solution_that_could_not_be_read_wholly_is_not_said_to_lack_ions(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("solution,Nacl2,KCl\nA,140,\nB,0,1x\nC,,0\nD,1,5\n")
    solutions, faults = reading.parse(tables.read(path), "s.csv")
    assert len(faults) == 2
    assert solutions.incomplete == {"A", "B", "D"}
    junction = Junction("henderson", "concentration", "same", None, 0.0, {})
    named = [n for n, _ in junctions.missing_ions(solutions, Condition("A", "C", "whole-cell", 22.0, "same"), junction)]
    assert named == ["C"]


@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("method", ["henderson", "nernst-planck"])
def test_equal_solutions_have_no_junction(tmp_path: Path, kind: str, configuration: str, method: str) -> None:
    recipes = parsed(tmp_path, "solution,NaCl,KCl\nS1,140,5\nS2,140,5\npipette,140,5\nbridge,,3000\n")
    for zeroed in ("S1", "S2", "same"):
        terms = corrections(recipes, "S2", zeroed, kind, configuration, method=method)
        assert [math.copysign(1, t.applied_mV) * t.applied_mV for t in terms] == [0.0] * len(terms)


@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
def test_a_bath_change_and_back_adds_nothing(two: Solutions, kind: str) -> None:
    there = corrections(two, "S2", "S1", kind, "whole-cell")[1].applied_mV
    back = corrections(two, "S1", "S2", kind, "whole-cell")[1].applied_mV
    assert there == pytest.approx(-back, abs=1e-12)


NUMBER = r"[+-]?\d+\.\d\d"


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
@pytest.mark.parametrize(("method", "basis"), WAYS)
def test_every_sentence_can_be_checked(two: Solutions, configuration: str, kind: str, method: str, basis: str) -> None:
    how = {"model": "davies", "method": method, "basis": basis, "already_corrected_mV": 3.0}
    for term in corrections(two, "S2", "S1", kind, configuration, **how):  # type: ignore[arg-type]
        assert f"the correction is {term.applied_mV:+.2f} mV" in term.statement
        assert configuration in term.statement or term.name == "already"
        if term.contacts:
            named = {name for contact in term.contacts for name in (contact.first, contact.second)}
            assert all(f"'{name}'" in term.statement for name in named)
            assert JunctionMethod(method).label in term.statement
            assert ("activities by davies" if basis == "activity" else "concentrations") in term.statement
        if len(term.contacts) == 2:
            change, after, before = map(float, re.findall(f"(?:by|=) ({NUMBER}) mV", term.statement))
            assert change == pytest.approx(after - before, abs=0.011)
            assert change == pytest.approx(-CONFIGURATIONS[configuration] * term.applied_mV, abs=0.006)


def test_a_bath_of_the_first_zero_needs_no_change(two: Solutions) -> None:
    *_, term = corrections(two, "S1", "S1", "salt-bridge", "two-electrode")
    assert term.applied_mV == 0
    assert term.statement.startswith("no correction")


def test_two_electrode_zeroed_anew_says_that_there_is_no_correction(two: Solutions) -> None:
    (term,) = corrections(two, "S1", "same", "salt-bridge", "two-electrode")
    assert (term.name, term.applied_mV) == ("reference", 0.0)
    assert "no correction" in term.statement


# Errors that all measurements share


UNCERTAINTY = Uncertainty(concentration_percent=1.0, temperature_C=1.0, mobility_percent=None, log_K=0.1, pH=0.05)
BRIDGE = Reference("salt-bridge", "bridge")
EXCHANGE = "solution,NaCl,KCl,NMDG-Cl\nsodium,145,,\nNMDG,,,145\npipette,10,130,\nbridge,,3000,\n"


def test_a_mobility_error_cancels_where_it_acts_on_both_sides_of_a_bridge(recipes: Solutions) -> None:
    # Na to K through 3 M KCl: one mobility of Na moves the two bridge junctions together.
    junction = Junction("henderson", "concentration", "control", Reference("salt-bridge", "bridge"), 0.0, {})
    condition = Condition("half", "pipette", "whole-cell", 22.0, "control")
    base = junctions.ledger(recipes, condition, junction, "davies")[1].applied_mV
    source = {s.name: s for s in systematic_errors.sources(recipes, UNCERTAINTY, "davies")}["mobility of Na"]
    together = junctions.ledger(source.solutions, condition, junction, "davies")[1].applied_mV - base
    assert 0 < abs(together) < 0.05


@pytest.mark.parametrize(("method", "basis"), WAYS)
def test_an_exchange_of_sodium_for_nmdg_through_3_m_kcl_has_a_small_shared_error(
    tmp_path: Path, method: str, basis: str
) -> None:
    recipes = parsed(tmp_path, EXCHANGE)
    junction = Junction(method, basis, "sodium", BRIDGE, 0.0, {})
    condition = Condition("NMDG", "pipette", "whole-cell", 22.0, "sodium")
    pipette, exchange = junctions.shared_se_mV(recipes, condition, junction, "davies", UNCERTAINTY)
    # On activities the convention of single ions adds to it, at 3 M more than all else together.
    largest = 0.5 if basis == "concentration" else 0.7
    assert 0.05 < exchange < largest
    assert 0.05 < pipette < 0.5


def test_errors_taken_as_independent_would_be_larger(tmp_path: Path) -> None:
    # NMDG and sodium in their own pipettes' junctions: each is unsure of its own mobilities, and of the same chloride.
    recipes = parsed(tmp_path, EXCHANGE)
    junction = Junction("henderson", "concentration", "sodium", BRIDGE, 0.0, {})
    condition = Condition("NMDG", "pipette", "whole-cell", 22.0, "sodium")

    def exchange(source: systematic_errors.Source) -> float:
        at = systematic_errors.moved(condition, source)
        return junctions.ledger(source.solutions, at, junction, "davies")[1].applied_mV

    def alone(source: systematic_errors.Source, name: str) -> float:
        at = replace(systematic_errors.moved(condition, source), bath="pipette", pipette=name, zeroed_in="same")
        return junctions.ledger(source.solutions, at, junction, "davies")[0].applied_mV

    still = systematic_errors.Source("", recipes, 0.0, "davies")
    sources = systematic_errors.sources(recipes, UNCERTAINTY, "davies")
    together = math.hypot(*(exchange(s) - exchange(still) for s in sources))
    apart = math.hypot(*(alone(s, name) - alone(still, name) for s in sources for name in ("sodium", "NMDG")))
    assert together < apart / 3


def measured(*conditions: Condition) -> Observations:
    n = len(conditions)
    names = tuple(map(str, range(n)))
    return without_activities(names, ("c1",) * n, conditions, np.zeros(n), np.ones(n), np.ones(n, dtype=np.int64))


def settings_with(junction: Junction) -> Settings:
    whole = load(
        {
            "recordings": "data/recordings.csv",
            "junction": {"method": "none"},
            "activity": {"model": "davies"},
            "fit": {"reference_ion": "Na", "permeant": ["Na", "K", "Cl"]},
        }
    )
    return replace(whole, junction=junction, uncertainty=UNCERTAINTY)


@pytest.mark.parametrize(("method", "basis"), WAYS)
def test_one_source_moves_every_term_bath_and_activity_together(two: Solutions, method: str, basis: str) -> None:
    junction = Junction(method, basis, "S1", BRIDGE, 0.0, {})
    at = [Condition(bath, "pipette", "whole-cell", 22.0, "S1") for bath in ("S1", "S2")]
    ln_p, permeant = np.array([0.0, 0.3, -1.5]), ["Na", "K", "Cl"]
    errors = error_propagation.propagate(at, two, permeant, "davies", junction, UNCERTAINTY)
    shifts, names = errors.shift_mV(ln_p), errors.names

    def residual(source: systematic_errors.Source) -> list[float]:
        moved = [systematic_errors.moved(c, source) for c in at]
        predicted = measured(*moved).under(source.solutions, permeant, source.activity_model).predict(ln_p)
        added = [junctions.junction_mV(source.solutions, c, junction, source.activity_model) for c in moved]
        return [a - float(p) for a, p in zip(added, predicted, strict=True)]

    base = residual(systematic_errors.Source("", two, 0.0, "davies"))
    for source in systematic_errors.sources(two, UNCERTAINTY, "davies"):
        expected = [now - then for now, then in zip(residual(source), base, strict=True)]
        assert shifts[:, names.index(source.name)] == pytest.approx(expected, abs=1e-9)
    assert names == (*(s.name for s in systematic_errors.sources(two, UNCERTAINTY, "davies")), junctions.METHOD_ERROR)


@pytest.mark.parametrize(("method", "basis"), WAYS)
def test_the_choice_of_method_is_an_error_that_moves_all_baths(two: Solutions, method: str, basis: str) -> None:
    junction = Junction(method, basis, "S1", BRIDGE, 0.0, {})
    at = [Condition(bath, "pipette", "whole-cell", 22.0, "S1") for bath in ("S1", "S2")]
    errors = error_propagation.propagate(at, two, ["Na", "K"], "davies", junction, UNCERTAINTY)
    shifts, names = errors.shift_mV(np.zeros(2)), errors.names
    other_method = "henderson" if method == "nernst-planck" else "nernst-planck"

    def by_hand(bath: str, method: str, basis: str) -> float:
        return Circuit("whole-cell", "salt-bridge", method, basis).membrane(0.0, bath, "S1")

    expected = [by_hand(c.bath, other_method, basis) - by_hand(c.bath, method, basis) for c in at]
    assert shifts[:, names.index(junctions.METHOD_ERROR)] == pytest.approx(expected, abs=2 * EXACT["activity"])
    assert min(map(abs, expected)) > 1e-3


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no stationary junction be found."""

    def fails(pair: SolutionPair, temperature_C: float) -> float:
        raise NotSettled("not found")

    monkeypatch.setattr(liquid_junction, "METHODS", {**junction_methods.METHODS, "nernst-planck": fails})
    liquid_junction._potential_mV.cache_clear()
    yield
    liquid_junction._potential_mV.cache_clear()


@pytest.mark.usefixtures("unsettled")
@pytest.mark.parametrize("method", ["henderson", "nernst-planck"])
@pytest.mark.parametrize(("bath", "contacts"), [("S1", 1), ("S2", 3)])
def test_a_junction_that_is_not_found_has_hendersons_potential_and_a_large_error(
    two: Solutions, method: str, bath: str, contacts: int
) -> None:
    henderson, junction = (Junction(how, "activity", "S1", BRIDGE, 0.0, {}) for how in ("henderson", method))
    at = Condition(bath, "pipette", "whole-cell", 22.0, "S1")
    terms = junctions.ledger(two, at, junction, "davies")
    expected = [term.applied_mV for term in junctions.ledger(two, at, henderson, "davies")]
    assert [term.applied_mV for term in terms] == expected
    assert not any("Nernst-Planck" in term.statement for term in terms)
    of_contacts = [junctions.unsettled_se_mV(two, term, at, junction, "davies") for term in terms]
    assert sum(map(len, of_contacts)) == contacts
    errors = junctions.method_difference_mV(two, at, junction, "davies")
    assert errors.tolist() == [sum(each.values()) for each in of_contacts]
    assert all(error >= 10 for each in of_contacts for error in each.values())
    found = error_propagation.propagate([at], two, ["Na", "K"], "davies", junction, UNCERTAINTY)
    assert abs(found.shift_mV(np.zeros(2))[:, -1]) == pytest.approx(errors.sum())
    for term, each in zip(terms, of_contacts, strict=True):
        remarks = junctions.unsettled_remarks(two, term, at, junction, "davies")
        assert len(remarks) == len(each)
        assert all("no stationary junction (Nernst-Planck)" in remark for remark in remarks)
        found_mV = junctions.potential_mV(two, term, at, junction, "davies", "nernst-planck")
        assert math.isnan(found_mV) or not each


def test_a_bridge_of_which_one_junction_is_not_found_names_both_methods(
    two: Solutions, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_S2 = [amount for amount in two.row("S2", 22.0, "davies").tolist() if amount]

    def fails_in_S2(pair: SolutionPair, temperature_C: float) -> float:
        if [amount for amount in np.asarray(pair.bath_mM).tolist() if amount] == of_S2:
            raise NotSettled("not found")
        return junction_methods.METHODS["nernst-planck"](pair, temperature_C)

    monkeypatch.setattr(liquid_junction, "METHODS", {**junction_methods.METHODS, "nernst-planck": fails_in_S2})
    liquid_junction._potential_mV.cache_clear()
    junction = Junction("nernst-planck", "activity", "S1", BRIDGE, 0.0, {})
    at = Condition("S2", "pipette", "whole-cell", 22.0, "S1")
    statement = junctions.ledger(two, at, junction, "davies")[1].statement
    liquid_junction._potential_mV.cache_clear()
    both = "(Henderson, activities by davies, 22 C and Nernst-Planck, activities by davies, 22 C)"
    assert both in statement


@pytest.mark.usefixtures("unsettled")
def test_the_error_of_a_junction_that_is_not_found_is_its_own_size(tmp_path: Path) -> None:
    solutions = parsed(tmp_path)
    junction = Junction("henderson", "concentration", "same", None, 0.0, {})
    at = Condition("potassium", "tenth", "whole-cell", 22.0, "same")
    (term,) = junctions.ledger(solutions, at, junction, "davies")
    (error,) = junctions.method_difference_mV(solutions, at, junction, "davies")
    assert abs(error) == max(abs(term.applied_mV), 10.0)
    steep = parsed(tmp_path, TEXT + "thin,0.000001,,,,,,\n")
    (far,) = junctions.ledger(steep, replace(at, pipette="thin"), junction, "davies")
    (error,) = junctions.method_difference_mV(steep, replace(at, pipette="thin"), junction, "davies")
    assert abs(error) == abs(far.applied_mV) > 10.0


def test_what_was_measured_or_not_corrected_has_no_error_of_its_calculation(two: Solutions) -> None:
    at = [Condition(bath, "pipette", "whole-cell", 22.0, "S1") for bath in ("S1", "S2")]
    given = Junction("henderson", "concentration", "S1", BRIDGE, 0.0, {"S1": 3.0, "S2": 4.0})
    for junction in (given, Junction("none", "concentration", None, None, 0.0, {})):
        errors = error_propagation.propagate(at, two, ["Na", "K"], "davies", junction, UNCERTAINTY)
        shifts, names = errors.shift_mV(np.zeros(2)), errors.names
        of_junctions = [names.index(name) for name in (junctions.METHOD_ERROR, systematic_errors.IN_SOLUTION)]
        assert not shifts[:, of_junctions].any()
    (error,) = junctions.shared_se_mV(two, at[0], given, "davies", UNCERTAINTY)
    assert error == 0
