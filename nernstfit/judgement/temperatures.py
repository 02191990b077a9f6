"""Findings on temperatures that no experiment has, or that differ within a cell, by a slip such as 2.2 for 22."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, listed, of_potential
from nernstfit.experiment.records import Cell, Row
from nernstfit.physics.constants import ZERO_CELSIUS_K

# Difference of temperatures within a cell from which it is told: rooms and baths drift by less. At half the drift of a
# day is told; at double 28 typed for 22 is not.
_MIN_DIFFERENCE_C = 3.0


# Temperatures in C between which cells are recorded from, squid axons to thermophilic bacteria. At half the lower
# limit a 0.3 typed for 30 would pass, as would a squid axon at 2.2; at double, axons in the cold would be asked about.
# Above the upper one no patch lasts; at half every heated bath would be asked about, at double none that is typed.
_COLDEST_C, _WARMEST_C = 4.0, 50.0


def unusual(rows: Iterable[Row]) -> Iterator[Finding]:
    """Yield the finding on temperatures at which hardly any cell is recorded from, such as 2.2 typed for 22.

    Parameters
    ----------
    rows : iterable of Row
    """
    given = Counter(row.condition.temperature_C for row in rows)
    odd = sorted(each for each in given if not _COLDEST_C <= each <= _WARMEST_C)
    if odd:
        values = {"temperatures": listed([f"{each:g} C" for each in odd]), "n": sum(given[each] for each in odd)}
        yield Finding(Code.TEMPERATURE_UNUSUAL, "", values | {"low": _COLDEST_C, "high": _WARMEST_C})


def findings(rows: Iterable[Row], potentials_mV: Mapping[str, float]) -> Iterator[Finding]:
    """Yield the finding on measurements whose temperature is not that of their cell's others.

    Parameters
    ----------
    rows : iterable of Row
    potentials_mV : mapping
        Potential of each measurement, which is taken to be proportional to the absolute temperature.
    """
    cells: dict[Cell, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.measurement):
        cells[row.group, row.cell].append(row)
    usual = _usual(cells)
    off = [
        row
        for cell, own in cells.items()
        for row in own
        if abs(row.condition.temperature_C - usual[cell]) > _MIN_DIFFERENCE_C
    ]
    if not off:
        return
    differences = {row.measurement: row.condition.temperature_C - usual[row.group, row.cell] for row in off}
    shifts = [
        abs(potentials_mV[row.measurement] * differences[row.measurement])
        / (usual[row.group, row.cell] + ZERO_CELSIUS_K)
        for row in off
    ]
    is_series = _is_series([own for own in cells.values() if len(own) > 1])
    names = [f"{row.measurement} ({row.condition.temperature_C:g} C)" for row in off]
    values = {"difference": max(map(abs, differences.values())), "names": listed(names)}
    values |= {"usual": usual[off[0].group, off[0].cell], "shift": max(shifts)}
    values["series"] = " and no series of temperatures" if not is_series else ""
    yield Finding(Code.TEMPERATURES, "", values, 0.0 if is_series else of_potential(max(shifts)))


def _usual(cells: Mapping[Cell, Sequence[Row]]) -> dict[Cell, float]:
    """Return the temperature of each cell that most rows of the table have, or that in the middle of its own."""
    counts = Counter(row.condition.temperature_C for own in cells.values() for row in own)
    most = min((temperature for temperature, n in counts.items() if n == max(counts.values())), default=0.0)
    own_C = {cell: sorted(row.condition.temperature_C for row in own) for cell, own in cells.items()}
    return {
        cell: most if any(abs(each - most) <= _MIN_DIFFERENCE_C for each in own) else statistics.median_low(own)
        for cell, own in own_C.items()
    }


def _is_series(cells: Sequence[Sequence[Row]]) -> bool:
    """Return True where temperatures differ on purpose.

    Either cells with several temperatures were measured in one bath at several, or each bath has its own temperature
    in all cells, as a heated one has.
    """
    mixed = [own for own in cells if _range(own) > _MIN_DIFFERENCE_C]
    has_both = [any(_range(of_bath) > _MIN_DIFFERENCE_C for of_bath in _by_bath(own)) for own in mixed]
    of_baths = _by_bath([row for own in cells for row in own])
    return all(has_both) or (len(mixed) > 1 and all(_range(of_bath) <= _MIN_DIFFERENCE_C for of_bath in of_baths))


def _by_bath(rows: Sequence[Row]) -> list[list[Row]]:
    baths: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        baths[row.bath].append(row)
    return list(baths.values())


def _range(rows: Sequence[Row]) -> float:
    values = [row.condition.temperature_C for row in rows]
    return max(values) - min(values)
