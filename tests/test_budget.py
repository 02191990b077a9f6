"""The error budget: shares that add up, each source against a closed form or a finite difference."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_model import RT_F, TRUTH, Simulation, table
from test_variance_components import in_batches

import nernstfit
from nernstfit.contract.terms import ErrorSource
from nernstfit.figures import error_budget
from nernstfit.figures.layout import PAGE
from nernstfit.permeability.inference.error_budget import budget
from nernstfit.permeability.inference.variance_shares import VarianceShare, largest_source
from nernstfit.permeability.mixed_model import Fit, fit
from nernstfit.permeability.observations import Observations

SOURCES = ("noise", "cells", "offset", "junction", "activity", "temperature", "concentration", "equilibria")
NAMES = (
    "concentration of a bath",
    "mobility of Na",
    "mobility of Cl",
    "temperature",
    "Nernst-Planck against Henderson",
    "activity model",
    "mobilities in solution",
    "stability constants",
    "pH",
)


def shares(found: Fit, shared_mV: np.ndarray, names: tuple[str, ...] = NAMES) -> dict[tuple[str, str], VarianceShare]:
    ions = [ion for ion in found.data.ions if ion != found.reference]
    return {(share.ion, share.source): share for share in budget(found, shared_mV, names, ions)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [0.0, 1.0, math.inf])
def test_shares_add_up_to_the_variance(seed: int, scale: float) -> None:
    found = fit(Simulation(cells=5).draw(seed), "Na", scale)
    shared_mV = np.random.default_rng(seed).normal(0, 0.5, (found.data.size, len(NAMES)))
    all_of = shares(found, shared_mV)
    for j, ion in enumerate(("K", "Cs", "Li", "NMDG", "Cl")):
        own = [all_of[ion, source] for source in SOURCES]
        assert sum(share.variance_share for share in own) == pytest.approx(1.0)
        whole = found.covariance[j, j] + ((found.sensitivity[j] @ shared_mV) ** 2).sum()
        assert sum(share.se_ln**2 for share in own) == pytest.approx(whole, rel=1e-6)
    assert len(all_of) == 5 * len(SOURCES)


def test_each_shared_error_has_its_line() -> None:
    found = fit(Simulation(cells=5).draw(1), "Na", 1.0)
    shared_mV = np.random.default_rng(1).normal(0, 0.5, (found.data.size, len(NAMES)))
    moved = (found.sensitivity[0] @ shared_mV) ** 2
    expected = {
        "concentration": moved[0],
        "junction": moved[1] + moved[2] + moved[4] + moved[6],
        "temperature": moved[3],
        "activity": moved[5],
        "equilibria": moved[7] + moved[8],
    }
    for source, variance in expected.items():
        assert shares(found, shared_mV)["K", source].se_ln ** 2 == pytest.approx(variance)


def bi_ionic(cells: int, se_mV: float = 0.5) -> Observations:
    rng = np.random.default_rng(4)
    rows = [(f"c{i}", float(rng.normal(3, 2)), {"Na": 150.0}) for i in range(cells)]
    return table(rows, ["K", "Na"], se_mV, inside={"K": 120.0})


def test_two_ions_in_closed_form() -> None:
    # E = (RT/F) (ln P_Na - ln P_K) + offset + noise in each of n cells.
    found = fit(bi_ionic(7), "K", 0.8)
    all_of, spread = shares(found, np.zeros((7, 0)), ()), found.components
    assert all_of["Na", "noise"].se_ln == pytest.approx(0.5 / RT_F / math.sqrt(7), rel=1e-6)
    assert all_of["Na", "offset"].se_ln == pytest.approx(spread.offset_mV / RT_F / math.sqrt(7), rel=1e-6)
    assert all_of["Na", "cells"].se_ln == pytest.approx(math.hypot(*spread.ln_p) / math.sqrt(7), rel=1e-6)


def test_noise_and_offset_by_moving_each_potential() -> None:
    # One cell: its offset is as uncertain as it was said to be, and the noise alone is left beside it.
    # The step is small against RT/F and large against the convergence of the fit, which hides smaller ones.
    data, h = Simulation(cells=1).draw(2), 1e-2
    found = fit(data, "Na", 1.0)

    def ln_p(moved: np.ndarray) -> np.ndarray:
        return fit(replace(data, potential_mV=data.potential_mV + moved), "Na", 1.0).ln_p

    slopes = np.array([(ln_p(step) - ln_p(-step)) / (2 * h) for step in h * np.eye(data.size)])
    all_of = shares(found, np.zeros((data.size, 0)), ())
    for i, ion in enumerate(TRUTH):
        if ion != "Na":
            noise = np.linalg.norm(slopes[:, i] * data.se_mV)
            assert all_of[ion, "noise"].se_ln == pytest.approx(noise, rel=1e-3), ion
            assert all_of[ion, "offset"].se_ln == pytest.approx(abs(slopes[:, i].sum()), rel=1e-3, abs=1e-5), ion


def test_batches_have_a_line_of_their_own() -> None:
    found = fit(in_batches(Simulation(cells=9).draw(1), 3), "Na", 1.0)
    own = {share.source: share for share in budget(found, np.zeros((found.data.size, 0)), (), ["K"])}
    assert set(own) == {*SOURCES, "batch"} - {"equilibria"}
    assert own["batch"].se_ln > 0
    assert sum(share.variance_share for share in own.values()) == pytest.approx(1.0)


def test_what_to_measure_better_first_is_said() -> None:
    found = fit(Simulation(cells=6, spread=0.2).draw(1), "Na", 1.0)
    all_of = shares(found, np.zeros((found.data.size, 0)), ())
    source, share = largest_source(list(all_of.values()))
    assert source == "cells"
    assert share == pytest.approx(np.mean([all_of[ion, "cells"].variance_share for ion in TRUTH if ion != "Na"]))
    cells, noise = all_of["K", "cells"], all_of["K", "noise"]
    half = 100 * (1 - math.sqrt(1 - 0.75 * cells.variance_share))
    assert f"{100 * cells.variance_share:.0f} % of the variance" in cells.sentence
    assert f"the interval {half:.0f} % shorter: more cells" in cells.sentence
    assert noise.variance_share < 0.05
    assert noise.sentence == ""


def test_the_largest_of_several_is_named() -> None:
    found = fit(Simulation(cells=6).draw(1), "Na", 1.0)
    shared_mV = np.zeros((found.data.size, len(NAMES)))
    shared_mV[1::6, 0], shared_mV[1::6, 2] = 3.0, 4.0  # the potassium bath
    all_of = shares(found, shared_mV)
    assert "mostly from the concentration of a bath" in all_of["K", "concentration"].sentence
    assert "mostly from the mobility of Cl" in all_of["K", "junction"].sentence


def test_an_error_that_is_not_known_is_not_passed_over() -> None:
    found = fit(Simulation(cells=6).draw(1), "Na", 1.0)
    with pytest.raises(KeyError):
        shares(found, np.ones((found.data.size, 1)), ("phase of the moon",))


def test_every_source_has_a_colour_of_its_own() -> None:
    colours = [error_budget._source_colours([source], PAGE)["scale"]["range"] for source in ErrorSource]
    assert len({colour for (colour,) in colours}) == len(ErrorSource)


def test_a_variance_that_cancels_is_none() -> None:
    """Every bath measured against its own zero: the offsets cancel in Cs to -1e-38, of which there is no root."""
    of_cells = [
        *([-7.36, 0.24, -31.64], [3.24, -0.77, -16.74], [-2.86, -0.86, -22.42]),
        *([-4.16, 0.24, -23.41], [-0.07, 1.84, -16.11]),
    ]
    rows = [
        {"cell": f"c{i}", "bath": bath, "pipette": "pip", "reversal_mV": potential, "se_mV": 0.4}
        for i, potentials in enumerate(of_cells)
        for bath, potential in zip(("na", "k", "cs"), potentials, strict=True)
    ]
    recipes = {
        "na": {"NaCl": 150},
        "k": {"KCl": 150},
        "cs": {"CsCl": 150},
        "pip": {"KCl": 150},
        "bridge": {"KCl": 3000},
    }
    result = nernstfit.fit(
        *(pd.DataFrame(rows), recipes),
        fit={"reference_ion": "Na", "permeant": ["Na", "K", "Cs"]},
        activity={"model": "concentration"},
        junction={
            **{"method": "henderson", "zeroed_in": "same", "measured_mV": {"na": -4.313, "k": 0.0, "cs": 0.616}},
            "reference": {"type": "salt-bridge", "solution": "bridge"},
        },
    )
    assert set(result.permeabilities["ion"]) == {"K", "Cs"}
