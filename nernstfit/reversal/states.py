"""States: repeats whose zeros fall into few values, as before and after a seal breaks, or by turns with a drug.

Their common zero is that of no state. Neighbouring repeats are told apart by a step that exceeds their noise and their
own scatter, and that follows the zeros better than a straight drift; repeats in any order, where they lie about two
values that are far apart beside what is left. Other scatter is in the standard error of the common zero.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.findings import MIN_SHIFT_MV
from nernstfit.reversal.quantiles import Z_95

FloatArray = NDArray[np.float64]
Repeats = NDArray[np.int64]

# Standard errors of a step between two ranges of sweeps. Over 80 sweeps chance exceeds 4 in less than 1 % of
# recordings; with half in most, with double a step of 10 mV between two noisy sweeps is overlooked.
_STEP_Z = 4.0
# The same of a step to a state of its own, to which the interval reaches: chance exceeds 3.3 in 0.1 % of steps. With
# half in one of ten; with double, one sweep of four that is off by 12 standard deviations is not told.
_STATE_Z = 3.3
# Shortest range as part of all sweeps. With half, single sweeps count as a state of their own; with double, a state of
# a few sweeps at either end is part of the next.
_MIN_RANGE = 0.05
# Repeats from which a single one is a state that the interval reaches. With half, a first ramp of four that lies 10 mV
# off refuses what the others show; with double, a seal that breaks after the first of eight ramps gives their mean.
_MIN_WITH_SINGLE = 6
# Weight, in degrees of freedom, of the noise within windows against the scatter that few repeats show. With half, a
# step of 12 standard deviations is not always told among three repeats; with double, scatter of three repeats by ten
# times the noise counts as a step in every second recording, not in every fourth.
_PRIOR_DF = 8.0
# Distance of two states in any order, in standard deviations of a repeat within them. With half, the halves of any
# noise are as far apart; with double, alternation by 3 mV in noise of .3 mV is overlooked.
_APART = 6.0


OWN_ROWS = "give each state a row of its own with its range in column sweeps"


@dataclass(frozen=True)
class States:
    """States that the repeats of a measurement show; empty where they have one zero.

    Attributes
    ----------
    spans : tuple of str
        Sweeps of each, as column sweeps has them.
    potentials_mV, se_mV : tuple of float
        Zero of each with its standard error.
    repeats : tuple of int
        Their number in each.
    """

    spans: tuple[str, ...] = ()
    potentials_mV: tuple[float, ...] = ()
    se_mV: tuple[float, ...] = ()
    repeats: tuple[int, ...] = ()

    @property
    def named(self) -> str:
        """Sweeps and zero of each; '' without states."""
        return named(self.spans, self.potentials_mV)

    @property
    def sentence(self) -> str:
        """Sentence on the error by them, with what would settle it."""
        return f"the zero is not the same in all sweeps: {self.named}; {OWN_ROWS}"

    @property
    def remedy(self) -> str:
        """Rows of the table that would settle it; '' without states."""
        return remedy(self.spans)

    @property
    def difference_mV(self) -> float:
        """Distance between the outermost zeros."""
        return max(self.potentials_mV) - min(self.potentials_mV) if self.spans else 0.0

    @property
    def is_sure(self) -> bool:
        """True for states of the cell; a single repeat among few may be scatter, or drift, which the error holds."""
        return bool(self.spans) and not (1 in self.repeats and sum(self.repeats) < _MIN_WITH_SINGLE)

    def reach_mV(self, potential_mV: float) -> tuple[float, float]:
        """Return how far the zero of a state may lie below and above a potential (95 % limit of each)."""
        if not self.is_sure:
            return 0.0, 0.0
        both = list(zip(self.potentials_mV, self.se_mV, strict=True))
        below = max((potential_mV - mV + Z_95 * se for mV, se in both), default=0.0)
        above = max((mV - potential_mV + Z_95 * se for mV, se in both), default=0.0)
        return max(0.0, below), max(0.0, above)


def remedy(spans: Sequence[str]) -> str:
    """Return the rows of the table that give each of some ranges of sweeps its own zero.

    Parameters
    ----------
    spans : sequence of str
    """
    return "|".join(f"sweeps={span}" for span in spans)


def named(spans: Sequence[str], potentials_mV: Sequence[float]) -> str:
    """Return sweeps and zeros as a sentence has them.

    Parameters
    ----------
    spans : sequence of str
    potentials_mV : sequence of float
        nan where a range has none.
    """
    pairs = (f"{span} {written(potential)}" for span, potential in zip(spans, potentials_mV, strict=True))
    return f"sweeps {', '.join(pairs)}" if spans else ""


def written(potential_mV: float) -> str:
    """Return a zero as a reason has it.

    Parameters
    ----------
    potential_mV : float
        nan where there is none.
    """
    return f"{potential_mV:z.1f} mV" if math.isfinite(potential_mV) else "without a zero"


def ranges(shifts_mV: FloatArray, sd_mV: float, least_mV: float) -> list[tuple[int, int]]:
    """Return ranges of repeats between which the zero steps by at least so much, by splitting in two where it does.

    Parameters
    ----------
    shifts_mV : ndarray, shape (repeats,)
    sd_mV : float
        Standard deviation of one repeat by the noise within windows.
    least_mV : float
    """
    least = max(1, round(_MIN_RANGE * len(shifts_mV)))

    def stepped(start: int, stop: int) -> int:
        part = shifts_mV[start:stop]
        count = np.arange(least, len(part) - least + 1)
        if not len(count):
            return 0
        step = _steps(part)[count - 1]
        z = np.abs(step) / (sd_mV * np.sqrt(1 / count + 1 / (len(part) - count)))
        at = int(z.argmax())
        return int(count[at]) if z[at] > _STEP_Z and abs(step[at]) >= least_mV else 0

    return _split(0, len(shifts_mV), stepped)


def _split(start: int, stop: int, stepped: Callable[[int, int], int]) -> list[tuple[int, int]]:
    """Return ranges of repeats, divided as long as `stepped` gives the number of those before a step, 0 for none."""
    count = stepped(start, stop)
    if not count:
        return [(start, stop)]
    return _split(start, start + count, stepped) + _split(start + count, stop, stepped)


def told_apart(shifts_mV: FloatArray, sd_mV: float) -> tuple[list[Repeats], float]:
    """Return the repeats of each state, and the standard deviation of a repeat within them; no states where one zero.

    Parameters
    ----------
    shifts_mV : ndarray, shape (repeats,)
        Zero of each repeat.
    sd_mV : float
        Standard deviation of one repeat by the noise within windows.
    """
    for found in (_in_order(shifts_mV, sd_mV), _by_value(shifts_mV, sd_mV)):
        if len(found) > 1:
            df = max(1, len(shifts_mV) - len(found))
            return found, max(sd_mV, math.sqrt(_left(shifts_mV, found) / df))
    return [], sd_mV


def _in_order(shifts_mV: FloatArray, sd_mV: float) -> list[Repeats]:
    """Return ranges of neighbours; one where a straight line follows the zeros better.

    A single repeat between others is an outlier, which the scatter holds: only the first or the last may be a state.
    """
    total = len(shifts_mV)

    def stepped(start: int, stop: int) -> int:
        part = shifts_mV[start:stop]
        count = np.arange(1 if start == 0 else 2, len(part) - (1 if stop == total else 2) + 1)
        if not len(count):
            return 0
        step = _steps(part)[count - 1]
        shares = count * (len(part) - count) / len(part)
        left = np.maximum(0.0, float(np.sum((part - part.mean()) ** 2)) - shares * step**2)
        sd = np.maximum(max(sd_mV, np.finfo(float).tiny), np.sqrt(left / max(1, len(part) - 2)))
        z = _normal(np.abs(step) * np.sqrt(shares) / sd, _PRIOR_DF + len(part) - 2)
        z[np.abs(step) < MIN_SHIFT_MV] = 0.0
        at = int(z.argmax())
        return int(count[at]) if z[at] > _STATE_Z else 0

    found = [np.arange(*own) for own in _split(0, total, stepped)]
    turn = np.arange(total) - (total - 1) / 2
    line = shifts_mV - shifts_mV.mean() - turn * float(turn @ shifts_mV) / max(float(turn @ turn), 1.0)
    return found if len(found) > 1 and _left(shifts_mV, found) < float(line @ line) else [np.arange(total)]


def _by_value(shifts_mV: FloatArray, sd_mV: float) -> list[Repeats]:
    """Return two states of at least two repeats each in any order, or one."""
    order = np.argsort(shifts_mV, kind="stable")
    count = np.arange(2, len(order) - 1)
    if not len(count):
        return [order]
    at = int(count[np.square(_steps(shifts_mV[order])[count - 1] * np.sqrt(count * (len(order) - count))).argmax()])
    found = [np.sort(order[:at]), np.sort(order[at:])]
    apart_mV = float(shifts_mV[found[1]].mean() - shifts_mV[found[0]].mean())
    within_mV = max(sd_mV, math.sqrt(_left(shifts_mV, found) / (len(order) - 2)))
    return found if apart_mV > max(MIN_SHIFT_MV, _APART * within_mV) else [order]


def _steps(values: FloatArray) -> FloatArray:
    """Return the mean of what follows minus that of the first n values, for n from 1 up."""
    count, sums = np.arange(1, len(values)), np.cumsum(values)
    return np.asarray((sums[-1] - sums[:-1]) / (len(values) - count) - sums[:-1] / count)


def _left(values: FloatArray, states: Sequence[Repeats]) -> float:
    """Return the sum of squares within states."""
    return sum(float(np.sum((values[own] - values[own].mean()) ** 2)) for own in states)


def _normal(t: FloatArray, df: float) -> FloatArray:
    """Return the normal deviates of Student's t (Wallace 1959, Ann Math Stat 30:1121)."""
    return np.asarray((8 * df + 1) / (8 * df + 3) * np.sqrt(df * np.log1p(t**2 / df)))


def joined(potentials_mV: Sequence[float], step_mV: float) -> list[tuple[int, int]]:
    """Return ranges of neighbours whose potentials are alike; unknown ones are a range of their own.

    Parameters
    ----------
    potentials_mV : sequence of float
    step_mV : float
        Difference from which they are not.
    """
    starts = [0]
    for at in range(1, len(potentials_mV)):
        if not abs(potentials_mV[at] - float(np.mean(potentials_mV[starts[-1] : at]))) < step_mV:
            starts.append(at)
    return list(itertools.pairwise([*starts, len(potentials_mV)]))
