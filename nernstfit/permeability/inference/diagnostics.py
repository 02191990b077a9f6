"""Tests of the Goldman-Hodgkin-Katz equation with constant ratios against the residuals of a fit.

Every test asks whether a further effect explains residuals that the ratios leave (see `effects`): the cell is the
replicate, and what the ratios can fit is no evidence. A small p shows that the model fails, not why: effects of the
potential, of an activity and of one bath may be the same few deviations.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import ValidityTest
from nernstfit.permeability.covariance import CovarianceComponents, WhitenedDesign, Whitener
from nernstfit.permeability.inference.accumulation import MIN_CLUSTERS, Drifts, Slope, drift_slope
from nernstfit.permeability.inference.effects import Effect, condition_indicators, f_test, scatter_test
from nernstfit.permeability.inference.mixtures import Mixture
from nernstfit.permeability.inference.sentences import Untested, shift_consequence, validity_sentence, with_error
from nernstfit.permeability.mixed_model import Fit

FloatArray = NDArray[np.float64]

# Squared length of a covariate below which all its values count as equal. It lies far above rounding and far below any
# difference of potentials, times or log activities; half or twice of it change nothing.
_MIN_SQUARED_LENGTH = 1e-9

# Ratio of the largest to the smallest activity of an ion from which residuals can depend on it: activities are known to
# some percent. With half of it (5 %) an effect per decade is extrapolated from a fiftieth of one; with twice (20 %)
# baths are not tested that differ enough.
_MIN_ACTIVITY_RATIO = 1.1

# Unit of the size of each effect in the table of tests, and within its sentence.
_UNITS = {
    ValidityTest.LACK_OF_FIT: ("", ""),
    ValidityTest.SCATTER: ("ratio", ""),
    ValidityTest.ACTIVITY: ("mV per decade", "mV"),
    ValidityTest.PERMEABILITY_TREND: ("ln P per ln activity", ""),
    ValidityTest.POTENTIAL: ("mV per mV", "mV"),
    ValidityTest.TIME: ("mV per minute", "mV"),
    ValidityTest.CONDUCTANCE: ("mV per nS", "mV"),
    ValidityTest.MOLE_FRACTION: ("mV", "mV"),
    ValidityTest.ACCUMULATION: ("mV per nC", "mV"),
    ValidityTest.SHIFT_METHOD: ("ln P", "mV"),
}


@dataclass(frozen=True)
class Covariates:
    """Covariates of the residuals; nan where a value is unknown.

    Attributes
    ----------
    activity_mM : ndarray, shape (n, k)
        Activity of each permeant ion in the bath.
    time_s, slope_nS : ndarray, shape (n,)
        Time of a measurement; slope conductance at the reversal potential.
    mixtures : tuple of Mixture
        Mixture series among the baths.
    drifts : Drifts or None
        Drift of the zero within each recording; None where there are no recordings.
    """

    activity_mM: FloatArray
    time_s: FloatArray
    slope_nS: FloatArray
    mixtures: tuple[Mixture, ...] = ()
    drifts: Drifts | None = None


@dataclass(frozen=True)
class TestResult:
    """Outcome of one test of validity.

    Attributes
    ----------
    test : ValidityTest
    ion : str
        '' where the test concerns no single ion.
    sentence : str
    statistic : float
        F; for `SCATTER` the signed root of a likelihood ratio. nan where there is no test.
    p : float
    size, se : float
        Size of the effect in `unit` and its standard error; nan where a test has no single effect.
    unit : str
    df1, df2 : float
        Degrees of freedom of F.
    """

    __test__ = False  # for pytest, which collects classes of this name

    test: ValidityTest
    ion: str
    sentence: str
    statistic: float = math.nan
    p: float = math.nan
    size: float = math.nan
    se: float = math.nan
    unit: str = ""
    df1: float = math.nan
    df2: float = math.nan


def run_tests(
    fitted: Fit, covariates: Covariates, confidence: float, estimates: Collection[str]
) -> tuple[TestResult, ...]:
    """Run every test on one fit.

    Parameters
    ----------
    fitted : Fit
        Fitted by REML.
    covariates : Covariates
    confidence : float
        1 - `confidence` is the significance level.
    estimates : collection of str
        Ions whose ratios are estimates. A change of another ratio has no size: where hardly any potential depends on
        it, it could change by any factor.

    Returns
    -------
    tuple of TestResult
        Always the same tests in the same order; where the data allow no test, the sentence gives the reason.
    """
    tests = _Tests(fitted, covariates, 1 - confidence, estimates)
    return (
        tests.lack_of_fit(),
        tests.scatter(),
        *tests.activity(),
        *tests.permeability_trend(),
        tests.potential(),
        tests.time(),
        tests.conductance(),
        *tests.mole_fraction(),
        tests.accumulation(),
        *tests.shift_method(),
    )


@dataclass(frozen=True)
class _Tests:
    """Tests on one fit; see `run_tests`."""

    fitted: Fit
    covariates: Covariates
    alpha: float
    estimates: Collection[str]

    def lack_of_fit(self) -> TestResult:
        """Test whether the ratios explain the mean of each condition."""
        test = ValidityTest.LACK_OF_FIT
        found = f_test(self.fitted, condition_indicators(self.fitted))
        if found is None:
            return TestResult(test, "", Untested.NO_FURTHER_BATH)
        sentence = validity_sentence(test, found.p, self.alpha, df1=found.df1)
        return _result(test, "", found, sentence, (math.nan, math.nan))  # a direction among the baths has no unit

    def scatter(self) -> TestResult:
        """Test whether measurements scatter more than their errors explain."""
        test, found = ValidityTest.SCATTER, scatter_test(self.fitted)
        if found is None:
            return TestResult(test, "", Untested.NO_SCATTER)
        return _result(test, "", found, validity_sentence(test, found.p, self.alpha, size=found.size))

    def activity(self) -> Iterator[TestResult]:
        """Test whether residuals depend on the activity of each ion in the bath."""
        for ion, activity in zip(self.fitted.data.ions, self.covariates.activity_mM.T, strict=True):
            decades = centred_log(activity) / math.log(10)
            yield self._effect(ValidityTest.ACTIVITY, decades, Untested.ONE_ACTIVITY, ion)

    def permeability_trend(self) -> Iterator[TestResult]:
        """Test whether each ratio depends on the activity of its ion: d ln P / d ln a."""
        test, gradient = ValidityTest.PERMEABILITY_TREND, self.fitted.gradient_of_mean_cell
        known = {*self.estimates, self.fitted.reference} if self.estimates else ()
        for i, (ion, activity) in enumerate(zip(self.fitted.data.ions, self.covariates.activity_mM.T, strict=True)):
            if ion not in known:
                yield TestResult(test, ion, Untested.NO_ESTIMATE.format(ion=ion))
            else:
                yield self._effect(test, gradient[:, i] * centred_log(activity), Untested.ONE_ACTIVITY, ion)

    def potential(self) -> TestResult:
        """Test whether residuals depend on the predicted potential."""
        predicted = self.fitted.predicted_mV
        return self._effect(ValidityTest.POTENTIAL, predicted - predicted.mean(), Untested.ONE_POTENTIAL)

    def time(self) -> TestResult:
        """Test for drift within cells; between cells time is confounded with many other differences."""
        minutes = self.covariates.time_s / 60
        for block in self.fitted.data.blocks:
            rows = block[block >= 0]
            minutes[rows] = _centred(minutes[rows])
        return self._effect(ValidityTest.TIME, minutes, Untested.ONE_TIME)

    def conductance(self) -> TestResult:
        """Test whether residuals depend on the slope conductance, and so on the size of the currents."""
        return self._effect(ValidityTest.CONDUCTANCE, _centred(self.covariates.slope_nS), Untested.ONE_CONDUCTANCE)

    def shift_method(self) -> Iterator[TestResult]:
        """Compare the ratios with those from potential shifts alone, which a common offset does not change.

        The fitted ratios assume that the cells' offsets are zero on average. With the average free they are less
        precise but not biased by it: the difference is tested (Hausman 1978, Econometrica 46:1251).
        """
        fitted, data, test = self.fitted, self.fitted.data, ValidityTest.SHIFT_METHOD
        free = [i for i in fitted.free if i < len(data.ions)]
        ones = np.ones((data.size, 1))
        common = None if math.isinf(fitted.offset_scale_mV) else f_test(fitted, ones)
        if common is None:
            reason = Untested.FREE_OFFSETS if math.isinf(fitted.offset_scale_mV) else Untested.COMMON_OFFSET
            yield from (TestResult(test, data.ions[i], reason) for i in free)
            return
        whiten = Whitener(CovarianceComponents(fitted.working, fitted.gradient), common.components)
        design = WhitenedDesign.of(whiten(fitted.columns))
        ln_p_per_mV = -(design.sensitivity @ whiten(ones))[:, 0]
        for j, i in enumerate(free):
            ion, change, se = data.ions[i], math.nan, math.nan
            if ion in self.estimates:
                change, se = common.size * float(ln_p_per_mV[j]), common.se * abs(float(ln_p_per_mV[j]))
            sentence = validity_sentence(
                test,
                common.p,
                self.alpha,
                effect=with_error(common.size, common.se, _UNITS[test][1]),
                consequence=shift_consequence(ion, change if ion in self.estimates else None),
            )
            yield _result(test, ion, common, sentence, (change, se))

    def mole_fraction(self) -> Iterator[TestResult]:
        """Test whether the mixtures of two ions deviate from what their pure baths imply."""
        test = ValidityTest.MOLE_FRACTION
        for series in self.covariates.mixtures:
            yield self._effect(test, series.effect, Untested.NO_SERIES, "/".join(series.ions))
        if not self.covariates.mixtures:
            yield TestResult(test, "", Untested.NO_SERIES)

    def accumulation(self) -> TestResult:
        """Test whether the zero drifts with the charge that a recording has passed."""
        test, drifts = ValidityTest.ACCUMULATION, self.covariates.drifts
        known = np.zeros(0, bool) if drifts is None else drifts.known
        if drifts is None or not known.any():
            return TestResult(test, "", Untested.NO_REPEATS)
        cluster = np.unique(self._clusters[known], return_inverse=True)[1].reshape(-1)
        if cluster.max() + 1 < MIN_CLUSTERS:
            return TestResult(test, "", Untested.FEW_WITH_REPEATS)
        own = Drifts(drifts.drift_mV[known], drifts.se_mV[known], drifts.charge_nC[known])
        found = drift_slope(own, cluster)
        if found is None:
            return TestResult(test, "", Untested.ONE_CHARGE)
        written = with_error(found.size, found.se, _UNITS[test][1])
        side = "in the direction of" if found.size > 0 else "against the direction of"
        return _result(test, "", found, validity_sentence(test, found.p, self.alpha, effect=written, side=side))

    @property
    def _clusters(self) -> NDArray[np.int64]:
        """Number of the independent cluster of each observation, shape (n,)."""
        data = self.fitted.data
        number = np.zeros(data.size, dtype=np.int64)
        for g, rows in enumerate(data.clusters):
            number[rows[rows >= 0]] = g
        return number

    def _effect(self, test: ValidityTest, effect: FloatArray, constant: Untested, ion: str = "") -> TestResult:
        """Test a single effect, which is untested for the reason `constant` where all its values are equal."""
        if float(effect @ effect) < _MIN_SQUARED_LENGTH:
            return TestResult(test, ion, constant.format(ion=ion))
        found = f_test(self.fitted, effect[:, None])
        if found is None:
            return TestResult(test, ion, Untested.CONFOUNDED)
        written = with_error(found.size, found.se, _UNITS[test][1])
        return _result(test, ion, found, validity_sentence(test, found.p, self.alpha, ion=ion, effect=written))


def _result(
    test: ValidityTest, ion: str, found: Effect | Slope, sentence: str, size: tuple[float, float] | None = None
) -> TestResult:
    """Return the outcome of a test; `size` with its error replaces that of the effect."""
    value, se = size or (found.size, found.se)
    unit, df1 = _UNITS[test][0], float(found.df1)
    return TestResult(test, ion, sentence, found.statistic, found.p, value, se, unit, df1, found.df2)


def centred_log(activity_mM: FloatArray) -> FloatArray:
    """Return the log of an activity minus its mean; 0 where the ion is not in the bath, or all are nearly equal."""
    with np.errstate(divide="ignore"):
        logs = np.log(activity_mM)
    known = logs[np.isfinite(logs)]
    if not len(known) or np.ptp(known) < math.log(_MIN_ACTIVITY_RATIO):
        return np.zeros(len(logs))
    return _centred(np.where(np.isfinite(logs), logs, math.nan))


def _centred(values: FloatArray) -> FloatArray:
    """Return values minus their mean; 0 where a value is unknown."""
    known = np.isfinite(values)
    return np.where(known, values - values[known].mean(), 0.0) if known.any() else np.zeros(len(values))
