"""Memory of a fit and its inference, in proportion to the number of measurements."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from test_model import Simulation

from nernstfit.permeability.inference.bootstrap import bootstrap_ln_p
from nernstfit.permeability.inference.diagnostics import Covariates, run_tests
from nernstfit.permeability.inference.fit_report import minimized
from nernstfit.permeability.inference.ratios import profile_interval, ratios
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.single_cells import fit_cells

BATHS = len(Simulation().baths)


def peak_MB(cells: int, offset_scale_mV: float) -> float:
    """Largest memory while cells are fitted and everything is concluded from them."""
    data = Simulation(cells=cells).draw(1)
    systematic_mV = np.random.default_rng(1).normal(0, 0.3, (BATHS, 20))[np.arange(data.size) % BATHS]
    unknown = np.full(data.size, math.nan)
    tracemalloc.start()
    found = fit(data, "Na", offset_scale_mV)
    of_ratios = ratios(found, systematic_mV, 0.95)
    profile_interval(found, 1, 0.95)
    bootstrap_ln_p(found, 200, 1)
    run_tests(found, Covariates(data.outside, np.arange(data.size) * 60.0, unknown), 0.95, ("K", "Cs"))
    fit_cells(data, "Na", offset_scale_mV, found.ln_p)
    minimized(found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {ratio.ion for ratio in of_ratios} == set(data.ions[1:])
    return peak / 1e6


@pytest.mark.parametrize("offset_scale_mV", [1.0, math.inf])
def test_memory_grows_with_the_measurements_and_not_with_their_square(offset_scale_mV: float) -> None:
    peak_MB(4, offset_scale_mV)  # whatever is kept from a first fit
    few, many = peak_MB(100, offset_scale_mV), peak_MB(400, offset_scale_mV)
    assert many < 5 * few
    assert many < 2400**2 * 8e-6  # one matrix of all measurements
