"""A short form of `make calibrate`: 70 simulated recordings of every protocol, 70 experiments of every kind."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from calibration import ratios
from calibration.recordings import BIAS_MV, ROWS, Calibration, calibrate
from scipy import stats

CASES, MAX_OTHERS = 70, 3
LEAST, MOST = int(stats.binom.ppf(0.001, CASES, 0.94)), int(stats.binom.ppf(0.9995, CASES, 0.96))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_interval_of_a_reversal_potential_holds_the_truth(row: Calibration) -> None:
    tally = calibrate(row, CASES, int(os.environ.get("SEED", "1")))
    assert all(row.reason in reason for reason in tally.reasons), tally.reasons[:3]
    if row.max_false is not None:
        assert tally.reversals <= row.max_false * CASES
        return
    refused = CASES - tally.reversals
    assert refused <= max(MAX_OTHERS, row.max_refused * CASES), tally.reasons[:3]
    if tally.reversals > CASES / 2:
        assert LEAST <= tally.held + refused <= max(MOST, row.high * CASES)
    # The bias of 70 cases is known to a tenth of their spread or so; an unknown capacitance is all bias.
    if tally.reversals and row.capacity_known:
        assert abs(tally.bias_mV) < BIAS_MV + 3 * tally.rms_mV / tally.reversals**0.5


@pytest.mark.parametrize("row", ratios.ROWS, ids=lambda row: row.name)
def test_what_is_said_of_a_ratio_is_true(row: ratios.Calibration) -> None:
    for tally in ratios.calibrate(row, CASES, int(os.environ.get("SEED", "1"))):
        if row.off_mV:
            assert tally.rejected >= ratios.LEAST_REJECTED, tally
            continue
        silent = tally.cases - tally.claims
        assert silent <= MAX_OTHERS, tally
        assert LEAST <= tally.held + silent <= max(MOST, CASES * (row.high == ratios.LOOSE_HIGH)), tally
        assert not tally.relative_width > ratios.MAX_WIDTH
        # The bias of 70 experiments is known to an eighth of their spread.
        assert abs(tally.bias) < ratios.BIAS + 3 * float(np.std(tally.errors)) / CASES**0.5


def test_near_the_switch_estimates_and_bounds_together_hold_the_truth() -> None:
    """An ion that just shows: docs/inference.md says what either verdict alone is worth."""
    usual = ratios.ROWS[0]
    faint = replace(usual.experiment, ratios={**usual.experiment.ratios, "Cl": 0.03})
    found = ratios.calibrate(replace(usual, name="faint chloride", experiment=faint), CASES, 1)
    (tally,) = (tally for tally in found if (tally.ion, tally.interval) == ("Cl", "whole"))
    assert min(tally.verdicts["estimate"], tally.verdicts["upper_bound"]) > CASES / 4
    assert LEAST <= tally.held + (tally.cases - tally.claims) <= MOST
