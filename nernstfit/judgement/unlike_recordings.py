"""Findings on recordings that were not made as the others of their cell: on another day, or with another amplifier."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import mode

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named, of_potential
from nernstfit.contract.terms import BandwidthSource
from nernstfit.experiment.records import Cell, Row
from nernstfit.judgement.cells_of_one_name import by_day, stray
from nernstfit.judgement.made import Made, Record, start_s

_WORDS = {"channel": "input '{}'", "command": "output '{}'", "epoch": "epoch {}"}


def findings(used: Sequence[Made], off_mV: Mapping[str, float]) -> Iterator[Finding]:
    """Yield each recording that differs from most of its cell, with what differs.

    Parameters
    ----------
    used : sequence of (row, what ingest knows of it)
        Before a run or after it.
    off_mV : mapping of str to float
        How far measurements lie off the fit beside the offset of their cell; empty before a run.
    """
    cells: dict[Cell, list[Made]] = defaultdict(list)
    for row, fact in sorted(used, key=lambda each: each[0].measurement):
        if row.recording:
            cells[row.group, row.cell].append((row, fact))
    how = {row.measurement: _how(row, fact) for own in cells.values() for row, fact in own}
    everywhere = Counter(each for of_one in how.values() for each in of_one.items())
    for (_, cell), own in sorted(cells.items()):
        usual = _usual([how[row.measurement] for row, _ in own], everywhere)
        of_days = by_day({row.recording: known_s for row, fact in own if (known_s := start_s(fact))})
        of_another_day = stray(of_days)
        for row, _ in own:
            name = row.measurement
            differ = [f"{value} for {usual[key]}" for key, value in how[name].items() if value != usual[key]]
            if is_stray := row.recording == of_another_day:
                differ.insert(0, f"{of_days[row.recording]} for {mode(of_days.values())}")
            if differ:
                values = {"name": name, "cell": cell_named(cell), "differ": ", ".join(differ)}
                effect = math.inf if is_stray else of_potential(off_mV.get(name, math.nan))
                yield Finding(Code.RECORDING_DIFFERS, name, values, effect)


def _how(row: Row, fact: Record) -> dict[str, str]:
    """Return how one recording was made, in words, as far as the file and no row of the table decides it."""
    is_auto = {key: getattr(row.measure, key) == "auto" for key in _WORDS}
    found = {key: words.format(fact[key]) for key, words in _WORDS.items() if is_auto[key] and fact.get(key)}
    rate_Hz = fact.get("rate_Hz", math.nan)
    found |= {"rate": f"{rate_Hz:g} samples per second"} if math.isfinite(rate_Hz) else {}
    is_set = fact.get("bandwidth_source") == BandwidthSource.TELEGRAPH
    return found | ({"filter": f"amplifier's filter at {fact['bandwidth_Hz']:g} Hz"} if is_set else {})


def _usual(made: Sequence[Mapping[str, str]], everywhere: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Return what most recordings of a cell have; of as many, what more of all have."""
    counts = Counter(each for of_one in made for each in of_one.items())
    in_order = sorted(counts, key=lambda each: (counts[each], everywhere[each]))
    return dict(in_order)  # the last of each key stays
