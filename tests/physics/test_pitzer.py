"""Pitzer's mixtures against measured salts, an independent program, their own thermodynamics and by hand."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad

from nernstfit.physics.membrane import ghk
from nernstfit.physics.solution import pitzer
from nernstfit.physics.solution.activity import ionic_strength_M
from nernstfit.physics.solution.coefficients import coefficients
from nernstfit.physics.solution.components import components
from nernstfit.physics.solution.ions import IONS, Ion
from nernstfit.physics.solution.unlike_charges import electrostatic_integral, unlike_charges

FloatArray = NDArray[np.float64]
ROWS = list(csv.DictReader((Path(__file__).parent / "data" / "activity_coefficients.csv").open(encoding="utf-8")))
TOLERANCE = {"CsCl": 0.01, "CsBr": 0.01, "KNO3": 0.01, "CaCl2": 0.01, "BaCl2": 0.02, "K2SO4": 0.02}
BATH = {"Na": 140.0, "K": 5.0, "Ca": 2.0, "Mg": 1.0, "Cl": 151.0}
PIPETTE = {"K": 140.0, "Na": 10.0, "Cl": 150.0}
SEVERAL = ("Na", "K", "Ca", "Mg", "H", "Cl", "SO4", "HCO3", "NMDG", "gluconate")


def ions(*names: str) -> tuple[Ion, ...]:
    return tuple(IONS[name] for name in names)


def of(model: str, content: dict[str, float], temperature_C: float = 25.0) -> dict[str, float]:
    found = coefficients(model, list(content.values()), ions(*content), temperature_C)
    return dict(zip(content, found.tolist(), strict=True))


def mean(salt: str, molality: float) -> float:
    """Mean coefficient of a salt from its ions' coefficients."""
    parts = components(salt)
    counts = np.array([count for _, count in parts])
    found = coefficients("pitzer:macinnes", 1000 * molality * counts, [ion for ion, _ in parts], 25.0)
    return float(np.exp(counts @ np.log(found) / counts.sum()))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['salt']}-{row['molality_mol_kg']}-{i}" for i, row in enumerate(ROWS)])
def test_measured_mean_coefficient(row: dict[str, str]) -> None:
    assert row["source"]
    found = mean(row["salt"], float(row["molality_mol_kg"]))
    assert found == pytest.approx(float(row["gamma_mean"]), abs=TOLERANCE.get(row["salt"], 0.005))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (BATH, {"Na": 0.7624, "K": 0.7458, "Ca": 0.334, "Mg": 0.342, "Cl": 0.7358}),
        (PIPETTE, {"K": 0.7384, "Na": 0.7497, "Cl": 0.7378}),
    ],
)
def test_check_values(content: dict[str, float], expected: dict[str, float]) -> None:
    assert of("pitzer:macinnes", content) == pytest.approx(expected, abs=0.001)


def test_electrostatic_mixing_is_not_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(strength: FloatArray, a_phi: FloatArray, charges: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
        return np.zeros(np.shape(strength)), np.zeros(np.shape(strength))

    complete = of("pitzer:macinnes", BATH)["Ca"]
    monkeypatch.setattr(pitzer, "unlike_charges", nothing)
    assert of("pitzer:macinnes", BATH)["Ca"] / complete - 1 == pytest.approx(0.10, abs=0.02)


@pytest.mark.parametrize(
    ("content", "percent"),
    [(BATH, {"Ca": 3, "Mg": 1}), (PIPETTE, {}), ({"K": 130.0, "Na": 10.0, "Mg": 2.0, "Cl": 144.0}, {"Mg": 1})],
)
def test_phreeqc_agrees(content: dict[str, float], percent: dict[str, float]) -> None:
    import phreeqpython

    names = {"Na": "Na+", "K": "K+", "Ca": "Ca+2", "Mg": "Mg+2", "Cl": "Cl-"}
    program = phreeqpython.PhreeqPython(database="pitzer.dat")
    solution = program.add_solution({"units": "mmol/kgw", "temp": 25, "pH": 7, **content})
    for ion, found in of("pitzer:macinnes", content).items():
        expected = solution.activity(names[ion], "mol") / solution.molality(names[ion], "mol")
        assert found == pytest.approx(expected, rel=percent.get(ion, 0.5) / 100), ion


@pytest.mark.parametrize("molality", [0.01, 0.1, 1.0])
def test_phreeqc_agrees_on_magnesium_sulfate(molality: float) -> None:
    """The one salt here whose ions associate (beta2); the programs' parameters are not the same."""
    import phreeqpython

    program = phreeqpython.PhreeqPython(database="pitzer.dat")
    solution = program.add_solution({"units": "mol/kgw", "temp": 25, "pH": 7, "Mg": molality, "S(6)": molality})
    activities = [solution.activity(ion, "mol") for ion in ("Mg+2", "SO4-2")]
    assert mean("MgSO4", molality) == pytest.approx(float(np.prod(activities)) ** 0.5 / molality, rel=0.06)


@pytest.mark.parametrize("sulfate_mM", [5.0, 20.0, 70.0])
def test_phreeqc_agrees_on_calcium_in_sodium_sulfate(sulfate_mM: float) -> None:
    """With the parameters of MgSO4 in place of its own, calcium is 4, 8 and 16 % too high."""
    import phreeqpython

    content = {"Na": 2 * sulfate_mM + 25, "Ca": 0.5, "Cl": 26.0}
    program = phreeqpython.PhreeqPython(database="pitzer.dat")
    solution = program.add_solution({"units": "mmol/kgw", "temp": 25, "pH": 7, **content, "S(6)": sulfate_mM})
    found = of("pitzer:macinnes", content | {"SO4": sulfate_mM})
    salt = [solution.activity(ion, "mmol") for ion in ("Ca+2", "Cl-")]
    expected = salt[0] * salt[1] ** 2
    assert 0.5 * found["Ca"] * (26 * found["Cl"]) ** 2 == pytest.approx(expected, rel=0.03)


def test_saturated_gypsum_has_its_solubility_product() -> None:
    """15.2 mmol/kg dissolve; log K is -4.58 (Harvie, Moller & Weare 1984) to -4.61 (NIST database 46)."""
    molality = 0.0152
    assert 2 * np.log10(molality * mean("CaSO4", molality)) == pytest.approx(-4.595, abs=0.02)


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [
        ("concentration", 0.675, 0.685),
        ("pitzer:macinnes", 1.73, 1.83),
        ("pitzer:raw", 2.24, 2.34),
        ("pitzer:guggenheim", 1.95, 1.98),
        ("davies", 1.795, 1.805),
    ],
)
def test_bi_ionic_calcium(model: str, low: float, high: float) -> None:
    """Na 150 / Cl 150 inside, CaCl2 110 outside, reversal at 0 mV: the ratio between `low` and `high`."""
    sodium = 150 * of(model, {"Na": 150, "Cl": 150})["Na"]
    calcium = 110 * of(model, {"Ca": 110, "Cl": 220})["Ca"]
    reversals = ghk.reversal_mV([[low, 1], [high, 1]], [2, 1], [0, sodium], [calcium, 0], 25)
    assert reversals[0] < 0 < reversals[1]


@pytest.mark.parametrize("ion", ["Ca", "Na", "Cl"])
def test_conventions_differ_as_published_for_isotonic_calcium(ion: str) -> None:
    content = {"Ca": 110.0, "Cl": 220.0, "Na": 0.0}
    found = {name: of(f"pitzer:{name}", content)[ion] for name in pitzer.CONVENTIONS}
    expected = {
        "Ca": {"macinnes": 0.292, "raw": 0.224, "guggenheim": 0.263},
        "Na": {"guggenheim": mean("NaCl", 0.33)},
        "Cl": {"macinnes": mean("KCl", 0.33), "guggenheim": mean("KCl", 0.33)},
    }[ion]
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.0015)


def test_guggenheim_by_definition() -> None:
    found = of("pitzer:guggenheim", {**BATH, "SO4": 3.0})
    strength = float(ionic_strength_M([*BATH.values(), 3.0], [1, 1, 2, 2, -1, -2]))
    assert found["Ca"] == pytest.approx(mean("CaCl2", strength / 3) ** 2, rel=1e-12)
    assert found["Na"] == pytest.approx(mean("NaCl", strength), rel=1e-12)
    assert found["Cl"] == pytest.approx(mean("KCl", strength), rel=1e-12)
    assert found["SO4"] == pytest.approx(mean("K2SO4", strength / 3) ** 2, rel=1e-12)


@pytest.mark.parametrize("salt", ["NaCl", "HCl", "CaCl2", "K2SO4", "Na2SO4"])
@pytest.mark.parametrize("molality", [0.1, 1.0, 3.0])
def test_pure_salts_by_the_closed_form(salt: str, molality: float) -> None:
    """Pitzer & Mayorga 1973: ln g = |zz| f + m (2 nn/n) B + m^2 (2 (nn)^(3/2) / n) C, C = (3/2) Cphi."""
    (cation, n_cation), (anion, n_anion) = components(salt)
    parameters = pitzer.TABLE.salts[cation.name, anion.name]
    n, both = n_cation + n_anion, n_cation * n_anion
    root = (molality * (n_cation * cation.valence**2 + n_anion * anion.valence**2) / 2) ** 0.5
    f = -0.392 * (root / (1 + 1.2 * root) + 2 / 1.2 * np.log(1 + 1.2 * root))
    x = 2 * root
    b = 2 * parameters.beta0 + 2 * parameters.beta1 / x**2 * (1 - (1 + x - x**2 / 2) * np.exp(-x))
    c = 1.5 * parameters.c_phi
    ln_g = -cation.valence * anion.valence * f + molality * 2 * both / n * b + molality**2 * 2 * both**1.5 / n * c
    assert mean(salt, molality) == pytest.approx(np.exp(ln_g), rel=1e-10)


amounts = st.lists(st.floats(0, 300), min_size=len(SEVERAL), max_size=len(SEVERAL)).map(np.array)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(amounts)
def test_neutral_products_do_not_know_the_convention(content: FloatArray) -> None:
    several = ions(*SEVERAL, "La", "EGTA4")
    content = np.append(content, [2.0, 5.0])
    raw, scaled = (np.log(coefficients(f"pitzer:{name}", content, several, 22.0)) for name in ("raw", "macinnes"))
    for (i, one), (j, other) in itertools.product(enumerate(several), repeat=2):
        if one.valence > 0 > other.valence:
            formula = np.zeros(len(several))
            formula[i], formula[j] = -other.valence, one.valence
            assert formula @ raw == pytest.approx(formula @ scaled, abs=1e-12)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(amounts.map(lambda content: content / 1000 + 0.005))
def test_every_term_comes_from_one_free_energy(molality: FloatArray) -> None:
    """d ln g_i / d m_j = d ln g_j / d m_i: a wrong factor or sign in any term breaks it."""
    several, step = ions(*SEVERAL), 1e-5
    moves = step * np.eye(len(several))
    slopes = (pitzer.ln_raw(molality + moves, several, 25.0) - pitzer.ln_raw(molality - moves, several, 25.0)) / (
        2 * step
    )
    np.testing.assert_allclose(slopes, slopes.T, rtol=1e-5, atol=1e-5)


def pitzers_integral(x: float) -> float:
    """J(x) by adaptive quadrature of the integral as printed, in pieces about its layer at y = x."""

    def integrand(y: float) -> float:
        q = -x / y * np.exp(-y)
        return float((1 + q + q**2 / 2 - np.exp(q)) * y**2)

    edges = [1e-12, x / 30, x / 3, x, 3 * x, 3 * x + 5, 3 * x + 60]
    parts = [
        quad(integrand, low, high, epsabs=1e-12, epsrel=1e-10, limit=500)[0] for low, high in itertools.pairwise(edges)
    ]
    return sum(parts) / x


@pytest.mark.parametrize("salt", [("K", "Cl"), ("Ca", "Cl"), ("Na", "SO4"), ("Mg", "SO4")])
def test_the_mean_coefficient_is_that_of_the_single_ions(salt: tuple[str, str]) -> None:
    cation, anion = (IONS[name] for name in salt)
    z, other = cation.valence, -anion.valence
    strength = np.geomspace(1e-6, 5, 9)
    molality = 2 * strength[:, None] / (z * other * (z + other)) * np.array([other, z])
    of_ions = pitzer.ln_raw(molality, (cation, anion), 37.0) @ np.array([other, z]) / (z + other)
    np.testing.assert_allclose(pitzer.ln_mean(cation, anion, strength, 37.0), of_ions, rtol=1e-12)


@pytest.mark.parametrize("x", [0.1, 0.3, 0.9, 1.8, 3.6, 10.0, 40.0])
def test_electrostatic_integral(x: float) -> None:
    j, change = electrostatic_integral(x)
    assert j == pytest.approx(pitzers_integral(x), rel=1e-8)
    h = 1e-4 * x
    up, down = (electrostatic_integral(x + sign * h)[0] for sign in (1, -1))
    assert change == pytest.approx((up - down) / (2 * h), rel=1e-5)


def test_electrostatic_integral_against_pitzers_own_fit() -> None:
    """Pitzer 1975: J = x / (4 + 4.581 x^-0.7237 exp(-0.0120 x^0.528)), to 1 % where solutions are."""
    x = np.geomspace(0.1, 50)
    fitted = x / (4 + 4.581 * x**-0.7237 * np.exp(-0.0120 * x**0.528))
    np.testing.assert_allclose(electrostatic_integral(x)[0], fitted, rtol=0.02)


def test_slope_of_the_electrostatic_term() -> None:
    strength, step, a_phi = np.array([0.01, 0.15, 1.0, 4.0]), 1e-3, np.array(0.392)
    up, down = (unlike_charges(strength * (1 + s), a_phi, (1, 2))[0] for s in (step, -step))
    change = unlike_charges(strength, a_phi, (1, 2))[1]
    np.testing.assert_allclose(change, (up - down) / (2 * step * strength), rtol=1e-5)


@pytest.mark.parametrize("convention", pitzer.CONVENTIONS)
def test_infinite_dilution(convention: str) -> None:
    several = ions(*SEVERAL, "La")
    content = np.full(len(several), 1e-6)
    for factor in (0.0, 1e-8, 1.0):
        found = coefficients(f"pitzer:{convention}", factor * content, several, 25.0)
        np.testing.assert_allclose(found, 1, atol=2e-3)
    np.testing.assert_array_equal(coefficients(f"pitzer:{convention}", 0 * content, several, 25.0), 1)


@pytest.mark.parametrize("convention", pitzer.CONVENTIONS)
def test_continuous_in_every_concentration(convention: str) -> None:
    """An ion that comes in from nothing moves no coefficient by a jump."""
    several, base = ions(*SEVERAL), np.array([140.0, 5, 2, 1, 0, 150, 0, 0, 0, 0])
    start = coefficients(f"pitzer:{convention}", base, several, 25.0)
    moved = coefficients(f"pitzer:{convention}", base + 1e-6 * np.eye(len(several)), several, 25.0)
    np.testing.assert_allclose(moved, np.broadcast_to(start, moved.shape), rtol=1e-6)
    without = coefficients(
        f"pitzer:{convention}", base[base > 0], [i for i, c in zip(several, base, strict=True) if c > 0], 25
    )
    np.testing.assert_allclose(without, start[base > 0], rtol=1e-13)


@pytest.mark.parametrize("convention", pitzer.CONVENTIONS)
def test_the_order_of_ions_changes_nothing(convention: str) -> None:
    several, content = ions(*SEVERAL), np.arange(10.0, 110, 10)
    found = coefficients(f"pitzer:{convention}", content, several, 30.0)
    order = np.random.default_rng(1).permutation(len(several))
    again = coefficients(f"pitzer:{convention}", content[order], [several[i] for i in order], 30.0)
    np.testing.assert_allclose(again, found[order], rtol=1e-13)


def test_many_solutions_at_their_own_temperatures() -> None:
    several, content = ions(*SEVERAL), np.random.default_rng(2).uniform(0, 200, (6, 5, len(SEVERAL)))
    warmth = np.array([10.0, 20, 25, 30, 37])
    together = coefficients("pitzer:macinnes", content, several, warmth)
    for i, j in itertools.product(range(6), range(5)):
        alone = coefficients("pitzer:macinnes", content[i, j], several, warmth[j])
        np.testing.assert_allclose(together[i, j], alone, rtol=1e-12)


def test_the_slope_follows_temperature() -> None:
    assert pitzer.slope(25.0) == pytest.approx(0.392)
    assert pitzer.slope([20.0, 40.0]) == pytest.approx(0.392 * np.array([0.5042, 0.5221]) / 0.5085, rel=1e-3)
    cold, warm = (of("pitzer:macinnes", BATH, temperature)["Ca"] for temperature in (5, 37))
    assert warm < of("pitzer:macinnes", BATH)["Ca"] < cold


# What stands in for what is not known


@pytest.mark.parametrize(
    ("cation", "anion", "salt"),
    [
        ("Na", "Cl", ("Na", "Cl")),
        ("NMDG", "Cl", ("NH4", "Cl")),
        ("K", "gluconate", ("K", "Cl")),
        ("Cs", "methanesulfonate", ("Cs", "Cl")),
        ("NMDG", "gluconate", ("NH4", "Cl")),
        ("Ca", "acetate", ("Ca", "Cl")),
        ("Ca", "SO4", ("Ca", "SO4")),
        ("Ba", "SO4", ("Ca", "SO4")),
        ("NH4", "SCN", ("K", "SCN")),
        ("La", "Cl", None),
    ],
)
def test_stand_in(cation: str, anion: str, salt: tuple[str, str] | None) -> None:
    assert pitzer.stand_in(IONS[cation], IONS[anion]) == salt


def test_an_analogue_has_the_coefficient_of_the_ion_it_follows() -> None:
    found = of("pitzer:macinnes", {"Na": 140.0, "NMDG": 5.0, "NH4": 5.0, "Cl": 100.0, "gluconate": 50.0})
    assert found["NMDG"] == pytest.approx(found["NH4"], rel=1e-12)
    assert found["gluconate"] == pytest.approx(found["Cl"], rel=1e-12)


def test_no_coefficient_is_a_silent_one() -> None:
    """Every ion of the table beside 140 KCl: its coefficient is far from 1, and known to be guessed or not."""
    for ion in IONS.values():
        content = {"K": 140.0, "Cl": 140.0} | {ion.name: 10.0}
        found = of("pitzer:macinnes", content)[ion.name]
        assert 0 < found < 0.93, ion.name
        assert found == pytest.approx(of("davies", content)[ion.name], rel=0.15 * abs(ion.valence)), ion.name


def test_ions_known_by_charge_alone_act_through_the_ionic_strength() -> None:
    with_lanthanum = of("pitzer:raw", {**PIPETTE, "La": 1.0})
    content = {**PIPETTE, "La": 1.0}
    strength = float(ionic_strength_M(list(content.values()), [IONS[name].valence for name in content]))
    assert strength == pytest.approx(0.1545)
    assert with_lanthanum["K"] < of("pitzer:raw", PIPETTE)["K"]
    assert of("pitzer:macinnes", content)["La"] == pytest.approx(of("davies", content)["La"], rel=1e-12)


def test_mixing_terms_that_are_missing_are_listed() -> None:
    assert pitzer.assumptions(ions("Na", "K", "Ca", "Mg", "Cl", "SO4")) == ()
    assert pitzer.assumptions(ions("Cs", "Na", "Cl", "gluconate", "La")) == (
        "La: by its charge",
        "theta(Cs, Na) = 0",
        "Cs-gluconate as Cs-Cl",
        "Na-gluconate as Na-Cl",
        "theta(Cl, gluconate) = 0",
        "psi(Cs, Na, Cl) = 0",
        "psi(Cs, Na, gluconate) = 0",
        "psi(Cs, Cl, gluconate) = 0",
        "psi(Na, Cl, gluconate) = 0",
    )


def test_every_row_of_the_table_has_a_source_and_known_ions() -> None:
    from importlib.resources import files

    rows = list(
        csv.DictReader(files("nernstfit.physics.solution").joinpath("pitzer.csv").read_text("utf-8").splitlines())
    )
    assert len(rows) == len(pitzer.TABLE.salts) + len(pitzer.TABLE.theta) + len(pitzer.TABLE.psi)
    for row in rows:
        assert row["source"]
        named = [IONS[row[key]] for key in "ijk" if row[key]]
        signs = sorted(np.sign(ion.valence) for ion in named)
        assert {"binary": signs == [-1, 1], "theta": signs in ([1, 1], [-1, -1]), "psi": len(set(signs)) == 2}[
            row["kind"]
        ]
