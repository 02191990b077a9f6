"""Models by name, and how each coefficient is known."""

from collections.abc import Callable

import numpy as np
import pytest

from nernstfit.physics.solution.activity import davies, debye_huckel, ideal, inverse_length_per_A
from nernstfit.physics.solution.coefficients import MODELS, NAMES, coefficients, status
from nernstfit.physics.solution.ions import IONS, Ion


def known(model: str, content: dict[str, float], temperature_C: float = 25.0) -> dict[str, str]:
    found = status(model, list(content.values()), [IONS[name] for name in content], temperature_C)
    return dict(zip(content, found.tolist(), strict=True))


@pytest.mark.parametrize("model", NAMES)
def test_every_model_has_one_shape(model: str) -> None:
    ions = [IONS[name] for name in ("Na", "Ca", "Cl")]
    content, warmth = np.full((4, 3), 50.0), np.array([10.0, 20, 25, 37])
    assert coefficients(model, content, ions, warmth).shape == (4, 3)
    assert coefficients(model, content[0], ions, 25).shape == (3,)
    assert coefficients(model, content[0], ions, warmth).shape == (4, 3)
    assert status(model, content, ions, 25.0).shape == (4, 3)


@pytest.mark.parametrize(("model", "equation"), [("davies", davies), ("concentration", ideal)])
def test_models_of_the_charge_alone(model: str, equation: Callable) -> None:
    ions = [IONS[name] for name in ("Na", "Ca", "Cl")]
    expected = equation([140, 2, 144], [1, 2, -1], 22)
    np.testing.assert_array_equal(coefficients(model, [140, 2, 144], ions, 22), expected)


def test_registry_terms_schema_and_commands_name_the_same_models() -> None:
    from nernstfit.contract import terms
    from nernstfit.contract.schema import allowed
    from nernstfit.library import chemistry

    assert tuple(MODELS) == tuple(terms.ActivityModel) == allowed("activity", "model")
    assert MODELS["pitzer"].conventions == tuple(terms.Convention) == allowed("activity", "convention")
    assert NAMES == chemistry.MODELS


def test_pitzer_alone_is_in_the_convention_of_macinnes() -> None:
    ions = [IONS["Na"], IONS["Cl"]]
    one, other = (coefficients(name, [150, 150], ions, 25) for name in ("pitzer", "pitzer:macinnes"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model", ["pitzr", "pitzer:raws", "davies:raw", ""])
def test_an_unknown_model_is_refused(model: str) -> None:
    with pytest.raises(ValueError, match="is no activity model; expected one of pitzer:macinnes, pitzer:raw"):
        coefficients(model, [1, 1], [IONS["Na"], IONS["Cl"]], 25)


def test_debye_huckel_by_hand() -> None:
    """I = 0.1 M, A = 0.5085, B = 0.329 per Angstrom: log10 g = -A z^2 sqrt(I) / (1 + B a sqrt(I))."""
    root = 0.1**0.5
    for size, valence in ((3.0, 1), (6.0, 2)):
        by_hand = 10 ** (-0.5085 * valence**2 * root / (1 + 0.329 * size * root))
        found = debye_huckel([100, 0, 100], [1, valence, -1], 25, [3, size, 3])[1]
        assert found == pytest.approx(by_hand, rel=2e-4)
    assert inverse_length_per_A(25.0) == pytest.approx(0.329, abs=5e-4)
    assert inverse_length_per_A([0.0, 40.0]) == pytest.approx([0.325, 0.3315], abs=1e-3)


def test_kiellands_sizes_give_his_coefficients() -> None:
    """Kielland 1937, table at 0.1 M: K .755, Na .775 to .78, H .83; Ca .405, Mg .45, SO4 .355; La .18."""
    names = ["K", "Na", "H", "Ca", "Mg", "SO4", "La"]
    content = [100.0, 0, 0, 0, 0, 0, 0, 100.0]
    found = coefficients("debye-huckel", content, [*(IONS[name] for name in names), IONS["Cl"]], 25)[:-1]
    assert found == pytest.approx([0.755, 0.775, 0.83, 0.405, 0.45, 0.355, 0.18], abs=0.007)


def test_an_ion_of_unknown_size_goes_by_its_charge() -> None:
    """Guentelberg: log10 g = -A z^2 sqrt(I) / (1 + sqrt(I))."""
    found = coefficients("debye-huckel", [100, 100, 0], [IONS["K"], IONS["Cl"], IONS["EGTA2"]], [25, 25])[:, 2]
    assert found == pytest.approx(10 ** (-0.5085 * 4 * 0.1**0.5 / (1 + 0.1**0.5)), rel=1e-4)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("pitzer:macinnes", ["sourced", "sourced", "analogue:NH4", "analogue:Cl", "analogue:Cl", "estimated"]),
        ("pitzer:raw", ["sourced", "sourced", "analogue:NH4", "analogue:Cl", "analogue:Cl", "estimated"]),
        ("davies", ["estimated"] * 6),
        ("debye-huckel", ["sourced", "sourced", "analogue:ethylammonium", "analogue:Cl", "analogue:Cl", "estimated"]),
        ("concentration", ["concentration"] * 6),
    ],
)
def test_status(model: str, expected: list[str]) -> None:
    content = {"K": 140.0, "Cl": 100.0, "NMDG": 10.0, "gluconate": 30.0, "HEPES": 5.0, "EGTA2": 5.0}
    assert list(known(model, content).values()) == expected


def test_status_is_that_of_the_solution() -> None:
    found = known("pitzer:macinnes", {"K": 10.0, "formate": 10.0})
    assert found == {"K": "analogue:Na", "formate": "analogue:Na-formate"}
    assert known("pitzer:macinnes", {"K": 10.0, "Na": 1.0, "formate": 11.0})["formate"] == "sourced"
    assert known("pitzer:macinnes", {"K": 10.0, "gluconate": 10.0})["K"] == "analogue:K-Cl"
    # An ion that is not there has a status all the same.
    assert known("pitzer:macinnes", {"K": 10.0, "Cl": 10.0, "Cs": 0.0, "TEA": 0.0})["TEA"] == "analogue:Cs"


@pytest.mark.parametrize(
    ("temperature_C", "limit"), [(9.9, "; outside 10-40 C"), (10, ""), (40, ""), (40.1, "; outside 10-40 C")]
)
def test_status_says_where_the_temperature_is_not_that_of_the_parameters(temperature_C: float, limit: str) -> None:
    assert known("pitzer:macinnes", {"Na": 1.0, "Cl": 1.0}, temperature_C)["Na"] == f"sourced{limit}"
    assert known("davies", {"Na": 1.0, "Cl": 1.0}, temperature_C)["Na"] == "estimated"


@pytest.mark.parametrize("model", ["pitzer:macinnes", "davies", "debye-huckel"])
def test_status_warns_of_high_charges_at_high_ionic_strength(model: str) -> None:
    for salt, warned in ((600.0, True), (400.0, False)):
        found = known(model, {"K": salt, "Cl": salt, "La": 0.1})
        assert ("|z| >= 3 above 0.5 M" in found["La"]) is warned
        assert "|z|" not in found["K"]


def test_an_ion_of_the_users_own_takes_its_analogue() -> None:
    own = Ion("guanidinium", 1, 0.7, 10.0, "a user", analogue="NH4")
    ions = [IONS["Na"], own, IONS["Cl"], IONS["NH4"]]
    found = coefficients("pitzer:macinnes", [100, 50, 150, 0], ions, 25)
    assert found[1] == pytest.approx(found[3], rel=1e-12)
    assert status("pitzer:macinnes", [100, 50, 150, 0], ions, 25)[1] == "analogue:NH4"
    alone = Ion("guanidinium", 1, 0.7, 10.0, "a user")
    assert status("pitzer:macinnes", [100, 50, 150], [IONS["Na"], alone, IONS["Cl"]], 25)[1] == "estimated"


def test_a_mobility_is_nothing_to_an_activity() -> None:
    from dataclasses import replace

    faster = replace(IONS["Na"], mobility=1.0)
    one, other = (coefficients("pitzer:macinnes", [150, 150], [ion, IONS["Cl"]], 25) for ion in (IONS["Na"], faster))
    np.testing.assert_array_equal(one, other)
