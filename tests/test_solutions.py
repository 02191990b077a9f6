"""Recipes become ions; the junction ledger against potentials summed by hand; shared errors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nernstfit import solutions as chemistry
from nernstfit import tables
from nernstfit.settings import Junction, Reference, Uncertainty
from nernstfit.solutions import Condition, Solutions

RT_F_22 = 8.31446261815324 * 295.15 / 96485.3321233100184 * 1e3
# Absolute mobilities relative to K, by hand from limiting conductivities (JPCalcW).
U = {"Na": 0.682, "K": 1.0, "Cl": 1.0388, "gluconate": 0.33}
Z = {"Na": 1, "K": 1, "Cl": -1, "gluconate": -1}

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
    found, faults = chemistry.parse(tables.read(path), "solutions.csv")
    assert not faults
    return found


@pytest.fixture
def recipes(tmp_path: Path) -> Solutions:
    return parsed(tmp_path)


def composition(recipes: Solutions, name: str) -> dict[str, float]:
    return {
        ion.name: amount for ion, amount in zip(recipes.ions, recipes.row(name).tolist(), strict=True) if amount > 0
    }


# Recipes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("control", {"Na": 140, "K": 5, "Ca": 2, "Cl": 149}),
        ("pipette", {"Na": 10, "K": 130, "Cl": 40, "gluconate": 100}),
        ("bridge", {"K": 3000, "Cl": 3000}),
        ("sulfate", {"K": 5, "Cl": 5, "Na": 140, "SO4": 70}),
    ],
)
def test_salts_add_up_to_their_ions(recipes: Solutions, name: str, expected: dict[str, float]) -> None:
    assert composition(recipes, name) == pytest.approx(expected)


def test_ions_and_salts_of_one_solution_add_up(tmp_path: Path) -> None:
    recipes = parsed(tmp_path, "solution,NaCl,Na,Cl,KCl\ncontrol,100,45,47,2\n")
    assert composition(recipes, "control") == pytest.approx({"Na": 145, "Cl": 149, "K": 2})


def test_a_salt_may_stand_in_two_spellings(tmp_path: Path) -> None:
    recipes = parsed(tmp_path, "solution,NMDG-Cl,NMDGCl\ncontrol,100,45\n")
    assert composition(recipes, "control") == pytest.approx({"NMDG": 145, "Cl": 145})


def test_uncharged_substances_are_no_ions(recipes: Solutions) -> None:
    assert dict(zip(recipes.names, recipes.uncharged_mM.tolist(), strict=True)) == {
        **dict.fromkeys(recipes.names, 0.0),
        **{"control": 10.0, "half": 150.0, "tenth": 250.0, "potassium": 10.0},
    }
    assert not {"glucose", "sucrose"} & {ion.name for ion in recipes.ions}


def test_blank_is_nothing(recipes: Solutions) -> None:
    assert "gluconate" not in composition(recipes, "control")
    assert recipes.activity_mM("control", ["gluconate", "Cs"], "davies", 22).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("row", "excess"),
    [("100,100,0,0", 0.0), ("100,90,0,0", 10.0), ("0,10,0,3", -4.0), ("0,0,5,0", 10.0), ("0,6,0,3", 0.0)],
)
def test_the_charge_excess_is_the_sum_of_charges(tmp_path: Path, row: str, excess: float) -> None:
    recipes = parsed(tmp_path, f"solution,Na,Cl,Mg,Ca\nx,{row}\n")
    assert recipes.charge_excess_meq_per_l == pytest.approx([excess])


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    one = parsed(tmp_path, "solution,NaCl,KCl\nx,1,2\n")
    other = parsed(tmp_path, "solution,KCl,NaCl\nx,2,1\n")
    assert one.ions == other.ions
    assert np.array_equal(one.concentration_mM, other.concentration_mM)


def test_an_activity_is_a_coefficient_times_a_concentration(recipes: Solutions) -> None:
    names = [ion.name for ion in recipes.ions]
    coefficients = recipes.coefficients("davies", 25.0)[recipes.names.index("control")]
    strength = (140 + 5 + 149 + 4 * 2) / 2000
    root = math.sqrt(strength)
    log_gamma = -0.5085 * (root / (1 + root) - 0.3 * strength)
    assert coefficients[names.index("Na")] == pytest.approx(10**log_gamma, rel=1e-12)
    assert coefficients[names.index("Ca")] == pytest.approx(10 ** (4 * log_gamma), rel=1e-12)
    assert recipes.activity_mM("control", ["Na"], "davies", 25.0)[0] == pytest.approx(140 * 10**log_gamma)
    assert recipes.activity_mM("control", ["Na"], "concentration", 25.0)[0] == 140.0


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


def above(first: str, second: str) -> float:
    """Potential of one solution minus that of another where they touch, Henderson's equation, mV at 22 C."""
    ions = {*C[first], *C[second]}
    step = {i: C[first].get(i, 0) - C[second].get(i, 0) for i in ions}
    conductance = [sum(Z[i] ** 2 * U[i] * C[s].get(i, 0) for i in ions) for s in (first, second)]
    drive = sum(Z[i] * U[i] * step[i] for i in ions) / sum(Z[i] ** 2 * U[i] * step[i] for i in ions)
    return RT_F_22 * drive * math.log(conductance[1] / conductance[0])


def silver(bath: str) -> float:
    """Potential of a silver chloride wire minus the solution it stands in, up to a constant."""
    return -RT_F_22 * math.log(C[bath]["Cl"])


def reference_minus_bath(bath: str, kind: str) -> float:
    """The metal of the reference electrode minus the bath, up to a constant that no bath changes."""
    return {"salt-bridge": above("bridge", bath), "pellet": silver(bath), "none": 0.0}[kind]


def membrane(command: float, bath: str, zeroed: str, kind: str, inside_out: bool) -> float:
    """Inside minus outside, by going round the circuit from the reference wire to the pipette's wire.

    The electrode offset makes the amplifier read 0 while the pipette stands open in `zeroed`. Pipette
    wire minus pipette solution is a constant, and it cancels.
    """

    def pipette_minus_reference(v_patch: float, present: str, touches: str | None) -> float:
        pipette_minus_bath = v_patch if touches is None else above("pipette", touches)
        return pipette_minus_bath - reference_minus_bath(present, kind)

    offset = pipette_minus_reference(0.0, zeroed, touches=zeroed)
    # command = (pipette - reference) - offset, with the patch between pipette and bath
    pipette_minus_bath = command + offset - pipette_minus_reference(0.0, bath, touches=None)
    return -pipette_minus_bath if inside_out else pipette_minus_bath


@pytest.fixture
def two(tmp_path: Path) -> Solutions:
    return plain(parsed(tmp_path, TWO))


def corrections(
    recipes: Solutions, bath: str, zeroed: str, kind: str, configuration: str, **more: object
) -> tuple[chemistry.Term, ...]:
    reference = Reference(kind, "bridge" if kind == "salt-bridge" else None)
    junction = Junction("henderson", "concentration", zeroed, reference, 0.0, {})
    condition = Condition(bath, "pipette", configuration, 22.0, zeroed)
    return chemistry.ledger(recipes, condition, replace(junction, **more), "concentration")  # type: ignore[arg-type]


def total(terms: Iterable[chemistry.Term]) -> float:
    return sum(term.applied_mV for term in terms)


@pytest.mark.parametrize("configuration", ["whole-cell", "outside-out", "inside-out"])
@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
@pytest.mark.parametrize(("bath", "zeroed"), [("S1", "S1"), ("S2", "S1"), ("S1", "S2"), ("S2", "S2")])
@pytest.mark.parametrize("command", [-73.0, 0.0, 12.5])
def test_the_ledger_is_what_the_circuit_gives(
    two: Solutions, configuration: str, kind: str, bath: str, zeroed: str, command: float
) -> None:
    sign = -1 if configuration == "inside-out" else 1
    by_hand = membrane(command, bath, zeroed, kind, inside_out=sign < 0)
    terms = corrections(two, bath, zeroed, kind, configuration)
    assert sign * command + total(terms) == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize("configuration", ["whole-cell", "outside-out", "inside-out"])
@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
@pytest.mark.parametrize("bath", ["S1", "S2"])
def test_an_offset_zeroed_anew_leaves_only_the_pipettes_junction(
    two: Solutions, configuration: str, kind: str, bath: str
) -> None:
    sign = -1 if configuration == "inside-out" else 1
    terms = corrections(two, bath, "same", kind, configuration)
    assert total(terms) == pytest.approx(-sign * above(bath, "pipette"), abs=1e-9)
    assert [term.name for term in terms] == ["pipette"]
    assert total(terms) == pytest.approx(membrane(0.0, bath, bath, kind, inside_out=sign < 0), abs=1e-9)


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
    _, term = chemistry.ledger(recipes, condition, junction, "davies")
    a = [recipes.activity_mM(name, ["Cl"], "davies", 22.0)[0] for name in ("control", "tenth")]
    assert term.applied_mV == pytest.approx(RT_F_22 * math.log(a[0] / a[1]), rel=1e-9)
    assert term.applied_mV < RT_F_22 * math.log(149 / 14.9) - 1


@pytest.mark.parametrize(("configuration", "sign"), [("whole-cell", 1), ("outside-out", 1), ("inside-out", -1)])
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


@pytest.mark.parametrize(("configuration", "sign"), [("whole-cell", 1), ("inside-out", -1)])
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
    assert chemistry.ledger(two, condition, junction, "davies") == ()
    assert chemistry.junction_mV(two, condition, junction, "davies") == 0
    assert list(chemistry.lacking(two, condition, junction)) == []


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
    found = dict(chemistry.lacking(solutions, condition, junction))
    assert found.keys() == named.keys()
    assert all(f"found {words};" in found[name] for name, words in named.items())
    if found:
        with pytest.raises(ValueError, match="no "):
            chemistry.ledger(solutions, condition, junction, "davies")
    elif bath in solutions.names:
        assert math.isfinite(chemistry.junction_mV(solutions, condition, junction, "davies"))
    measured = replace(junction, measured_mV={bath: 3.0})
    assert list(chemistry.lacking(solutions, condition, measured)) == []


def test_a_bridge_without_ions_is_named(tmp_path: Path) -> None:
    junction = Junction("henderson", "concentration", "S1", Reference("salt-bridge", "sweet"), 0.0, {})
    condition = Condition("S1", "pipette", "whole-cell", 22.0, "S1")
    assert [name for name, _ in chemistry.lacking(parsed(tmp_path, NO_ION), condition, junction)] == ["sweet"]


def test_a_solution_that_could_not_be_read_wholly_is_not_said_to_lack_ions(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("solution,Nacl2,KCl\nA,140,\nB,0,1x\nC,,0\nD,1,5\n")
    solutions, faults = chemistry.parse(tables.read(path), "s.csv")
    assert len(faults) == 2
    assert solutions.doubtful == {"A", "B", "D"}
    junction = Junction("henderson", "concentration", "same", None, 0.0, {})
    named = [n for n, _ in chemistry.lacking(solutions, Condition("A", "C", "whole-cell", 22.0, "same"), junction)]
    assert named == ["C"]


def test_the_order_of_rows_and_columns_changes_no_bit() -> None:
    columns = {
        "NaCl": ["0.1", "4", "7"],
        "Na": ["0.2", "5", "8"],
        "Na2SO4": ["0.3", "6", "9"],
        "KCl": ["0.7", "1", "1"],
    }
    frame = pd.DataFrame({"solution": ["b", "a", "c"], **columns}, index=[2, 3, 4])
    first, _ = chemistry.parse(frame, "s.csv")
    turned, _ = chemistry.parse(frame.iloc[::-1, ::-1], "s.csv")
    assert first.names == turned.names == ("a", "b", "c")
    assert first.ions == turned.ions
    assert (first.concentration_mM == turned.concentration_mM).all()
    assert first.row("b")[[ion.name for ion in first.ions].index("Na")] == pytest.approx(0.1 + 0.2 + 2 * 0.3)


@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
@pytest.mark.parametrize("configuration", ["whole-cell", "inside-out"])
def test_equal_solutions_have_no_junction(tmp_path: Path, kind: str, configuration: str) -> None:
    recipes = parsed(tmp_path, "solution,NaCl,KCl\nS1,140,5\nS2,140,5\npipette,140,5\nbridge,,3000\n")
    for zeroed in ("S1", "S2", "same"):
        terms = corrections(recipes, "S2", zeroed, kind, configuration)
        assert [math.copysign(1, t.applied_mV) * t.applied_mV for t in terms] == [0.0] * len(terms)


@pytest.mark.parametrize("kind", ["salt-bridge", "pellet", "none"])
def test_a_bath_change_and_back_adds_nothing(two: Solutions, kind: str) -> None:
    there = corrections(two, "S2", "S1", kind, "whole-cell")[1].applied_mV
    back = corrections(two, "S1", "S2", kind, "whole-cell")[1].applied_mV
    assert there == pytest.approx(-back, abs=1e-12)


def test_every_term_names_its_solutions_and_says_what_was_added(two: Solutions) -> None:
    for configuration in ("whole-cell", "inside-out"):
        for term in corrections(two, "S2", "S1", "salt-bridge", configuration, already_corrected_mV=3.0):
            assert f"{term.applied_mV:+.2f} mV was added" in term.statement
            assert configuration in term.statement or term.name == "already"


@pytest.mark.parametrize(
    ("configuration", "sign", "inside", "outside"),
    [("whole-cell", 1, "p", "b"), ("outside-out", 1, "p", "b"), ("inside-out", -1, "b", "p")],
)
def test_which_solution_is_inside(configuration: str, sign: int, inside: str, outside: str) -> None:
    condition = Condition("b", "p", configuration, 22.0, "same")
    assert (condition.sign, condition.inside, condition.outside) == (sign, inside, outside)


# Shared errors: one source is one random number


UNCERTAINTY = Uncertainty(concentration_percent=2.0, temperature_C=0.5, mobility_percent=None)


def test_there_is_a_source_for_each_solution_each_mobility_and_the_temperature(recipes: Solutions) -> None:
    names = [source.name for source in chemistry.sources(recipes, UNCERTAINTY)]
    assert len(names) == len(set(names)) == len(recipes.names) + len(recipes.ions) + 1


@pytest.mark.parametrize("name", ["control", "bridge"])
def test_a_concentration_moves_its_own_solution_alone(recipes: Solutions, name: str) -> None:
    source = {s.name: s for s in chemistry.sources(recipes, UNCERTAINTY)}[f"concentration of {name}"]
    for solution in recipes.names:
        factor = 1.02 if solution == name else 1.0
        assert source.solutions.row(solution) == pytest.approx(factor * recipes.row(solution), rel=1e-12)
    assert source.solutions.ions == recipes.ions
    assert source.warmer_C == 0.0


@pytest.mark.parametrize(("mobility_percent", "expected"), [(None, None), (3.0, 3.0), (0.0, 0.0)])
def test_a_mobility_moves_its_own_ion_alone_by_its_own_error(
    recipes: Solutions, mobility_percent: float | None, expected: float | None
) -> None:
    uncertainty = replace(UNCERTAINTY, mobility_percent=mobility_percent)
    moved = {s.name: s for s in chemistry.sources(recipes, uncertainty)}
    for own, ion in enumerate(recipes.ions):
        source = moved[f"mobility of {ion.name}"]
        percent = ion.mobility_percent if expected is None else expected
        ratio = source.solutions.mobility / recipes.mobility
        assert ratio == pytest.approx([1 + percent / 100 * (i == own) for i in range(len(ratio))], rel=1e-12)
        assert np.array_equal(source.solutions.concentration_mM, recipes.concentration_mM)
        assert source.warmer_C == 0.0


def test_the_temperature_moves_every_condition_and_no_solution(recipes: Solutions) -> None:
    source = {s.name: s for s in chemistry.sources(recipes, UNCERTAINTY)}["temperature"]
    assert source.solutions is recipes
    condition = Condition("control", "pipette", "whole-cell", 22.0, "same")
    assert chemistry.moved(condition, source) == replace(condition, temperature_C=22.5)


def test_a_mobility_error_cancels_where_it_acts_on_both_sides_of_a_bridge(recipes: Solutions) -> None:
    # Na to K through 3 M KCl: one mobility of Na moves the two bridge junctions together.
    junction = Junction("henderson", "concentration", "control", Reference("salt-bridge", "bridge"), 0.0, {})
    condition = Condition("half", "pipette", "whole-cell", 22.0, "control")
    base = chemistry.ledger(recipes, condition, junction, "davies")[1].applied_mV
    source = {s.name: s for s in chemistry.sources(recipes, UNCERTAINTY)}["mobility of Na"]
    together = chemistry.ledger(source.solutions, condition, junction, "davies")[1].applied_mV - base
    assert 0 < abs(together) < 0.05


def test_shared_errors_leave_the_solutions_as_they_were(recipes: Solutions) -> None:
    before = recipes.concentration_mM.copy()
    chemistry.sources(recipes, UNCERTAINTY)
    assert np.array_equal(recipes.concentration_mM, before)
