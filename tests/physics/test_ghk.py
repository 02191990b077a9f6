import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane import ghk
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.physics.solution.ions import IONS

FloatArray = NDArray[np.float64]
Mixture = tuple[FloatArray, NDArray[np.int64], FloatArray, FloatArray]

ROWS = csv.DictReader((Path(__file__).parent / "data" / "ghk_cases.csv").open(encoding="utf-8"))
CASES = [row for row in ROWS if row["kind"] != "chord"]
TEMPERATURE_C = 22.0

needs_extended_precision = pytest.mark.skipif(
    bool(np.finfo(np.longdouble).eps > 1e-18), reason="no extended precision on this platform"
)
per_mixture = settings(derandomize=True, deadline=None, max_examples=200)


@st.composite
def mixtures(draw: st.DrawFn) -> Mixture:
    """Permeability, valence, inside and outside of 1 to 6 ions, each on both sides."""
    ion = st.tuples(st.floats(-6, 6), st.sampled_from([-3, -2, -1, 1, 2, 3]), st.floats(-4, 3), st.floats(-4, 3))
    log_permeability, valence, log_inside, log_outside = zip(*draw(st.lists(ion, min_size=1, max_size=6)), strict=True)
    return (
        10 ** np.array(log_permeability),
        np.array(valence),
        10 ** np.array(log_inside),
        10 ** np.array(log_outside),
    )


def random_mixtures(seed: int, n: int, valence: list[int]) -> Mixture:
    """`n` mixtures of ions of the given valences; one concentration in ten is 0."""
    rng = np.random.default_rng(seed)
    shape = (n, len(valence))
    inside, outside = (10 ** rng.uniform(-3, 3, shape) * (rng.random(shape) > 0.1) for _ in range(2))
    return 10 ** rng.uniform(-3, 3, shape), np.array(valence), inside, outside


def one_of(mixtures: Mixture, row: int) -> Mixture:
    """One mixture of several that share their valences."""
    permeability, valence, inside, outside = mixtures
    return permeability[row], valence, inside[row], outside[row]


def one_sided_sums(mixture: Mixture, charge: int) -> tuple[FloatArray, FloatArray]:
    """Sums of P x activity over ions of one |z|: what feeds outward, what feeds inward current."""
    permeability, valence, inside, outside = mixture
    weight = permeability * (np.abs(valence) == charge)
    outward = weight * np.where(valence > 0, inside, outside)
    inward = weight * np.where(valence > 0, outside, inside)
    return outward.sum(axis=-1), inward.sum(axis=-1)


def goldman_mV(mixture: Mixture, temperature_C: float) -> FloatArray:
    """Closed form for monovalent ions: Goldman 1943, Hodgkin & Katz 1949."""
    outward, inward = one_sided_sums(mixture, 1)
    return np.asarray(thermal_voltage_mV(temperature_C) * np.log(inward / outward))


def with_divalents_mV(mixture: Mixture, temperature_C: float) -> FloatArray:
    """Closed form for mono- and divalent ions, the positive root of a quadratic in x = exp(FE/RT).

    (M_in + D_in) x^2 + (M_in - M_out) x - (M_out + D_out) = 0, M the monovalent sums, D 4 x the divalent ones:
    Spangler 1972, Ala J Med Sci 9:218; Lewis 1979, J Physiol 286:417.
    """
    m_in, m_out = one_sided_sums(mixture, 1)
    d_in, d_out = (4 * total for total in one_sided_sums(mixture, 2))
    a, b, c = m_in + d_in, m_in - m_out, -(m_out + d_out)
    q = -(b + np.where(b < 0, -1, 1) * np.sqrt(b**2 - 4 * a * c)) / 2
    return np.asarray(thermal_voltage_mV(temperature_C) * np.log(np.where(b < 0, q / a, c / q)))


def bisected_mV(mixture: Mixture, temperature_C: float) -> FloatArray:
    """The root by bisection in extended precision of the current as printed in the textbook."""
    permeability, valence, inside, outside = (np.asarray(values, dtype=np.longdouble) for values in mixture)
    # Uneven ends, so that no step lands on 0, where the printed form is 0 / 0.
    low, high = (np.full(inside.shape[:-1], end, dtype=np.longdouble) for end in (-100, 101))
    for _ in range(100):
        middle = (low + high) / 2
        u = valence * middle[..., None]
        currents = permeability * valence * u * (inside - outside * np.exp(-u)) / (1 - np.exp(-u))
        below = currents.sum(axis=-1) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(middle * thermal_voltage_mV(temperature_C), dtype=np.float64)


@pytest.mark.parametrize("valence", [[1, 1, 1, -1], [1, -1], [-1, -1, -1]])
def test_monovalent_closed_form(valence: list[int]) -> None:
    mixture = random_mixtures(1, 1000, valence)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = goldman_mV(mixture, TEMPERATURE_C)
    expected[~np.isfinite(expected)] = np.nan
    np.testing.assert_allclose(ghk.reversal_mV(*mixture, TEMPERATURE_C), expected, rtol=0, atol=1e-9)


def test_divalent_closed_form() -> None:
    mixture = random_mixtures(2, 1000, [1, 1, 2, 2, -1, -2])
    expected = with_divalents_mV(mixture, TEMPERATURE_C)
    np.testing.assert_allclose(ghk.reversal_mV(*mixture, TEMPERATURE_C), expected, rtol=0, atol=1e-9)


@needs_extended_precision
def test_root_against_bisection_in_extended_precision() -> None:
    mixture = random_mixtures(3, 1000, [1, 2, 3, -1, -2, -3])
    np.testing.assert_allclose(
        ghk.reversal_mV(*mixture, TEMPERATURE_C), bisected_mV(mixture, TEMPERATURE_C), rtol=1e-12, atol=1e-9
    )


@needs_extended_precision
def test_root_for_extreme_permeabilities() -> None:
    rng = np.random.default_rng(4)
    _, valence, inside, outside = random_mixtures(4, 1000, [1, 1, 2, -1, 3, -2, -4])
    mixture = (10 ** rng.uniform(-12, 12, inside.shape), valence, inside, outside)
    np.testing.assert_allclose(
        ghk.reversal_mV(*mixture, TEMPERATURE_C), bisected_mV(mixture, TEMPERATURE_C), rtol=1e-12, atol=1e-9
    )


@needs_extended_precision
def test_root_for_extreme_everything() -> None:
    """Far beyond physiology, where the logarithm of the currents' ratio has sharp kinks."""
    rng = np.random.default_rng(7)
    shape = (20_000, 6)
    permeability, inside, outside = (
        10 ** rng.uniform(-12, top, shape) * (rng.random(shape) > 0.3) for top in (12, 3, 3)
    )
    mixture = (permeability, np.array([1, -1, 2, -3, 7, -8]), inside, outside)
    roots = ghk.reversal_mV(*mixture, TEMPERATURE_C)
    found = np.isfinite(roots)
    assert found.mean() > 0.9
    np.testing.assert_allclose(roots[found], bisected_mV(mixture, TEMPERATURE_C)[found], rtol=1e-12, atol=1e-9)


def test_newton_steps_that_alternate_are_ended() -> None:
    """In some of these mixtures a Newton step from 0.3 RT/F leads to 15 RT/F and back; the root is at 11."""
    permeability, valence, outside = [9e-12, 2.6e-11, 1.9e9], [1, -1, 7], [0, 1.7e-11, 680]
    inside = np.linspace(0.9, 1.1, 201)[:, None] * [1.3e-10, 8.7e-11, 0]
    roots = ghk.reversal_mV(permeability, valence, inside, outside, 25)
    currents = ghk.ion_currents(roots, permeability, valence, inside, outside, 25)
    assert (np.abs(currents.sum(axis=-1)) <= 1e-11 * np.abs(currents).max(axis=-1)).all()


def test_bi_ionic_calcium() -> None:
    """P_Ca/P_Na = [Na]_in x (1 + x) / (4 [Ca]_out) at 0 mV: 150 / 220 for 150 Na inside, 110 Ca outside."""
    assert ghk.reversal_mV([150 / 220, 1], [2, 1], [0, 150], [110, 0], 25) == pytest.approx(0, abs=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("permeability", "valence", "inside", "outside"),
    [
        ([1, 1], [1, 2], [140, 1], [0, 0]),  # cations inside only
        ([1, 1], [1, -1], [0, 110], [140, 0]),  # cation outside, anion inside: inward only
        ([1, 0], [1, -1], [140, 10], [0, 110]),  # the anion outside feeds outward current, and is impermeant
        ([0, 0], [1, -1], [140, 10], [5, 110]),  # nothing is permeant
        ([1, 1], [1, -1], [0, 0], [0, 0]),  # nothing is there
        ([1, np.nan], [1, -1], [140, 10], [5, 110]),
    ],
)
def test_no_root_is_nan(
    permeability: list[float], valence: list[int], inside: list[float], outside: list[float]
) -> None:
    reversal = ghk.reversal_mV(permeability, valence, inside, outside, TEMPERATURE_C)
    assert np.isnan(reversal)
    assert np.isnan(ghk.reversal_gradient_mV(reversal, permeability, valence, inside, outside, TEMPERATURE_C)).all()


def test_rows_without_a_root_leave_the_others_alone() -> None:
    inside, outside = np.array([[140.0, 10], [140, 10]]), np.array([[5.0, 0], [0, 0]])
    reversals = ghk.reversal_mV([1, 0.1], [1, 2], inside, outside, TEMPERATURE_C)
    assert reversals[0] == ghk.reversal_mV([1, 0.1], [1, 2], inside[0], outside[0], TEMPERATURE_C)
    assert np.isnan(reversals[1])


@per_mixture
@given(mixtures())
def test_current_is_zero_and_rises_at_the_root(mixture: Mixture) -> None:
    root = ghk.reversal_mV(*mixture, TEMPERATURE_C)
    below, above = (ghk.current(root + step, *mixture, TEMPERATURE_C) for step in (-1e-6, 1e-6))
    assert below < 0 < above


@per_mixture
@given(mixtures())
def test_exchanged_sides_change_the_sign(mixture: Mixture) -> None:
    permeability, valence, inside, outside = mixture
    there = ghk.reversal_mV(permeability, valence, inside, outside, TEMPERATURE_C)
    back = ghk.reversal_mV(permeability, valence, outside, inside, TEMPERATURE_C)
    assert there == pytest.approx(-back, abs=1e-10)


@per_mixture
@given(mixtures(), st.floats(1e-6, 1e6))
def test_a_common_factor_changes_nothing(mixture: Mixture, factor: float) -> None:
    permeability, valence, inside, outside = mixture
    expected = ghk.reversal_mV(*mixture, TEMPERATURE_C)
    scaled = ghk.reversal_mV(factor * permeability, valence, inside, outside, TEMPERATURE_C)
    assert scaled == pytest.approx(expected, abs=1e-10)


@per_mixture
@given(mixtures())
def test_the_root_lies_between_the_nernst_potentials(mixture: Mixture) -> None:
    _, valence, inside, outside = mixture
    equilibria = nernst_mV(valence, outside, inside, TEMPERATURE_C)
    root = ghk.reversal_mV(*mixture, TEMPERATURE_C)
    assert equilibria.min() - 1e-10 <= root <= equilibria.max() + 1e-10


@per_mixture
@given(mixtures(), st.data())
def test_one_permeant_ion_reverses_at_its_nernst_potential(mixture: Mixture, data: st.DataObject) -> None:
    permeability, valence, inside, outside = mixture
    chosen = data.draw(st.integers(0, len(valence) - 1))
    permeability = np.where(np.arange(len(valence)) == chosen, permeability, 0)
    expected = nernst_mV(valence[chosen], outside[chosen], inside[chosen], TEMPERATURE_C)
    root = ghk.reversal_mV(permeability, valence, inside, outside, TEMPERATURE_C)
    assert root == pytest.approx(expected, rel=1e-12, abs=1e-10)


@per_mixture
@given(mixtures())
def test_gradient_is_the_numerical_derivative(mixture: Mixture) -> None:
    permeability, valence, inside, outside = mixture
    root = ghk.reversal_mV(*mixture, TEMPERATURE_C)
    gradient = ghk.reversal_gradient_mV(root, *mixture, TEMPERATURE_C)
    step = 1e-4
    steps = np.exp(step * np.eye(len(permeability)))
    up, down = (
        ghk.reversal_mV(permeability * steps**sign, valence, inside, outside, TEMPERATURE_C) for sign in (1, -1)
    )
    np.testing.assert_allclose(gradient, (up - down) / (2 * step), rtol=1e-6, atol=1e-6)
    assert gradient.sum() == pytest.approx(0, abs=1e-9)


def test_gradient_of_rows() -> None:
    mixture = random_mixtures(5, 50, [1, 2, -1])
    roots = ghk.reversal_mV(*mixture, TEMPERATURE_C)
    gradient = ghk.reversal_gradient_mV(roots, *mixture, TEMPERATURE_C)
    assert gradient.shape == (50, 3)
    alone = ghk.reversal_gradient_mV(roots[7], *one_of(mixture, 7), TEMPERATURE_C)
    np.testing.assert_array_equal(gradient[7], alone)


@per_mixture
@given(mixtures(), st.floats(-300, 300))
def test_slope_is_the_numerical_derivative(mixture: Mixture, voltage_mV: float) -> None:
    step = 1e-3
    up, down = (ghk.current(voltage_mV + sign * step, *mixture, TEMPERATURE_C) for sign in (1, -1))
    currents = ghk.ion_currents(voltage_mV, *mixture, TEMPERATURE_C)
    slope = ghk.slope_conductance_per_mV(voltage_mV, *mixture, TEMPERATURE_C)
    lost_digits = 1e-15 * np.abs(currents).sum() / step
    assert slope == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=100 * lost_digits)


def test_slope_at_0_mV() -> None:
    """phi'(0) = 1/2: the slope is P z^2 (inside + outside) / 2 per RT/F."""
    slope = ghk.slope_conductance_per_mV(0, [2.0], [-2], [3], [5], 25)
    assert slope == pytest.approx(2 * 4 * (3 + 5) / 2 / 25.69258, rel=1e-7)


def test_slope_is_smooth_where_its_series_takes_over() -> None:
    edge_mV = 0.1 * float(thermal_voltage_mV(25))
    below, above = (
        ghk.slope_conductance_per_mV(edge_mV * (1 + change), [1], [1], [3], [5], 25) for change in (-1e-14, 1e-14)
    )
    assert above == pytest.approx(below, rel=1e-13)


def test_current_at_0_mV() -> None:
    currents = ghk.ion_currents(0, [1, 2, 3], [1, 2, -1], [140, 1, 10], [5, 2, 110], TEMPERATURE_C)
    np.testing.assert_array_equal(currents, [135, -4, 300])
    assert ghk.current(0, [1, 2, 3], [1, 2, -1], [140, 1, 10], [5, 2, 110], TEMPERATURE_C) == 431


@pytest.mark.filterwarnings("error")
def test_currents_far_out() -> None:
    """At +-10 V the current is ohmic: P z^2 (FV/RT) times the activity that is driven."""
    v = 10_000 / float(thermal_voltage_mV(TEMPERATURE_C))
    currents = ghk.ion_currents([10_000, -10_000], [1, 1], [3, -2], [7, 11], [13, 17], TEMPERATURE_C)
    np.testing.assert_allclose(currents, [[9 * 7 * v, 4 * 17 * v], [-9 * 13 * v, -4 * 11 * v]], rtol=1e-14)
    slope = ghk.slope_conductance_per_mV(10_000, [1, 1], [3, -2], [7, 11], [13, 17], TEMPERATURE_C)
    assert slope == pytest.approx(currents[0].sum() / 10_000, rel=1e-12)


@per_mixture
@given(mixtures(), st.floats(-300, 300).filter(lambda voltage: abs(voltage) > 1e-3))
def test_current_is_the_textbook_formula(mixture: Mixture, voltage_mV: float) -> None:
    permeability, valence, inside, outside = mixture
    u = valence * voltage_mV / thermal_voltage_mV(TEMPERATURE_C)
    expected = permeability * valence * u * (inside - outside * np.exp(-u)) / (1 - np.exp(-u))
    size = permeability * np.abs(valence) * (1 + np.abs(u)) * (inside + outside)
    currents = ghk.ion_currents(voltage_mV, *mixture, TEMPERATURE_C)
    # The printed form loses digits in 1 - exp(-u) near 0 mV; at 1 uV eleven are left.
    assert (np.abs(currents - expected) <= 1e-10 * size).all()


@pytest.mark.parametrize(
    ("permeability", "inside", "outside", "message"),
    [
        ([-1, 1], [1, 1], [1, 1], "negative permeability: -1"),
        ([1, 1], [1, -2], [1, 1], "negative activity inside: -2"),
        ([1, 1], [1, 1], [-3, 1], "negative activity outside: -3"),
    ],
)
def test_negative_numbers_are_refused(
    permeability: list[float], inside: list[float], outside: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ghk.reversal_mV(permeability, [1, -1], inside, outside, TEMPERATURE_C)


def test_temperature_has_the_leading_shape() -> None:
    mixture = random_mixtures(6, 3, [1, 2, -1])
    temperatures = np.array([10.0, 22, 37])
    reversals = ghk.reversal_mV(*mixture, temperatures)
    assert reversals[2] == ghk.reversal_mV(*one_of(mixture, 2), 37)
    np.testing.assert_allclose(ghk.current(reversals, *mixture, temperatures), 0, atol=1e-9)


def concentrations(text: str) -> dict[str, float]:
    """`Na 150; Cl 150` as a mapping."""
    return {ion: float(value) for ion, value in (part.split() for part in text.split(";"))}


def published_answer(case: dict[str, str]) -> float:
    """What this package makes of a published measurement: a ratio, or a potential for kind `predict`."""
    temperature_C = float(case["temperature_C"])
    outside = concentrations(case["outside_mM"])
    if case["kind"] == "predict":
        inside, permeability = concentrations(case["inside_mM"]), concentrations(case["permeability"])
        valence = [IONS[ion].valence for ion in permeability]
        a_in, a_out = ([side[ion] for ion in permeability] for side in (inside, outside))
        return float(ghk.reversal_mV(list(permeability.values()), valence, a_in, a_out, temperature_C))
    ion, reference = case["ion"], case["reference"]
    valence = [IONS[ion].valence, IONS[reference].valence]
    if case["kind"] == "replacement":
        # The inside is that which puts the reference ion's potential where it was measured.
        replaced = sum(outside.values())
        in_units_of_kT = float(case["reference_reversal_mV"]) / float(thermal_voltage_mV(temperature_C))
        inside = {reference: replaced * float(np.exp(-valence[1] * in_units_of_kT))}
    else:
        inside = concentrations(case["inside_mM"])
    a_in, a_out = ([side.get(name, 0.0) for name in (ion, reference)] for side in (inside, outside))
    per_permeability = ghk.ion_currents(float(case["reversal_mV"]), [1, 1], valence, a_in, a_out, temperature_C)
    return float(-per_permeability[1] / per_permeability[0])


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_published_case(case: dict[str, str]) -> None:
    expected, tolerance = float(case["expected"]), float(case["tolerance"])
    unit = {"percent": 0.01 * abs(expected), "SEM": float(case["sem"] or "nan"), "mV": 1.0}[case["tolerance_kind"]]
    assert published_answer(case) == pytest.approx(expected, abs=tolerance * unit)
    assert case["source"]


@per_mixture
@given(mixtures(), st.floats(-150, 150), st.sampled_from([1, -1]))
def test_the_shift_method_needs_no_inside(mixture: Mixture, other_mV: float, sign: int) -> None:
    """Baths whose potentials one monovalent inside makes: one potential tells the other, whatever is inside."""
    permeability, valence, inside, outside = mixture
    valence = sign * np.abs(valence)
    pool = np.array([inside[0]])
    reference_outside = outside * np.exp(np.linspace(-1, 2, len(outside)) * other_mV / 50)

    def true_mV(bath: FloatArray) -> float:
        """Every ion outside, one monovalent ion inside of permeability 1."""
        sides = (np.append(0 * bath, pool), np.append(bath, 0.0))
        return float(ghk.reversal_mV(np.append(permeability, 1.0), np.append(valence, sign), *sides, TEMPERATURE_C))

    entries = ghk.unknown_inside(true_mV(reference_outside), valence, reference_outside, outside, TEMPERATURE_C)
    twice = np.tile(permeability, 2)
    found = ghk.reversal_mV(twice, *(each.ravel() for each in entries), TEMPERATURE_C)
    assert found == pytest.approx(true_mV(outside), abs=1e-9)


def test_shift_of_monovalent_cations_by_hand() -> None:
    """P_X/P_ref = a_ref/a_X exp[F (E_X - E_ref)/RT]."""
    ratio = 150 / 110 * np.exp((-12.5 - 3.0) / thermal_voltage_mV(TEMPERATURE_C))
    entries = ghk.unknown_inside(3.0, [1, 1], [150, 0], [0, 110], TEMPERATURE_C)
    found = ghk.reversal_mV([1, ratio, 1, ratio], *(each.ravel() for each in entries), TEMPERATURE_C)
    assert found == pytest.approx(-12.5, abs=1e-12)


def test_shift_to_calcium_by_hand() -> None:
    """Na 150 at E_1, then Ca 110 at E_2: 150 exp(-v1) exp(v2) (1 + exp v2) = 4 P 110."""
    v1, v2 = np.array([8.0, -21.0]) / thermal_voltage_mV(TEMPERATURE_C)
    ratio = 150 * np.exp(v2 - v1) * (1 + np.exp(v2)) / (4 * 110)
    entries = ghk.unknown_inside(8.0, [1, 2], [150, 0], [0, 110], TEMPERATURE_C)
    found = ghk.reversal_mV([1, ratio, 1, ratio], *(each.ravel() for each in entries), TEMPERATURE_C)
    assert found == pytest.approx(-21.0, abs=1e-12)


def test_shift_of_cations_and_anions_is_refused() -> None:
    with pytest.raises(ValueError, match="does not cancel"):
        ghk.unknown_inside(0.0, [1, -1], [150, 150], [150, 75], TEMPERATURE_C)


def test_shift_has_leading_axes() -> None:
    """Potentials and baths of several rows at once are those of each row alone."""
    reference, outside = np.array([[150.0, 2], [100, 0]]), np.array([[10.0, 100], [0, 110]])
    together = ghk.unknown_inside([3.0, -7.0], [1, 2], reference, outside, [22.0, 30.0])
    for row, (potential, temperature_C) in enumerate(((3.0, 22.0), (-7.0, 30.0))):
        alone = ghk.unknown_inside(potential, [1, 2], reference[row], outside[row], temperature_C)
        for each, one in zip(together, alone, strict=True):
            assert each.shape == (2, 2, 2)
            np.testing.assert_array_equal(each[row], one)
