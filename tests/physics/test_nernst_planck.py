"""The stationary junction against its own equations, integrated by other means, and against closed forms."""

from __future__ import annotations

import csv
import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane.junction import SolutionPair, coefficients_mV, henderson_mV
from nernstfit.physics.membrane.junction_methods import METHODS
from nernstfit.physics.membrane.nernst_planck import Profile, nernst_planck_mV, nernst_planck_profile
from nernstfit.physics.solution.coefficients import coefficients
from nernstfit.physics.solution.ions import IONS, Ion

CASES = list(csv.DictReader((Path(__file__).parent / "data" / "ljp_cases.csv").open(encoding="utf-8")))
STATIONARY = [case for case in CASES if case["kind"].startswith("stationary")]

Solution = dict[str, float]
INTERNAL = {"K": 130.0, "gluconate": 110.0, "Na": 9.0, "Mg": 2.0, "Cl": 25.0, "EGTA4": 2.0}
SALINE = {"Na": 150.0, "K": 3.0, "Ca": 2.4, "Mg": 1.5, "Cl": 133.8, "HCO3": 25.0, "SO4": 1.0}
# (pipette, bath): patch solutions; 1,000 : 1 both ways; ions on one side only; three charges against one.
PAIRS: dict[str, tuple[Solution, Solution]] = {
    "patch": (INTERNAL, SALINE),
    "thousandth": (INTERNAL, {ion: amount / 1000 for ion, amount in SALINE.items()}),
    "thousandfold": ({"K": 3.0, "Cl": 3.0}, {"Na": 1000.0, "Mg": 1000.0, "Cl": 3000.0}),
    "nothing in common": ({"Cs": 140.0, "F": 140.0}, {"Ca": 70.0, "aspartate": 140.0}),
    "high charges": ({"La": 10.0, "Cl": 30.0}, {"Na": 40.0, "ATP4": 10.0}),
    "bridge": ({"K": 3000.0, "Cl": 3000.0}, SALINE),
}


def stationary_mV(
    bath: object, pipette: object, valence: object, mobility: object, temperature_C: float, coefficients: object = None
) -> float:
    return nernst_planck_mV(SolutionPair(bath, pipette, valence, mobility, coefficients), temperature_C)


def stationary_profile(
    bath: object, pipette: object, valence: object, mobility: object, temperature_C: float
) -> Profile:
    return nernst_planck_profile(SolutionPair(bath, pipette, valence, mobility), temperature_C)


def arrays(bath: Solution, pipette: Solution, ions: list[str] | None = None) -> tuple[np.ndarray, ...]:
    names = ions or sorted({*bath, *pipette})
    return (
        np.array([bath.get(name, 0.0) for name in names]),
        np.array([pipette.get(name, 0.0) for name in names]),
        np.array([IONS[name].valence for name in names], float),
        np.array([IONS[name].mobility for name in names]),
    )


def neutral(solution: Solution) -> Solution:
    """The same with its chloride, or its sodium, raised until the charges add up."""
    excess = sum(IONS[ion].valence * amount for ion, amount in solution.items())
    balance = "Cl" if excess > 0 else "Na"
    return {**solution, balance: solution.get(balance, 0.0) + abs(excess)}


def carried(
    flux: np.ndarray, pipette: np.ndarray, valence: np.ndarray, mobility: np.ndarray, places: np.ndarray | None = None
) -> np.ndarray:
    """Concentrations and F V / RT at some places, or at the bath: from the pipette on with given fluxes, in x."""
    force = flux / mobility

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        field = -(valence @ force) / (valence**2 @ state[:-1])
        return np.append(-force - valence * state[:-1] * field, field)

    asked = np.array([1.0]) if places is None else np.clip(places, 0.0, 1.0)
    start = np.append(pipette, 0.0)
    return np.asarray(solve_ivp(slope, (0, 1), start, "LSODA", asked, rtol=1e-11, atol=1e-13).y.T)


@pytest.mark.parametrize("case", STATIONARY, ids=[case["id"] for case in STATIONARY])
def test_published_case(case: dict[str, str]) -> None:
    pipette, bath = (
        {ion: float(value) for ion, value in (part.split() for part in case[side].split(";"))}
        for side in ("pipette_mM", "bath_mM")
    )
    potential_mV = stationary_mV(*arrays(bath, pipette), float(case["temperature_C"]))
    assert potential_mV == pytest.approx(float(case["expected_mV"]), abs=float(case["tolerance_mV"]))


@pytest.mark.parametrize("pair", PAIRS)
def test_the_equations_hold_from_end_to_end(pair: str) -> None:
    pipette, bath = map(neutral, PAIRS[pair])
    b, p, z, u = arrays(bath, pipette)
    profile = stationary_profile(b, p, z, u, 25)
    (arrived,) = carried(profile.flux, p, z, u)
    assert arrived[:-1] == pytest.approx(b, rel=1e-6, abs=1e-6 * max(b.max(), p.max()))
    assert arrived[-1] * thermal_voltage_mV(25) == pytest.approx(profile.potential_mV[-1], rel=1e-6)
    assert abs(z @ profile.flux) < 1e-9 * (abs(z) @ abs(profile.flux))


@pytest.mark.parametrize("pair", PAIRS)
def test_every_place_of_the_profile_is_neutral_and_has_the_same_fluxes(pair: str) -> None:
    pipette, bath = map(neutral, PAIRS[pair])
    b, p, z, u = arrays(bath, pipette)
    profile = stationary_profile(b, p, z, u, 25)
    c, v = profile.concentration_mM, profile.potential_mV / thermal_voltage_mV(25)
    assert np.all(c >= -1e-9 * c.max(axis=0))
    assert np.array_equal(profile.place, np.sort(profile.place))
    assert (profile.place[0], profile.place[-1]) == (0, 1)
    assert c[0] == pytest.approx(p, rel=1e-12, abs=1e-12)
    assert c[-1] == pytest.approx(b, rel=1e-9, abs=1e-12)
    assert abs(c @ z) == pytest.approx(0, abs=1e-9 * (c @ abs(z)).max())
    by_fluxes = carried(profile.flux, p, z, u, profile.place)
    assert c == pytest.approx(by_fluxes[:, :-1], rel=1e-6, abs=1e-6 * c.max())
    assert v == pytest.approx(by_fluxes[:, -1], rel=1e-6, abs=1e-8)


def test_every_order_of_the_ions_gives_the_same_bits() -> None:
    # K and NH4 move alike: nothing but their amounts tells them apart.
    pipette, bath = {"K": 140.0, "Cl": 100.0, "gluconate": 40.0}, {"Na": 120.0, "NH4": 20.0, "Ca": 2.0, "Cl": 144.0}
    ions = sorted({*bath, *pipette})
    found = {stationary_mV(*arrays(bath, pipette, list(order)), 22) for order in itertools.permutations(ions)}
    assert len(found) == 1
    profile = stationary_profile(*arrays(bath, pipette, ions), 22)
    other = stationary_profile(*arrays(bath, pipette, ions[::-1]), 22)
    assert np.array_equal(profile.flux, other.flux[::-1])
    assert np.array_equal(profile.concentration_mM, other.concentration_mM[:, ::-1])


@pytest.mark.parametrize("dilution", [1e-6, 1e-3, 0.1, 10.0, 1e3, 1e6])
def test_a_gradient_takes_no_more_places_than_none(dilution: float) -> None:
    """The time of a junction grows with the square of its places; logarithms of a single salt are straight."""
    profile = stationary_profile([100.0 * dilution, 200 * dilution], [100.0, 200], [2, -1], [0.4, 1.0388], 25)
    assert len(profile.place) == len(stationary_profile([100.0, 200], [100.0, 200], [2, -1], [0.4, 1.0388], 25).place)


@pytest.mark.parametrize("dilution", [1e-6, 1e-3, 0.1, 0.999, 1.0, 1.001, 10.0, 1e3, 1e6])
def test_one_salt_is_hendersons_case(dilution: float) -> None:
    for valence, salt in (([1, -1], [150.0, 150]), ([2, -1], [100.0, 200])):
        arguments = (np.array(salt) * dilution, salt, valence, [0.4, 1.0388], 25)
        assert stationary_mV(*arguments) == pytest.approx(henderson_mV(*arguments), rel=1e-9, abs=1e-9)


def test_salts_of_one_concentration_and_a_common_anion_are_hendersons_case() -> None:
    """RT/F ln((u_Na + u_Cl) / (u_K + u_Cl)): Lewis and Sargent's formula, V_bath - V_pipette."""
    arguments = ([0.0, 150, 150], [150.0, 0, 150], [1, 1, -1], [0.682, 1.0, 1.0388], 25)
    expected = thermal_voltage_mV(25) * np.log((0.682 + 1.0388) / (1.0 + 1.0388))
    assert stationary_mV(*arguments) == pytest.approx(expected, rel=1e-9)


def planck_mV(b: np.ndarray, p: np.ndarray, z: np.ndarray, u: np.ndarray) -> float:
    """Planck's own equation for ions of one charge, solved for xi = exp(v) by bisection."""
    (cation_b, cation_p), (anion_b, anion_p) = ([(u * end)[z == sign].sum() for end in (b, p)] for sign in (1, -1))
    total_b, total_p = b.sum() / 2, p.sum() / 2

    def excess(v: float) -> float:
        xi, ln_c = np.exp(v), np.log(total_b / total_p)
        left = (xi * cation_b - cation_p) / (anion_b - xi * anion_p)
        return float(left - (ln_c - v) / (ln_c + v) * (xi * total_b - total_p) / (total_b - xi * total_p))

    near = float(henderson_mV(b, p, z, u, 25) / thermal_voltage_mV(25))
    low, high = near - 0.3, near + 0.3
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(low) * excess(middle) > 0 else (low, middle)
    return low * float(thermal_voltage_mV(25))


@pytest.mark.parametrize("factor", [2.0, 10.0, 1000.0])
def test_ions_of_one_charge_obey_plancks_equation(factor: float) -> None:
    pipette, bath = {"K": 3.0, "Cl": 2.0, "gluconate": 1.0}, {"Na": factor * 2, "Li": factor, "Cl": factor * 3}
    arguments = arrays(bath, pipette)
    assert stationary_mV(*arguments, 25) == pytest.approx(planck_mV(*arguments), abs=1e-8)


charged = st.sampled_from(sorted(IONS))
amount = st.floats(-2, 2.5).map(lambda power: 10**power)
solution = st.dictionaries(charged, amount, min_size=1, max_size=4).map(neutral)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(solution, solution)
def test_exchanged_solutions_change_the_sign(bath: Solution, pipette: Solution) -> None:
    there = stationary_mV(*arrays(bath, pipette), 22)
    assert there == pytest.approx(-stationary_mV(*arrays(pipette, bath), 22), abs=1e-8)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(solution, solution)
def test_any_two_solutions_have_a_stationary_junction(bath: Solution, pipette: Solution) -> None:
    b, p, z, u = arrays(bath, pipette)
    profile = stationary_profile(b, p, z, u, 25)
    (arrived,) = carried(profile.flux, p, z, u)
    assert arrived[:-1] == pytest.approx(b, abs=1e-6 * max(b.max(), p.max()))
    assert arrived[-1] * thermal_voltage_mV(25) == pytest.approx(profile.potential_mV[-1], abs=1e-5)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(solution)
def test_identical_solutions_have_none(same: Solution) -> None:
    assert stationary_mV(*arrays(same, same), 22) == pytest.approx(0, abs=1e-12)


def test_it_is_near_henderson_between_patch_solutions() -> None:
    b, p, z, u = arrays(neutral(SALINE), neutral(INTERNAL))
    assert 0.01 < abs(stationary_mV(b, p, z, u, 22) - henderson_mV(b, p, z, u, 22)) < 0.5


def test_a_charge_excess_is_balanced_by_what_does_not_move() -> None:
    # Completed by hand with an ion of hardly any mobility, the potential is the same.
    b, p, z, u = arrays({"Na": 145.0, "Cl": 140.0}, {"K": 130.0, "Cl": 135.0})
    by_hand = [np.append(values, extra) for values, extra in ((b, 5.0), (p, 0.0), (z, -1.0), (u, 1e-9))]
    by_hand = [np.append(values, extra) for values, extra in zip(by_hand, (0.0, 5.0, 1.0, 1e-9), strict=True)]
    assert stationary_mV(b, p, z, u, 22) == pytest.approx(stationary_mV(*by_hand, 22), abs=1e-6)


def test_a_solution_without_ions_is_nan() -> None:
    empty, saline = np.zeros(2), np.array([140.0, 140])
    for bath, pipette in ((empty, saline), (saline, empty), (empty, empty)):
        assert np.isnan(stationary_mV(bath, pipette, [1, -1], [0.682, 1.0388], 22))


# Activities


def test_one_salt_moves_by_its_transport_numbers_and_its_activities() -> None:
    """dV = -(RT/F) sum (t_i / z_i) d ln a_i, with transport numbers that a single salt keeps."""
    z, u = np.array([2.0, -1.0]), np.array([0.4048, 1.0388])
    b, p = np.array([2.0, 4.0]), np.array([110.0, 220.0])
    part = z**2 * u * p / (z**2 * u * p).sum()
    change = np.log(_coefficients(b[None])[0] * b / (_coefficients(p[None])[0] * p))
    expected = -thermal_voltage_mV(25) * (part / z * change).sum()
    assert stationary_mV(b, p, z, u, 25, _coefficients) == pytest.approx(expected, rel=1e-6)
    by_henderson = henderson_mV(b, p, z, u, 25) + coefficients_mV(SolutionPair(b, p, z, u, _coefficients), 25)
    assert by_henderson == pytest.approx(expected, rel=1e-6)


def _coefficients(content: np.ndarray) -> np.ndarray:
    """Coefficients of two ions that depend on the concentrations, unlike each other."""
    strength = content.sum(axis=1) / 1000
    return np.exp(np.outer(-np.sqrt(strength) / (1 + np.sqrt(strength)), [2.0, 0.6]))


def test_a_common_coefficient_changes_nothing() -> None:
    arguments = arrays(neutral(SALINE), neutral(INTERNAL))
    plain = stationary_mV(*arguments, 22)
    assert stationary_mV(*arguments, 22, lambda content: np.full(content.shape, 0.7)) == pytest.approx(plain, abs=1e-12)


# Pipette, bath, and V_bath - V_pipette at 22 C on concentrations and on activities (MacInnes), calculated independently
# with the coefficients of Henderson's linear mixture.
ON_ACTIVITIES = [
    ({"Cs": 140.0, "Cl": 140.0}, {"Ca": 110.0, "Cl": 220.0}, 10.36, 9.52),
    ({"Na": 145.0, "Cl": 145.0}, {"Na": 190.0, "SO4": 95.0}, -6.82, -6.68),
    ({"Cs": 140.0, "Cl": 140.0}, {"Na": 150.0, "Cl": 150.0}, 5.10, 4.61),
    ({"Na": 150.0, "Cl": 150.0}, {"Na": 15.0, "Cl": 15.0}, -12.14, -10.90),
]


@pytest.mark.parametrize(("pipette", "bath", "on_concentrations", "on_activities"), ON_ACTIVITIES)
def test_activities_move_the_junction_by_the_change_of_their_coefficients(
    pipette: Solution, bath: Solution, on_concentrations: float, on_activities: float
) -> None:
    names = sorted({*bath, *pipette})
    ions = [IONS[name] for name in names]
    of_model = partial(_of_model, ions)
    ends = [np.array([side.get(name, 0.0) for name in names]) for side in (bath, pipette)]
    charges = [ion.valence for ion in ions], [ion.mobility for ion in ions]
    for method in METHODS.values():
        assert method(SolutionPair(*ends, *charges), 22) == pytest.approx(on_concentrations, abs=0.1)
        found = method(SolutionPair(*ends, *charges, of_model), 22)
        assert found == pytest.approx(on_activities, abs=0.05)
        assert method(SolutionPair(*ends[::-1], *charges, of_model), 22) == pytest.approx(-found, abs=1e-6)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_coefficients_settle_in_a_few_rounds(pair: str) -> None:
    """Most of the time of a junction on activities is that of its coefficients."""
    pipette, bath = map(neutral, PAIRS[pair])
    names = sorted({*bath, *pipette})
    asked: list[int] = []

    def of_model(content: np.ndarray) -> np.ndarray:
        asked.append(len(content))
        return _of_model([IONS[name] for name in names], content)

    profile = nernst_planck_profile(SolutionPair(*arrays(bath, pipette, names), of_model), 22)
    assert len(asked) <= 12
    assert asked[-1] == len(profile.place)
    repeated = {nodes for nodes in asked if asked.count(nodes) > 1}
    assert len(repeated) == 1  # one round shows that a degree will not suffice


@pytest.mark.parametrize("model", ["davies", "pitzer:macinnes"])
def test_on_activities_the_fluxes_are_the_same_everywhere(model: str) -> None:
    """Fluxes between neighbouring places, from concentrations, coefficients and potential, by the trapezoidal rule."""
    for pipette, bath in (
        (neutral(INTERNAL), neutral(SALINE)),
        ({"Cs": 140.0, "Cl": 140.0}, {"Ca": 110.0, "Cl": 220.0}),
    ):
        names = sorted({*bath, *pipette})
        ions = [IONS[name] for name in names]
        b, p, z, u = arrays(bath, pipette, names)
        pair = SolutionPair(b, p, z, u, lambda content, ions=ions: coefficients(model, content, ions, 25.0))
        profile = nernst_planck_profile(pair, 25)
        c, v = profile.concentration_mM, profile.potential_mV / thermal_voltage_mV(25)
        weight = coefficients(model, c, ions, 25.0) * np.exp(np.outer(v, z))
        passed = np.diff(weight * c, axis=0)
        expected = -(profile.flux / u) * np.diff(profile.place)[:, None] * (weight[1:] + weight[:-1]) / 2
        assert passed == pytest.approx(expected, rel=0.01, abs=1e-3 * np.abs(passed).max())
        assert abs(c @ z).max() < 1e-4


# Pairs whose coefficients change up to a hundredfold across the junction, so that profile and coefficients have to be
# brought together by their powers.
MULTIVALENT = [
    ({"Na": 150.0, "Cl": 150.0}, {"K": 800.0, "EDTA4": 200.0}),
    ({"Na": 184.0, "Cl": 184.0}, {"spermine4": 252.0, "HS": 1008.0}),
    ({"Na": 150.0, "Cl": 150.0}, {"K": 800.0, "ferrocyanide": 200.0}),
]


@pytest.mark.parametrize("model", ["davies", "pitzer:macinnes"])
@pytest.mark.parametrize(("pipette", "bath"), MULTIVALENT)
def test_junctions_of_many_charges_settle(model: str, pipette: Solution, bath: Solution) -> None:
    names = sorted({*bath, *pipette})
    ions = [IONS[name] for name in names]
    b, p, z, u = arrays(bath, pipette, names)
    pair = SolutionPair(b, p, z, u, lambda content: coefficients(model, content, ions, 25.0))
    profile = nernst_planck_profile(pair, 25)
    c, v = profile.concentration_mM, profile.potential_mV / thermal_voltage_mV(25)
    gamma = coefficients(model, c, ions, 25.0)
    assert gamma.max() / gamma.min() > 5
    weight = gamma * np.exp(np.outer(v, z))
    passed = np.diff(weight * c, axis=0)
    expected = -(profile.flux / u) * np.diff(profile.place)[:, None] * (weight[1:] + weight[:-1]) / 2
    assert passed == pytest.approx(expected, rel=0.02, abs=1e-3 * np.abs(passed).max())
    assert abs(c @ z).max() < 1e-3
    assert abs(profile.flux @ z) < 1e-6 * abs(profile.flux * z).max()
    turned = nernst_planck_mV(SolutionPair(p, b, z, u, pair.coefficients), 25)
    assert turned == pytest.approx(-profile.potential_mV[-1], abs=1e-6)


def _of_model(ions: list[Ion], content: np.ndarray) -> np.ndarray:
    return coefficients("pitzer:macinnes", content, ions, 22.0)


def test_coefficients_beyond_any_number_are_one_error() -> None:
    def beyond(content: np.ndarray) -> np.ndarray:
        return np.full(content.shape, np.nan)

    with pytest.raises(ArithmeticError, match="did not settle"):
        stationary_mV(*arrays(neutral(SALINE), neutral(INTERNAL)), 22, beyond)


def test_the_temperature_is_a_factor() -> None:
    arguments = arrays(neutral(SALINE), neutral(INTERNAL))
    ratio = stationary_mV(*arguments, 37) / stationary_mV(*arguments, 20)
    assert ratio == pytest.approx(310.15 / 293.15, rel=1e-12)
