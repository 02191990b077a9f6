"""Findings on potentials that are equal to the last digit more often than chance explains.

Two measurements that are not copies have errors of their own, so that their difference scatters by no less than these.
Among pairs that differ by no more than the standard error of a difference, one is equal with the probability that a
normal difference of that standard error and mean 0 has for the step of its last digit; any other mean and every further
scatter make it smaller. Of n such pairs, k are equal by chance with a probability of at most C(n, k) times those of the
k. Potentials that are written in steps larger than their errors tell nothing.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named, listed
from nernstfit.experiment.records import Cell

# p below which equal values are copies, over all comparisons of a table (Bonferroni): one sound table in twenty, and
# fewer where cells differ by more than their errors. At half (0.025) two copied values of a usual table of 0.1 mV are
# notes; at double one sound table in ten is warned of.
_MAX_P = 0.05
_STEPS_PER_MV = 1e6  # steps of the twelfth digit, in which potentials are written at most
Condition: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True)
class Potential:
    """One potential as it was typed or measured, with where it was measured.

    Attributes
    ----------
    measurement : str
    cell : tuple of str
        Group and name of the cell.
    condition : tuple
        Bath, pipette and configuration; of several temperatures one counts, for a bath that is measured at two is no
        second one.
    temperature_C : float
    mV, se_mV : float
    recording : str
        '' where it was measured elsewhere.
    """

    measurement: str
    cell: Cell
    condition: Condition
    temperature_C: float
    mV: float
    se_mV: float
    recording: str = ""

    @property
    def name(self) -> str:
        """Return the measurement with cell and bath, for a sentence."""
        return f"{self.recording or self.measurement} ({cell_named(self.cell[1])}, bath {self.condition[0]})"


@dataclass(frozen=True)
class Pair:
    """Two potentials."""

    one: Potential
    other: Potential

    @property
    def is_equal(self) -> bool:
        """Return True where both are equal; 0 mV is what others are counted from, and no copy."""
        return self.one.mV == self.other.mV != 0

    @property
    def se_mV(self) -> float:
        """Return the standard error of the difference."""
        return math.hypot(self.one.se_mV, self.other.se_mV)

    def is_near(self, step: float) -> bool:
        """Return True where the difference is within its standard error, which is a step of the last digit or more."""
        return abs(self.one.mV - self.other.mV) < self._steps(step) * step if self.se_mV >= step > 0 else False

    def p(self, step: float) -> float:
        """Return the probability that two potentials this near are equal by chance, written in steps of that size."""
        within = math.erf(self._steps(step) * step / (math.sqrt(2) * self.se_mV))
        return min(1.0, step / (math.sqrt(2 * math.pi) * self.se_mV * within))

    def _steps(self, step: float) -> float:
        return math.floor(self.se_mV / step) + 0.5


def findings(potentials: Iterable[Potential]) -> Iterator[Finding]:
    """Yield the findings on potentials that are copies of others: of a measurement, a cell, a bath, or here and there.

    Parameters
    ----------
    potentials : iterable of Potential
    """
    given = sorted(potentials, key=lambda each: each.measurement)
    step = reduce(math.gcd, (round(abs(each.mV) * _STEPS_PER_MV) for each in given), 0) / _STEPS_PER_MV
    first: dict[tuple[Cell, Condition, float], Potential] = {}
    in_condition: dict[tuple[Cell, Condition], Potential] = {}
    repeats: list[Pair] = []
    for each in given:
        in_condition.setdefault((each.cell, each.condition), each)
        before = first.setdefault((each.cell, each.condition, each.temperature_C), each)
        if before is not each:
            repeats.append(Pair(before, each))
    yield from _repeated(repeats, step)
    in_bath, in_cell = (
        [pair for pair in _pairs(in_condition.values(), key) if pair.is_near(step)]
        for key in (lambda each: each.condition, lambda each: each.cell)
    )
    yield from _Search(step, in_bath, in_cell).findings(in_condition.values())


def _pairs(potentials: Iterable[Potential], key: Callable[[Potential], Any]) -> Iterator[Pair]:
    """Yield the pairs of potentials that have something in common, but not the recording."""
    alike: dict[Any, list[Potential]] = defaultdict(list)
    for each in potentials:
        alike[key(each)].append(each)
    for own in alike.values():
        for one, other in itertools.combinations(own, 2):
            if not one.recording or one.recording != other.recording:
                yield Pair(one, other)


def _p(pairs: Sequence[Pair], step: float) -> float:
    """Return a bound on the probability that as many of some pairs as there are are equal by chance."""
    equal = [pair for pair in pairs if pair.is_equal]
    # Where all equal values have fewer digits than others, those digits were not read.
    places = max((len(f"{pair.one.mV:.6f}".rstrip("0").partition(".")[2]) for pair in equal), default=0)
    size = max(step, 10.0**-places)
    if any(not pair.is_near(size) for pair in equal):
        return 1.0
    return math.comb(len(pairs), len(equal)) * math.prod(pair.p(size) for pair in equal) if equal else 1.0


def _repeated(repeats: Sequence[Pair], step: float) -> Iterator[Finding]:
    """Yield each measurement that is entered several times: a note where chance makes one as equal."""
    p = _p([pair for pair in repeats if pair.is_near(step)], step)
    entered: dict[Potential, list[Potential]] = defaultdict(list)
    for pair in repeats:
        if pair.is_equal and pair.one.se_mV == pair.other.se_mV:
            entered[pair.one].append(pair.other)
    for one, others in entered.items():
        values = {"names": listed([each.name for each in (one, *others)]), "start": ""}
        values |= {"same": "equal potentials in one condition of one cell"}
        done = ("'recording'", "'cell'")
        yield Finding(Code.DUPLICATES, one.measurement, values, math.inf if p < _MAX_P else 0.0, done=done)


class _Search:
    """Search for copies among pairs of potentials of different cells in one condition, and of one cell in two.

    Copied cells come first, then a value that was filled into several cells, then cells and conditions that agree in
    part, and at last single values here and there; what is told once is not told again.
    """

    def __init__(self, step: float, in_bath: Sequence[Pair], in_cell: Sequence[Pair]) -> None:
        """Hold the pairs; `step` in mV is that of the last digit."""
        self.step, self.in_bath, self.in_cell = step, in_bath, in_cell
        self.cells = _grouped(in_bath, lambda pair: (pair.one.cell, pair.other.cell))
        self.filled = _grouped(in_bath, lambda pair: (pair.one.condition,))
        self.baths = _grouped(in_cell, lambda pair: (pair.one.condition, pair.other.condition))
        self.n_tests = len(self.cells) + len(self.filled) + len(self.baths) + 2
        self.told: set[Pair] = set()

    def findings(self, potentials: Iterable[Potential]) -> Iterator[Finding]:
        """Yield the copies among some potentials, one of each cell and condition."""
        conditions: dict[Any, set[Condition]] = defaultdict(set)
        for each in potentials:
            conditions[each.cell].add(each.condition)
        yield from self._cells(conditions)
        for pairs in self.filled.values():
            equal = self._copied(_chained(pairs))
            if len(equal) > 1:
                cells = listed([each.cell[1] for pair in equal for each in (pair.one, pair.other)])
                yield _finding(f"cells have the same potential in bath '{equal[0].one.condition[0]}'", cells)
        for (one, other), pairs in self.cells.items():
            if equal := self._copied(pairs):
                n = len(conditions[one] & conditions[other])
                names = " and ".join(": ".join(filter(None, cell)) for cell in (one, other))
                baths = listed([pair.one.condition[0] for pair in equal])
                yield _finding(f"cells {names} have equal potentials in {len(equal)} of {n} conditions", baths)
        for (one, other), pairs in self.baths.items():
            if equal := self._copied(pairs):
                n = sum({one, other} <= own for own in conditions.values())
                cells = listed([pair.one.cell[1] for pair in equal])
                what = f"{_conditions(one, other)} have equal potentials in {len(equal)} of {n} cells"
                yield _finding(what, cells)
        for where, every in (
            ("different cells in one bath", self.in_bath),
            ("one cell in different baths", self.in_cell),
        ):
            if equal := self._copied(_chained(every)):
                names = listed([f"{pair.one.measurement} and {pair.other.measurement}" for pair in equal])
                yield _finding(f"potentials of {where} are equal to the last digit", names)

    def _cells(self, conditions: Mapping[Any, set[Condition]]) -> Iterator[Finding]:
        """Yield the cells that agree with another in every condition that both have seen."""
        for (one, other), pairs in self.cells.items():
            n = len(conditions[one] & conditions[other])
            if sum(pair.is_equal for pair in pairs) == n > 1 and (equal := self._copied(pairs)):
                for every in (self.in_bath, self.in_cell):
                    self.told |= {pair for pair in every if other in (pair.one.cell, pair.other.cell)}
                a, b = equal[0].one, equal[0].other
                values = {"names": f"{a.name} and {b.name}", "same": f"equal potentials in {n} conditions", "start": ""}
                done = () if a.recording or b.recording else ("'recording'",)
                yield Finding(Code.DUPLICATES, a.measurement, values, done=done)

    def _copied(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Return those of some pairs that are equal, where chance does not explain it, and remember them as told."""
        left = [pair for pair in pairs if pair not in self.told]
        equal = [pair for pair in left if pair.is_equal] if self.n_tests * _p(left, self.step) < _MAX_P else []
        self.told |= set(equal)
        return equal


def _finding(what: str, names: str) -> Finding:
    return Finding(Code.COPIED, "", {"what": what, "names": names})


def _conditions(one: Condition, other: Condition) -> str:
    """Return two conditions by the first thing in which they differ, which is the bath in most tables."""
    a, b, what = next(
        (a, b, what) for a, b, what in zip(one, other, ("baths", "pipettes", "configurations"), strict=True) if a != b
    )
    return f"{what} '{a}' and '{b}'"


def _grouped(pairs: Iterable[Pair], key: Callable[[Pair], Any]) -> dict[Any, list[Pair]]:
    """Return pairs by what they are of, in order."""
    found: dict[Any, list[Pair]] = defaultdict(list)
    for pair in pairs:
        found[key(pair)].append(pair)
    return dict(sorted(found.items()))


def _chained(pairs: Iterable[Pair]) -> list[Pair]:
    """Return pairs without those that follow from others: of m equal values, m - 1 pairs."""
    kept: list[Pair] = []
    ends: set[Potential] = set()
    for pair in pairs:
        if not (pair.is_equal and pair.other in ends):
            kept.append(pair)
            ends |= {pair.other} if pair.is_equal else set()
    return kept
