"""Findings on recordings that were not made as the others of their cell: on another day, or with another amplifier."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median_low

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named, of_potential
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Cell
from nernstfit.judgement.evidence import Evidence, date_of

# Time in s between recordings of one cell that none lives through: patches last minutes to hours, oocytes a day's work.
# At half a long day of recording is told; at double two days in a row are not.
_MAX_APART_S = 12 * 3600.0
_UNUSED = (PotentialVerdict.EXCLUDED, PotentialVerdict.UNREADABLE)


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield each recording that differs from most of its cell, with what differs."""
    cells: dict[Cell, list[str]] = defaultdict(list)
    for row in sorted(evidence.reversals.to_dict("records"), key=lambda row: str(row["measurement"])):
        if evidence.fact(row["measurement"]) and row["recording"] and row["verdict"] not in _UNUSED:
            cells[row["group"], row["cell"]].append(row["measurement"])
    made = {name: _made(evidence, name) for own in cells.values() for name in own}
    everywhere = Counter(each for of_one in made.values() for each in of_one.items())
    off_mV = _off_mV(evidence)
    for (_, cell), names in sorted(cells.items()):
        usual = _usual([made[name] for name in names], everywhere)
        day_s = median_low([known for name in names if (known := _start_s(evidence, name))] or [0.0])
        for name in names:
            differ = [f"{value} for {usual[key]}" for key, value in made[name].items() if value != usual[key]]
            start_s = _start_s(evidence, name)
            is_far = start_s > 0 and abs(start_s - day_s) > _MAX_APART_S
            is_of_another_day = is_far and date_of(start_s) != date_of(day_s)  # midnight is that of a day alone
            if is_of_another_day:
                differ.insert(0, f"{date_of(start_s)} for {date_of(day_s)}")
            if differ:
                values = {"name": name, "cell": cell_named(cell), "differ": ", ".join(differ)}
                effect = math.inf if is_of_another_day else of_potential(off_mV.get(name, math.nan))
                yield Finding(Code.RECORDING_DIFFERS, name, values, effect)


def _made(evidence: Evidence, name: str) -> dict[str, str]:
    """Return how one recording was made, in words, as far as the file and no row of the table decides it."""
    fact, how = evidence.fact(name), evidence.rows[name].measure
    known = {key: str(fact.get(key, "")) for key in ("channel", "command", "epoch") if getattr(how, key) == "auto"}
    words = {"channel": "input '{}'", "command": "output '{}'", "epoch": "epoch {}"}
    found = {key: words[key].format(value) for key, value in known.items() if value}
    rate_Hz = fact.get("rate_Hz", math.nan)
    return found | ({"rate": f"{rate_Hz:g} samples per second"} if math.isfinite(rate_Hz) else {})


def _usual(made: Sequence[Mapping[str, str]], everywhere: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Return what most recordings of a cell have; of as many, what more of all have."""
    counts = Counter(each for of_one in made for each in of_one.items())
    in_order = sorted(counts, key=lambda each: (counts[each], everywhere[each]))
    return dict(in_order)  # the last of each key stays


def _start_s(evidence: Evidence, name: str) -> float:
    """Return the time at which a recording started; 0 where it is not known."""
    start_s = float(evidence.fact(name).get("start_s", math.nan))
    return start_s if math.isfinite(start_s) else 0.0


def _off_mV(evidence: Evidence) -> dict[str, float]:
    """Return how far each measurement lies off the fit beside the offset of its cell."""
    table = evidence.of_model("residuals")
    off = table["residual_mV"] - table["offset_mV"].fillna(0.0)
    return dict(zip(table["measurement"], off, strict=True))
