import numpy as np
import pytest

from nernstfit.physics.solution.activity import davies, debye_huckel_slope, ideal, ionic_strength_M

MODELS = {"davies": davies, "concentration": ideal}


def test_ionic_strength() -> None:
    """140 NaCl + 2 CaCl2: (140 + 4 x 2 + 144) / 2 mM."""
    assert ionic_strength_M([140, 2, 144], [1, 2, -1]) == pytest.approx(0.146, rel=1e-14)
    assert ionic_strength_M([[140, 2, 144], [0, 0, 0]], [1, 2, -1]).tolist() == pytest.approx([0.146, 0])


@pytest.mark.parametrize(("temperature_C", "slope"), [(20, 0.5042), (25, 0.5085), (40, 0.5221)])
def test_debye_huckel_slope(temperature_C: float, slope: float) -> None:
    assert debye_huckel_slope(temperature_C) == pytest.approx(slope, abs=5e-4)


def test_davies_bi_ionic_example() -> None:
    """Na 150 / Cl 150 inside, CaCl2 110 outside, reversal at 0 mV, 25 C: P_Ca/P_Na = 1.80, 0.68 by concentrations."""
    ratios = {}
    for name, model in MODELS.items():
        sodium = 150 * model([150, 150], [1, -1], 25)[0]
        calcium = 110 * model([110, 220], [2, -1], 25)[0]
        ratios[name] = sodium * 2 / (4 * calcium)
    assert ratios["davies"] == pytest.approx(1.80, abs=0.005)
    assert ratios["concentration"] == pytest.approx(0.68, abs=0.005)


def test_davies_by_hand() -> None:
    """I = 0.15 M, A = 0.5085: log10 g = -0.5085 z^2 (sqrt(I) / (1 + sqrt(I)) - 0.045)."""
    exponent = -0.5085 * (0.3872983346207417 / 1.3872983346207417 - 0.045)
    np.testing.assert_allclose(davies([150, 150], [1, -1], 25), 10**exponent, rtol=1e-12)
    np.testing.assert_allclose(davies([150, 150, 0], [1, -1, 3], 25)[2], 10 ** (9 * exponent), rtol=1e-12)


def test_infinite_dilution() -> None:
    np.testing.assert_array_equal(davies([0, 0], [2, -1], 25), [1, 1])


def test_models_have_one_shape() -> None:
    concentration_mM = np.full((4, 3), 50.0)
    temperatures = np.array([10.0, 20, 25, 37])
    for model in MODELS.values():
        assert model(concentration_mM, [1, 2, -1], temperatures).shape == (4, 3)
        assert model(concentration_mM[0], [1, 2, -1], 25).shape == (3,)
        assert model(concentration_mM[0], [1, 2, -1], temperatures).shape == (4, 3)
    np.testing.assert_array_equal(ideal(concentration_mM, [1, 2, -1], 25), 1)
    np.testing.assert_array_equal(
        davies(concentration_mM, [1, 2, -1], temperatures)[3], davies(concentration_mM[3], [1, 2, -1], 37)
    )
