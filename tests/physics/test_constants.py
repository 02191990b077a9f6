import numpy as np
import pytest
from scipy import constants as codata

from nernstfit.physics.constants import FARADAY_C_PER_MOL, GAS_CONSTANT_J_PER_MOL_K, thermal_voltage_mV


def test_constants_are_codata() -> None:
    assert pytest.approx(codata.R, rel=1e-15) == GAS_CONSTANT_J_PER_MOL_K
    assert pytest.approx(codata.physical_constants["Faraday constant"][0], rel=1e-11) == FARADAY_C_PER_MOL


def test_thermal_voltage() -> None:
    assert thermal_voltage_mV(25) == pytest.approx(25.69258, abs=5e-6)
    assert thermal_voltage_mV(-273.15) == 0
    assert thermal_voltage_mV([20, 37]).shape == (2,)


def test_below_absolute_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute zero: -300 C"):
        thermal_voltage_mV(np.array([20, -300]))
