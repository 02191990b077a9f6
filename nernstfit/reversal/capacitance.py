"""Capacitive current of a ramp, C dV/dt, and the membrane capacitance that it is calculated from.

The capacitive current adds the same current to the whole ramp and shifts its zero by C dV/dt over
the slope: up in one direction, down in the other. Two ramps in opposite directions over the same
voltages determine the capacitance, unless channels that open or close on the way make them differ
by more than a constant. So do the transients of voltage steps of the same recording.

The amplifier may cancel a part of the capacitive current. A ramp carries what is left, and so do other ramps and steps
of the same recording. A capacitance that the amplifier telegraphs, or that another recording of the cell has, need not
be what is left in this one: it counts only where the step of the current at the start of the ramp shows it too. One of
the table counts unless that step contradicts it, as where it is the reading of the dial by which it was cancelled.
What the amplifier has cancelled is in no current, but charges the membrane through the series resistance all the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import Configuration
from nernstfit.reversal import spline
from nernstfit.reversal.curve import DENSE_MV, Curve, coarse, thinned
from nernstfit.reversal.polynomial import error_scale
from nernstfit.reversal.quantiles import Z_95, Z_95_ONE_SIDED

FloatArray = NDArray[np.float64]

# Membrane capacitance in pF where nothing is known of it, at 0.9 uF/cm2 (Gentet, Stuart & Clements 2000, Biophys J
# 79:314): a cell 25 um across for the leak's own ramps, and limits that few preparations exceed: a cell of 50 um, a
# patch with what is left of the pipette's, an oocyte of 1.3 mm whose membrane is folded eightfold. Half or double of
# it halves or doubles the possible error.
TYPICAL_PF = 0.9e-6 * math.pi * 25e-4**2 * 1e12
_LIMIT_PF: Mapping[Configuration, float] = {
    Configuration.WHOLE_CELL: 0.9e-6 * math.pi * 50e-4**2 * 1e12,
    Configuration.OUTSIDE_OUT: 2.0,
    Configuration.INSIDE_OUT: 2.0,
    Configuration.TWO_ELECTRODE: 8 * 0.9e-6 * math.pi * 1300e-4**2 * 1e12,
}
# The same of a membrane whose capacitive current is cancelled: of a whole cell the range of the usual amplifiers at
# full gain, which heart cells fill. Half or double of it halves or doubles the possible shift.
_CANCELLED_PF: Mapping[Configuration, float] = {**_LIMIT_PF, Configuration.WHOLE_CELL: 100.0}
# Least of a membrane as part of that limit: a cell of 12 um. A ramp that shows less is that of a cell whose capacitive
# current the amplifier has cancelled. With half, what is left of a large cell passes for a small one; with double,
# small cells have intervals for a charge that they do not carry.
_LEAST_PART = 0.06
# Capacitance over that of the ramp's corner, at most, where a stated one is held against it: the lag of the ionic
# current hides a part G R of the step, 10 % at 20 nS and 5 MOhm. With half of the excess a stated capacitance of cells
# with large currents is contradicted; with double, one that is a fifth too large is not.
_CORNER_LIMIT = 1.1
# Fraction of the common range of two ramps that is left out at either end, where the corners of the command leave
# transients. With half or double the zeros of real ramps move by 0.1 standard errors at most: half includes more of a
# transient, double leaves a tenth less of the data.
_MARGIN = 0.05
# Fewest averaged pieces (2 mV each) of two ramps that determine a capacitance, 12 mV. At half the error of the
# capacitance is 1.4 times larger; at double, ramps of 30 mV are not compared.
_MIN_PIECES = 6
# Terms of the polynomial of a leak's own ramps, a cubic. At half curvature of the leak is taken for capacitive
# current where the two directions cover unlike ranges; at double the error of the capacitance rises.
_LEAK_TERMS = 4
# Standard errors below zero at which a capacitance is impossible, so that the ramps have hysteresis. At half chance
# gives hysteresis in 7 % of cells without capacitance, at double a small negative capacitance is taken for none.
_IMPOSSIBLE_Z = 3.0
# Variation between the pieces of two ramps, root mean square over the mean, above which they differ by more than a
# constant. With half, errors of the series resistance may count as hysteresis; with double, gating of 40 % of the
# capacitive current is averaged into the capacitance.
_MAX_VARIATION = 0.2

# Standard errors by which the step of the current at the start of a ramp may differ from a capacitance that it shows.
# At half, chance hides one in eight; at double, a compensation of half of it is not noticed.
_SHOWN_Z = 3.0
# Relative standard deviation between what is left of a cell's capacitance in two recordings, or of an amplifier's dial.
# With half, a change of the compensation is not in the error; with double, the shift of the zero is known to a tenth.
_BETWEEN_RECORDINGS = 0.05
# Series resistance in MOhm where it is not known, with an error of the same size: of the 3 to 12 of usual pipettes half
# is compensated. With half or double, so is the error of the capacitance of large currents.
SERIES_MOHM = 5.0
# The same at most, where the membrane lags behind the command of a ramp by it: the access of whole-cell recordings is
# usually 5 to 20, that of two electrodes in an oocyte some 100 Ohm to 1 kOhm. Half or double of it halves or doubles
# the possible shift of the zero; with half, that of cells with 12 MOhm exceeds it.
LIMIT_MOHM: Mapping[Configuration, float] = {
    Configuration.WHOLE_CELL: 20.0,
    Configuration.OUTSIDE_OUT: 20.0,
    Configuration.INSIDE_OUT: 20.0,
    Configuration.TWO_ELECTRODE: 1e-3,
}

# Points of the line from which the current at the onset of a ramp is extrapolated, and time constants that are tried;
# half or double gives the same line.
_LINE_POINTS = 64


class Source(StrEnum):
    """Source of a membrane capacitance."""

    PAIR = "pair"  # ramps in both directions
    TABLE = "table"
    RECORDING = "recording"  # other ramps, or steps, of the same recording
    AMPLIFIER = "amplifier"  # its telegraph
    CELL = "cell"  # another recording of the cell
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Estimate:
    """Membrane capacitance with its standard error, in pF; nan where it is not known."""

    pF: float = math.nan
    se_pF: float = 0.0

    @property
    def shows(self) -> bool:
        """True where it is known and differs from none."""
        return self.pF > _SHOWN_Z * self.se_pF

    def fulfils(self, limit_pF: float) -> bool:
        """Return True where it is known, is not below 0, and its interval is shorter than a one-sided limit."""
        return self.pF > -_IMPOSSIBLE_Z * self.se_pF and 2 * Z_95 * self.se_pF < limit_pF


@dataclass(frozen=True)
class Known:
    """Values from which a membrane capacitance is taken without a pair of ramps.

    Attributes
    ----------
    table_pF, amplifier_pF : float
        nan where there is none.
    recording : Estimate
        From other ramps of the same recording or the transients of its voltage steps.
    corner_pF, corner_se_pF : float
        From the step of the current at the start of the ramp, which gives only the size of a possible error.
    corner_window_ms : tuple of float
        Times after the onset from which that step is extrapolated.
    series_MOhm : float
        Series resistance, through which the membrane charges slowly; 0 where it is not known.
    cell : Estimate
        From other recordings of the cell.
    configuration : Configuration
        Of which a capacitance is assumed where the ramp's start gives none.
    """

    table_pF: float = math.nan
    amplifier_pF: float = math.nan
    recording: Estimate = field(default_factory=Estimate)
    corner_pF: float = math.nan
    corner_se_pF: float = math.nan
    corner_window_ms: tuple[float, float] = (math.nan, math.nan)
    series_MOhm: float = 0.0
    cell: Estimate = field(default_factory=Estimate)
    configuration: Configuration = Configuration.WHOLE_CELL

    @property
    def limit_pF(self) -> float:
        """One-sided 95 % limit of a capacitance that is not known, or that two observations contradict."""
        if self.recording.fulfils(self._corner_limit_pF):
            return max(self._corner_limit_pF, self.recording.pF + Z_95_ONE_SIDED * self.recording.se_pF)
        return self._corner_limit_pF

    @cached_property
    def _corner_limit_pF(self) -> float:
        """The same by the start of the ramp alone."""
        if not math.isfinite(self.corner_pF):
            return _LIMIT_PF[self.configuration]
        shown_pF = max(0.0, self.corner_pF) + Z_95_ONE_SIDED * self.corner_se_pF
        return self._before_settling(shown_pF)

    def _before_settling(self, shown_pF: float) -> float:
        """Return the capacitance of which the line after the onset of a ramp shows so much.

        A membrane that charges slowly, through a series resistance as large as it may be, still does so along the line.
        Beyond some time constant a larger capacitance shows less: with as much of it the resistance is smaller.
        """
        if not math.isfinite(sum(self.corner_window_ms)):
            return shown_pF
        series_GOhm = (self.series_MOhm or LIMIT_MOHM[self.configuration]) * 1e-3
        tau_ms = np.linspace(0.0, self.corner_window_ms[1], _LINE_POINTS)
        part = _part_at_onset(tau_ms, self.corner_window_ms)
        rising = slice(int((tau_ms * part).argmax()) + 1)
        own_ms = float(np.interp(shown_pF * series_GOhm, (tau_ms * part)[rising], tau_ms[rising]))
        return shown_pF / float(_part_at_onset(np.array([own_ms]), self.corner_window_ms)[0])

    def best(self) -> tuple[Source, Estimate] | None:
        """Return the capacitance that is taken, and its source; None where none of the values can be."""
        stated = _as_stated(self.table_pF)
        if math.isfinite(stated.pF) and self._agrees(stated):
            return Source.TABLE, self._with_missing(stated)
        if self.recording.fulfils(self._corner_limit_pF) and self._agrees(self.recording):
            return Source.RECORDING, self.recording
        for source, given in ((Source.AMPLIFIER, Estimate(self.amplifier_pF)), (Source.CELL, self.cell)):
            found = replace(given, se_pF=math.hypot(given.se_pF, _BETWEEN_RECORDINGS * given.pF))
            if found.fulfils(self.limit_pF) and self._shows(found):
                return source, found
        return None

    def cancelled_pF(self, shown_pF: float) -> float:
        """Return the 95 % limit of a capacitance that the amplifier may have cancelled beside what the ramp shows.

        Parameters
        ----------
        shown_pF : float
            Capacitance of the ramp's own current; nan where it shows none.
        """
        shown_pF = max(0.0, shown_pF) if math.isfinite(shown_pF) else 0.0
        stated_pF = max((each for each in (self.table_pF, self.amplifier_pF, self.cell.pF) if each > 0), default=0.0)
        hidden_pF = stated_pF - shown_pF
        if hidden_pF > _SHOWN_Z * math.hypot(self.corner_se_pF, _BETWEEN_RECORDINGS * stated_pF):
            return _CORNER_LIMIT * hidden_pF
        is_known = stated_pF or shown_pF >= _LEAST_PART * _LIMIT_PF[self.configuration]
        return 0.0 if is_known else _CANCELLED_PF[self.configuration]

    def _agrees(self, given: Estimate) -> bool:
        """Return False where the start of the ramp contradicts a capacitance."""
        if not math.isfinite(self.corner_pF):
            return True
        reach_pF = _SHOWN_Z * math.hypot(given.se_pF, self.corner_se_pF)
        tau_ms = np.array([given.pF * self.series_MOhm * 1e-3])
        shown_pF = float(given.pF * _part_at_onset(tau_ms, self.corner_window_ms)[0])
        return self.corner_pF - reach_pF < given.pF and shown_pF < _CORNER_LIMIT * max(0.0, self.corner_pF) + reach_pF

    def _with_missing(self, given: Estimate) -> Estimate:
        """Return a stated capacitance, with what the start of the ramp shows beyond it, as of dendrites, as error."""
        error_pF, further_pF = math.hypot(given.se_pF, self.corner_se_pF), self.corner_pF - given.pF
        is_shown = further_pF > Z_95_ONE_SIDED * error_pF
        return replace(given, se_pF=math.hypot(error_pF, further_pF)) if is_shown else given

    def _shows(self, given: Estimate) -> bool:
        """Return True where the start of the ramp shows a capacitance: it differs from none, and agrees."""
        return self.corner_pF > _SHOWN_Z * self.corner_se_pF and self._agrees(given)


@dataclass(frozen=True)
class Capacitance:
    """Membrane capacitance as far as it is known.

    Attributes
    ----------
    subtracted_pF : float
        Capacitance whose current is subtracted; 0 where it is not known, or does not differ from none. Below 0 where
        the current of both directions lags behind the command by the same time.
    se_pF : float
        Its standard error; 0 where it is not known.
    limit_pF : float
        Its 95 % limit where it is not known; 0 where it is. Below 0 where the current lags behind the command.
    source : Source
    has_hysteresis : bool
        True where the two directions differ by more than a constant.
    variation_pF : float
        Standard deviation of the capacitance along a pair of ramps, beyond its noise.
    cancelled_pF : float
        95 % limit of a capacitance that the amplifier may have cancelled.
    """

    subtracted_pF: float
    se_pF: float
    limit_pF: float
    source: Source
    has_hysteresis: bool = False
    variation_pF: float = 0.0
    cancelled_pF: float = 0.0

    @property
    def lags(self) -> bool:
        """True where both directions show a constant delay rather than a capacitance."""
        return self.subtracted_pF < 0

    @property
    def measured(self) -> Estimate:
        """Capacitance as measured in the recording; nan where it was not."""
        if self.source not in (Source.PAIR, Source.RECORDING):
            return Estimate()
        return Estimate(self.subtracted_pF, math.hypot(self.se_pF, self.variation_pF))

    def contradicts(self, stated_pF: float) -> bool:
        """Return True where a capacitance of the table is not the one taken, and differs from it."""
        if self.source is Source.TABLE:
            return False
        stated, taken = _as_stated(stated_pF), self.measured
        is_close = abs(stated.pF - taken.pF) < _SHOWN_Z * math.hypot(stated.se_pF, taken.se_pF)
        return not (self.source is Source.PAIR and is_close)

    @property
    def further_se_pF(self) -> float:
        """Standard error that is not yet in the ramp's noise.

        Noise that lifts a ramp lifts the capacitance estimated from the pair, and with it what is subtracted: there
        the error of the zero is, if anything, less than that of the ramp alone. By how much the capacitance varies
        along the ramp is the error of its mean at the zero.
        """
        return self.variation_pF if self.source is Source.PAIR else self.se_pF


def _part_at_onset(tau_ms: FloatArray, window_ms: tuple[float, float]) -> FloatArray:
    """Return the part of a capacitive current that a line through a window shows at the onset of a ramp.

    Parameters
    ----------
    tau_ms : ndarray, shape (n,)
        Time constants with which the membrane charges, series resistance x capacitance.
    window_ms : tuple of float
        From the onset; nan where it is not known.
    """
    part = np.ones(len(tau_ms))
    if not math.isfinite(sum(window_ms)):
        return part
    t_ms = np.linspace(*window_ms, _LINE_POINTS)
    # Weights of the points in the line's value at the onset.
    at_onset = np.linalg.pinv(np.vander(t_ms, 2))[1]
    charges = tau_ms > 0
    part[charges] -= np.exp(-t_ms / tau_ms[charges, None]) @ at_onset
    return part


def _as_stated(pF: float) -> Estimate:
    """Return a capacitance of the table with the error of an amplifier's dial."""
    return Estimate(pF, _BETWEEN_RECORDINGS * pF)


def estimate(signal: Curve, opposite: Curve | None, known: Known) -> Capacitance:
    """Estimate the capacitance: from the pair of directions, else as given, else only its possible size.

    Parameters
    ----------
    signal, opposite : Curve
        The ramp that is measured, and that in the opposite direction, if any.
    known : Known
    """
    found = _from_pair(signal, opposite) if opposite is not None else None
    if found is not None and (found.lags or not found.has_hysteresis):
        return found
    hysteresis = found is not None
    taken = known.best()
    if taken is None:
        if found is not None and found.limit_pF < 0:
            return Capacitance(0.0, 0.0, found.limit_pF, Source.UNKNOWN, hysteresis)
        cancelled_pF = known.cancelled_pF(known.corner_pF)
        return Capacitance(0.0, 0.0, known.limit_pF, Source.UNKNOWN, hysteresis, cancelled_pF=cancelled_pF)
    source, given = taken
    cancelled_pF = known.cancelled_pF(given.pF)
    return Capacitance(max(0.0, given.pF), given.se_pF, 0.0, source, hysteresis, cancelled_pF=cancelled_pF)


def from_steps(charge: Estimate, conductance_nS: float, series_MOhm: float | None) -> Estimate:
    """Return the capacitance from the charge of voltage steps.

    Across a series resistance R the membrane potential changes by less than the command, by a part f = 1 - G R of it,
    and of its charge C f dV a part 1 - f is carried by the ionic current that settles meanwhile: Q = C f^2 dV.

    Parameters
    ----------
    charge : Estimate
        Charge over the step of the command.
    conductance_nS : float
        Change of the settled current over that step, G.
    series_MOhm : float or None
        None where it is not known.
    """
    if series_MOhm is not None:
        part = (1 - conductance_nS * series_MOhm * 1e-3) ** 2
        return Estimate(charge.pF / part, charge.se_pF / part) if part > 0 else Estimate()
    loss = 2 * conductance_nS * SERIES_MOHM * 1e-3
    return Estimate(charge.pF * (1 + loss), math.hypot(charge.se_pF, loss * charge.pF))


def of_cell(found: Sequence[Estimate]) -> Estimate:
    """Return the capacitance of a cell from its other recordings, as far as they show one.

    Parameters
    ----------
    found : sequence of Estimate
        One for each measurement.
    """
    shown = [each for each in found if each.shows]
    if not shown:
        return Estimate()
    best = min(shown, key=lambda each: each.se_pF / each.pF)
    differences = [abs(each.pF - best.pF) for each in shown if abs(each.pF - best.pF) > _SHOWN_Z * each.se_pF]
    return replace(best, se_pF=math.hypot(best.se_pF, max(differences, default=0.0)))


def estimate_for_leak(leak: Curve, known: Known) -> Capacitance:
    """Estimate the capacitance for a leak's own ramp, or ramps in both directions in one curve.

    Parameters
    ----------
    leak : Curve
        Its speeds differ where it holds both directions.
    known : Known

    Returns
    -------
    Capacitance
        Where it is not known, that of a typical cell is its standard error.
    """
    speed = membrane_speed(leak)
    if np.ptp(np.sign(speed)) == 2:
        x = (leak.voltage_mV - leak.voltage_mV[0]) / (leak.voltage_mV[-1] - leak.voltage_mV[0])
        design = np.column_stack([np.vander(x, _LEAK_TERMS), speed]) * leak.weight[:, None]
        operator = np.linalg.pinv(design)[-1]
        capacitance = float(operator @ (leak.current_pA * leak.weight))
        return Capacitance(capacitance, float(np.linalg.norm(operator)), 0.0, Source.PAIR)
    if taken := known.best():
        source, given = taken
        return Capacitance(max(0.0, given.pF), given.se_pF, 0.0, source)
    return Capacitance(0.0, TYPICAL_PF, TYPICAL_PF, Source.UNKNOWN)


def without_capacitive_current(curve: Curve, capacitance_pF: float, se_pF: float) -> Curve:
    """Subtract the capacitive current, C dV/dt.

    Parameters
    ----------
    curve : Curve
    capacitance_pF, se_pF : float
        The membrane capacitance and its standard error, which all levels share.
    """
    speed = membrane_speed(curve)
    return curve.minus(capacitance_pF * speed, se_pF * speed[:, None])


def membrane_speed(curve: Curve) -> FloatArray:
    """Return the speed of the membrane potential in mV per ms, shape (levels,).

    Across a series resistance it is less than the command's, by as much as the corrected axis is shorter.

    Parameters
    ----------
    curve : Curve
    """
    few = coarse(curve)
    if curve.series_MOhm == 0 or few.size < 2 or not curve.is_ramp:
        return curve.speed_mV_per_ms
    ratio = np.gradient(few.voltage_mV, few.command_mV)
    return curve.speed_mV_per_ms * np.interp(curve.voltage_mV, few.voltage_mV, ratio)


def _from_pair(signal: Curve, opposite: Curve) -> Capacitance | None:
    """Divide the difference of the two directions by that of their speeds; None where they share too little.

    Where it is below 0, the current lags behind the command, by a filter that the file does not state or by channels
    that open or close on the way. If it lags alike along the ramp, as behind a filter, the zero lies in the middle of
    those of the two directions, and its interval reaches to both; else it may lie as far as that of the other.
    """
    a, b = thinned(signal, DENSE_MV)[0], thinned(opposite, DENSE_MV)[0]
    low, high = max(a.voltage_mV[0], b.voltage_mV[0]), min(a.voltage_mV[-1], b.voltage_mV[-1])
    margin = _MARGIN * (high - low)
    inside = a.among((a.voltage_mV > low + margin) & (a.voltage_mV < high - margin))
    if inside.size < _MIN_PIECES or b.size < _MIN_PIECES:
        return None
    back = spline.fit(b.voltage_mV, b.current_pA, b.se_pA)
    influence, between = back.error(inside.voltage_mV)
    speed = np.interp(inside.voltage_mV, a.voltage_mV, membrane_speed(a))
    speed = speed - np.interp(inside.voltage_mV, b.voltage_mV, membrane_speed(b))
    each = (inside.current_pA - back.at(inside.voltage_mV)) / speed
    variance = (inside.se_pA**2 + ((influence * b.se_pA) ** 2).sum(axis=1) + between) / speed**2
    weight = 1.0 / variance
    weight /= weight.sum()
    capacitance = float(weight @ each)
    # Neighbours share the spline's errors; its part of the error of the mean is exact.
    shared = (weight / speed) @ influence * b.se_pA
    se = math.sqrt(float(np.sum((weight * inside.se_pA / speed) ** 2)) + float(shared @ shared))
    scale = error_scale(float(np.sum((each - capacitance) ** 2 / variance)), inside.size - 1)
    squares = float(weight @ (each - capacitance) ** 2)
    varies = scale > 1 and squares > (_MAX_VARIATION * capacitance) ** 2
    variation = math.sqrt(max(0.0, squares - float(weight @ variance)))
    if capacitance >= -_IMPOSSIBLE_Z * se:
        return Capacitance(max(capacitance, 0.0), se * scale, 0.0, Source.PAIR, varies, variation)
    if varies:
        return Capacitance(0.0, se * scale, 2 * capacitance, Source.PAIR, True, variation)
    return Capacitance(capacitance, se * scale, 0.0, Source.PAIR, True, math.hypot(variation, capacitance / Z_95))
