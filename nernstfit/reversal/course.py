"""Course of a current along the epoch: charge that settles, and a part of the epoch in which another current flows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nernstfit.contract.terms import PotentialVerdict
from nernstfit.physics.membrane.charging import is_capacitive
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve

# Part of the early window that is proposed for a tail. With half it may be too short to be noted in whole samples; with
# double a fast tail has decayed in part.
_TAIL = 0.1
Span = tuple[float, float]


def charges(early: Curve, late: Curve, before_mV: float) -> bool:
    """Return True where the current that decays is proportional to the step, as that of a clamp that settles slowly.

    Parameters
    ----------
    early, late : Curve
        Before subtraction.
    before_mV : float
        Level before the step; nan where it is not known.
    """
    change_pA = early.current_pA - np.interp(early.command_mV, late.command_mV, late.current_pA)
    return is_capacitive(change_pA, early.command_mV - before_mV)


def tail(reason: str, early_ms: Span) -> Result:
    """Return the verdict on a current that decays along the epoch, with the windows in which it shows.

    Parameters
    ----------
    reason : str
        Course of the zero.
    early_ms : tuple of float
        Early window.
    """
    start, end = early_ms[0], early_ms[0] + (early_ms[1] - early_ms[0]) * _TAIL
    reason += (
        f"a tail or an inactivating current? Choose a window: from_ms: {start:g} and to_ms: {end:g} for a tail, "
        "statistic: peak for an inactivating current; of a clamp that settles slowly, a later one"
    )
    return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=f"from_ms={start:g};to_ms={end:g}")


def settles(reason: str, before_mV: float, window_ms: Span) -> Result:
    """Return the verdict on a clamp that settles slowly.

    Parameters
    ----------
    reason : str
        Course of the zero.
    before_mV : float
        Level before the step.
    window_ms : tuple of float
        Later window, in which the charge has settled further.
    """
    start, stop = window_ms
    reason += (
        f"the current that decays is proportional to the step from {before_mV:g} mV, as that of a clamp that settles "
        f"slowly: choose a later window, from_ms: {start:g} and to_ms: {stop:g}, compensate the series resistance, or "
        "record longer steps"
    )
    return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=f"from_ms={start:g};to_ms={stop:g}")


def passed(passed_pA: float, passed_ms: Span, window_ms: Span) -> Result:
    """Return the verdict on a current that has passed before the window.

    Parameters
    ----------
    passed_pA : float
        Range of its departure from a straight line over the levels.
    passed_ms, window_ms : tuple of float
    """
    (start, end), (first, last) = passed_ms, window_ms
    reason = (
        f"from {start:.3g} to {end:.3g} ms a current flows that has passed before the window, {first:g} to {last:g} "
        "ms: it is no capacitive transient, which is proportional to the step, and departs by "
        f"{passed_pA:.2g} pA from a straight line over the levels, as of channels that open and inactivate. Choose "
        f"statistic: peak, or a window about it, from_ms: {start:.3g} and to_ms: {end:.3g}; where the current that is "
        f"left is meant, write its window: from_ms: {first:g} and to_ms: {last:g}"
    )
    return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=f"statistic=peak|from_ms={start:.3g};to_ms={end:.3g}")


def evoked(parts: Sequence[tuple[float, Span]], at: int) -> Result:
    """Return the verdict on a zero that differs in a part of the epoch alone.

    Parameters
    ----------
    parts : sequence of (float, tuple of float)
        Zeros in mV with their windows in ms; the last is that of the measurement.
    at : int
        Place of the part that differs.
    """
    named = ", ".join(f"{zero_mV:z.1f} mV from {start:g} to {stop:g} ms" for zero_mV, (start, stop) in parts)
    start, stop = parts[at][1]
    reason = (
        f"the zero moves along the epoch: {named}; a current that is evoked, or that comes and goes, within the step? "
        f"Measure it in its own part, from_ms: {start:g} and to_ms: {stop:g}, without the current that flows before it "
        "(leak: background, a recording without it in column subtract); or choose a window without it"
    )
    return Result(PotentialVerdict.AMBIGUOUS, reason, remedy=f"from_ms={start:g};to_ms={stop:g};leak=background")
