"""A short form of `make calibrate`: 30 simulated recordings of every protocol, 30 experiments of every kind.

Two statistics hold the coverage. The number of intervals that contain the truth finds gross errors; the mean square of
the errors, each over the half of its interval on that side, finds intervals that are too short. Where 85, 80 and 75 %
of the intervals contain the truth in place of 95 %, the mean square of 30 exceeds its limit with a probability of 30,
65 and 88 %; counting 70 intervals, it is 36, 77 and 96 %. The limits allow for a true coverage of 94 %; where it is
95 %, either is exceeded once in some 2,000 rows.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from calibration import batches, ratios
from calibration.recordings import BIAS_MV, ROWS, Calibration, calibrate
from scipy import stats

CASES, MAX_OTHERS = 30, 2
COUNTED = 70  # where errors are far from normal and the intervals can only be counted; not where all may be refused
LEAST_COVERAGE, MOST_COVERAGE = 0.94, 0.96
# The mean of 30 errors is uncertain by a fifth of their spread: 2.3 of it are as much as 3.5 of the mean of 70.
MAX_BIAS_SE = 2.3


def limits(cases: int) -> tuple[int, int]:
    """Return the least and the largest number of intervals that contain the truth."""
    return int(stats.binom.ppf(0.001, cases, LEAST_COVERAGE)), int(stats.binom.ppf(0.9995, cases, MOST_COVERAGE))


def most_mean_square(n: int) -> float:
    """Return the largest mean square of n normal scores whose intervals contain the truth as often as the least."""
    stretched = stats.norm.ppf(0.975) / stats.norm.ppf((1 + LEAST_COVERAGE) / 2)
    return float(stats.chi2.ppf(0.998, n) / n * stretched**2)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_interval_of_a_reversal_potential_holds_the_truth(row: Calibration) -> None:
    cases = CASES if row.capacity_known or row.max_refused == 1.0 else COUNTED
    if row.max_false is not None:
        cases //= 2  # all are refused, or the row fails
    tally = calibrate(row, cases, int(os.environ.get("SEED", "1")))
    assert all(row.reason in reason for reason in tally.reasons), tally.reasons[:3]
    if row.max_false is not None:
        assert tally.reversals <= row.max_false * cases
        return
    refused = cases - tally.reversals
    assert refused <= max(MAX_OTHERS, row.max_refused * cases), tally.reasons[:3]
    if tally.reversals > cases / 2:
        least, most = limits(cases)
        assert least <= tally.held + refused <= max(most, row.high * cases)
        assert not row.capacity_known or tally.mean_square <= most_mean_square(tally.reversals)
    if tally.reversals and row.is_unbiased:
        assert abs(tally.bias_mV) < BIAS_MV + MAX_BIAS_SE * tally.rms_mV / tally.reversals**0.5


# Of the rows with factors on activities the one with two of them: it has whatever those with one have.
ROWS_OF_RATIOS = [row for row in ratios.ROWS if len(row.factors) != 1]
# Systematic errors are those of the solutions: of rows that differ in their cells alone the first has them.
WITH_SYSTEMATIC_ERRORS = {id(row.experiment): row.name for row in reversed(ROWS_OF_RATIOS) if len(row.intervals) > 1}


@pytest.mark.parametrize("row", ROWS_OF_RATIOS, ids=lambda row: row.name)
def test_what_is_said_of_a_ratio_is_true(row: ratios.Calibration) -> None:
    is_first = WITH_SYSTEMATIC_ERRORS.get(id(row.experiment), row.name) == row.name
    intervals = ratios.INTERVALS if is_first or len(row.intervals) == 1 else row.intervals[:1]
    for tally in ratios.calibrate(row, CASES, int(os.environ.get("SEED", "1")), intervals):
        if row.off_mV:
            assert tally.rejected >= ratios.LEAST_REJECTED, tally
            continue
        silent = tally.cases - tally.claims
        assert silent <= MAX_OTHERS, tally
        least, most = limits(CASES)
        assert least <= tally.held + silent <= max(most, CASES * (row.high == ratios.LOOSE_HIGH)), tally
        assert float(np.mean(np.square(tally.scores))) <= most_mean_square(len(tally.scores)), tally
        assert not tally.relative_width > ratios.MAX_WIDTH
        assert abs(tally.bias) < ratios.BIAS + MAX_BIAS_SE * float(np.std(tally.errors)) / CASES**0.5


def test_batches_that_the_table_does_not_name_are_told() -> None:
    hidden = batches.ROWS[0]
    tally = batches.calibrate(hidden, CASES, int(os.environ.get("SEED", "1")))
    assert tally.told >= batches.LEAST_TOLD * CASES, tally
    assert tally.warned >= stats.binom.ppf(0.001, CASES, batches.LEAST_TOLD), tally


def test_near_the_switch_estimates_and_bounds_together_hold_the_truth() -> None:
    """An ion that just shows: docs/inference.md says what either verdict alone is worth."""
    usual = ratios.ROWS[0]
    faint = replace(usual.experiment, ratios={**usual.experiment.ratios, "Cl": 0.03})
    found = ratios.calibrate(replace(usual, name="faint chloride", experiment=faint), CASES, 1)
    (tally,) = (tally for tally in found if (tally.ion, tally.interval) == ("Cl", "whole"))
    assert min(tally.verdicts["estimate"], tally.verdicts["upper_bound"]) > tally.cases / 4
    least, most = limits(tally.cases)
    assert least <= tally.held + (tally.cases - tally.claims) <= most
