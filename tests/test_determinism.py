"""The same estimates from another kernel of the linear algebra library, also where no ratios explain the potentials."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_verdicts import BATHS, TRUTH, simulated

from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations

KERNELS = ("Haswell", "Prescott", "")
Case = tuple[Observations, float]


def shifted(data: Observations, bath: int, by_mV: float) -> Observations:
    """One bath lies elsewhere in every cell."""
    in_bath = np.arange(data.size) % len(BATHS) == bath
    return replace(data, potential_mV=data.potential_mV + by_mV * in_bath)


def random(seed: int) -> Observations:
    data = simulated(TRUTH)
    return replace(data, potential_mV=np.random.default_rng(seed).uniform(-80, 80, data.size))


def random_baths(seed: int) -> Observations:
    """Every cell has the same potential in a bath, but for 2 mV, and none of them is that of any ratios."""
    data, rng = simulated(TRUTH), np.random.default_rng(seed)
    of_bath = rng.uniform(-60, 60, len(BATHS))
    return replace(data, potential_mV=of_bath[np.arange(data.size) % len(BATHS)] + rng.normal(0, 2, data.size))


def in_batches(data: Observations) -> Observations:
    return replace(data, batches=tuple(f"day {int(cell[1:]) % 3}" for cell in data.cells))


def limited(data: Observations) -> Observations:
    """Below what could be measured in one bath of two cells."""
    side = tuple(-1 if i % len(BATHS) == 3 and i < 10 else 0 for i in range(data.size))
    return replace(data, limit_side=side)


def explained() -> dict[str, Case]:
    """Fits to potentials that some ratios explain."""
    return {
        "ordinary": (simulated(TRUTH), 0.5),
        "cells alike": (simulated(TRUTH, seed=1, spread=0.0), 0.5),
        "free offsets": (simulated(TRUTH, seed=2), math.inf),
        "one cell": (simulated(TRUTH, cells=1), 0.5),
        "batches": (in_batches(simulated(TRUTH, seed=3)), 0.5),
        "limits": (limited(simulated(TRUTH, seed=3)), 0.5),
        "impermeant": (simulated({**TRUTH, "NMDG": 1e-7}, seed=2), 0.5),
    }


def unexplained() -> dict[str, Case]:
    """Fits to potentials that no ratios explain."""
    return {
        **{f"Na 30 mV off {seed}": (shifted(simulated(TRUTH, seed=seed), 0, 30.0), 0.5) for seed in (0, 1)},
        **{f"K 30 mV off {seed}": (shifted(simulated(TRUTH, seed=seed), 1, 30.0), 0.5) for seed in (0, 1)},
        **{f"NMDG 30 mV off {seed}": (shifted(simulated(TRUTH, seed=seed), 3, -30.0), 0.5) for seed in (1,)},
        **{f"random {seed}": (random(seed), 0.5) for seed in (2, 5, 7)},
        **{f"random baths {seed}": (random_baths(seed), 0.5) for seed in (0, 4)},
    }


def fitted() -> dict[str, dict[str, object]]:
    found = {}
    for name, (data, scale_mV) in {**explained(), **unexplained()}.items():
        result = fit(data, "Na", scale_mV)
        components = (result.components.offset_mV, *result.components.ln_p, result.components.batch_ln_p)
        # A covariance is known to a part of the two errors: where it nearly vanishes, it has no digits of its own.
        error = np.sqrt(np.diagonal(result.covariance))
        correlation = 1 + result.covariance / np.outer(error, error)
        numbers = (result.ln_p, components, result.chi_square, error, correlation, result.df, result.predicted_mV)
        found[name] = {"settled": result.settled, "numbers": [np.ravel(of_one).tolist() for of_one in numbers]}
    return found


@pytest.fixture(scope="module")
def by_kernel() -> dict[str, Mapping[str, Mapping[str, object]]]:
    """Fits in an interpreter of its own for each kernel: the library chooses it when it is loaded."""
    here = Path(__file__).parent
    program = "import json, test_determinism; print(json.dumps(test_determinism.fitted()))"
    found = {}
    for kernel in KERNELS:
        given = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
        given |= {"OPENBLAS_CORETYPE": kernel} if kernel else {}
        given["PYTHONPATH"] = os.pathsep.join([str(here.parent), str(here)])
        done = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=True)
        found[kernel] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", [*explained(), *unexplained()])
def test_a_fit_is_the_same_with_every_kernel(name: str, by_kernel: Mapping[str, Mapping[str, dict]]) -> None:
    first, *others = (by_kernel[kernel][name] for kernel in KERNELS)
    for other in others:
        assert other["settled"] == first["settled"]
        for one, two in zip(first["numbers"], other["numbers"], strict=True):
            assert two == pytest.approx(one, rel=1e-7, abs=0)


@pytest.mark.parametrize("name", explained())
def test_potentials_that_ratios_explain_settle(name: str, by_kernel: Mapping[str, Mapping[str, dict]]) -> None:
    assert by_kernel[""][name]["settled"]


def test_potentials_that_no_ratios_explain_may_not_settle(by_kernel: Mapping[str, Mapping[str, dict]]) -> None:
    assert not all(by_kernel[""][name]["settled"] for name in unexplained())


def test_a_spread_that_vanishes_is_exactly_the_bound() -> None:
    data = simulated(TRUTH, seed=1, spread=0.0)
    common = math.exp(np.mean(np.log(fit(data, "Na", 0.5).components.ln_p)))
    assert common == pytest.approx(1e-3, rel=1e-12)
