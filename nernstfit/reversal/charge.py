"""Charge that a recording passes while its zero may drift."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from nernstfit.contract.terms import Role, Statistic
from nernstfit.reversal.classify import Result
from nernstfit.reversal.curve import Curve
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.reversal.repeats import drift, repeat_numbers

_FC_PER_PC = 1000.0  # pA times ms is fC: a definition


@dataclass(frozen=True)
class OverRepeats:
    """Drift of the zero from the first repeat to the last, its error, and the charge meanwhile; nan without repeats.

    Attributes
    ----------
    drift_mV, drift_se_mV : float
    charge_pC : float
        With the sign of the recorded current; nan of peaks too, which are no mean over the window.
    """

    drift_mV: float = math.nan
    drift_se_mV: float = math.nan
    charge_pC: float = math.nan

    @classmethod
    def of(
        cls, points: Mapping[str, ArrayLike], facts: Facts, procedure: Procedure, iv: Curve, result: Result
    ) -> OverRepeats:
        """Return those of a measurement; parameters as those of `Stability`."""
        start_ms, stop_ms = facts.window_ms(Role.SIGNAL)
        window_ms = math.nan if procedure.how.statistic == Statistic.PEAK else stop_ms - start_ms
        if result.zero is None or len(result.zero.shifts_mV) < 2:
            return cls()
        return cls(*drift(iv, result.zero), charge_pC(points, window_ms, len(result.zero.shifts_mV)))

    def values(self) -> dict[str, float]:
        """Return the numbers under the names of their columns."""
        return asdict(self)


def charge_pC(points: Mapping[str, ArrayLike], window_ms: float, repeats: int) -> float:
    """Return the charge from the first repeat to the last, as a straight line over the repeats.

    The counterpart of `stability.drift`: the charge that has passed up to the middle of each sweep is averaged over the
    sweeps of a repeat, and its slope over the repeats taken for the whole. Only what flows in the window counts.

    Parameters
    ----------
    points : mapping
        Columns of the points as ingest writes them: role, sweep, point, command_mV, current_pA.
    window_ms : float
        Length of the window in which the points lie.
    repeats : int
        Number of repeats, at least 2.

    Returns
    -------
    float
        With the sign of the recorded current.
    """
    columns = {name: np.asarray(points[name]) for name in ("role", "sweep", "point", "command_mV", "current_pA")}
    is_signal = columns.pop("role") == Role.SIGNAL
    signal = {name: values[is_signal] for name, values in columns.items()}
    place = np.unique(signal["sweep"], return_inverse=True)[1].reshape(-1)
    mean_pA = np.bincount(place, signal["current_pA"].astype(float)) / np.bincount(place)
    of_sweep = mean_pA * window_ms / _FC_PER_PC
    passed = np.cumsum(of_sweep) - of_sweep / 2
    repeat = repeat_numbers(signal)
    of_repeat = np.array([passed[np.unique(place[repeat == r])].mean() for r in range(repeats)])
    turn = np.arange(repeats) - (repeats - 1) / 2
    return float(turn @ of_repeat / (turn @ turn) * (repeats - 1))
