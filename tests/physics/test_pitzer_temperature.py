"""Pitzer's equations away from 25 C: the slopes of Silvester & Pitzer 1978."""

import numpy as np
import pytest

from nernstfit.physics.solution import pitzer
from nernstfit.physics.solution.ions import IONS


@pytest.mark.parametrize(
    ("cation", "strength", "published"),
    # Archer 1992 and 1999 (J Phys Chem Ref Data 21:793, 28:1) for NaCl and KCl at .15 m; CaCl2 at .11 m
    [("Na", 0.15, 0.7479), ("K", 0.15, 0.7346), ("Ca", 0.33, 0.5045)],
)
def test_mean_coefficients_at_body_temperature(cation: str, strength: float, published: float) -> None:
    found = float(np.exp(pitzer.ln_mean(IONS[cation], IONS["Cl"], np.array(strength), 37.0)))
    assert found == pytest.approx(published, abs=1e-3)


def test_the_slope_is_that_of_the_parameters_not_of_the_field_alone() -> None:
    """At 2 mol/kg the parameters outweigh the field: the coefficient of NaCl rises with ever smaller steps."""
    at = [float(pitzer.ln_mean(IONS["Na"], IONS["Cl"], np.array(2.0), t)) for t in (15.0, 25.0, 35.0)]
    assert at[0] < at[1] < at[2]
    assert np.diff(at)[0] > np.diff(at)[1]


def test_every_derivative_belongs_to_a_salt() -> None:
    with_slope = {pair for pair, salt in pitzer.TABLE.salts.items() if salt.dbeta0 or salt.dbeta1 or salt.dc}
    assert len(with_slope) == 37
    assert {("Na", "Cl"), ("K", "Cl"), ("Cs", "Cl"), ("Ca", "Cl"), ("Mg", "Cl"), ("Ba", "Cl")} <= with_slope
