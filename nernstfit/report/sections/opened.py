"""Details of a measurement, which show when its row is opened: traces, I-V curve, corrections and doubts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from nernstfit.contract import tables
from nernstfit.contract.findings import named
from nernstfit.contract.frames import Columns
from nernstfit.contract.remarks import Flag
from nernstfit.contract.severity import About
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.figures.recordings import measurements_drawn
from nernstfit.report import findings
from nernstfit.report.blocks import inlined
from nernstfit.report.numbers import as_given, fixed, significant, typeset
from nernstfit.report.results import Results

Record = Mapping[Any, Any]
STEPS: Mapping[str, str] = {
    "raw_mV": "raw",
    "leak_shift_mV": "leak",
    "rs_shift_mV": "series R",
    "junction_mV": "junction",
}
"""Steps from the zero of the curve to the corrected potential, by their columns, with their names."""


def measurement(results: Results, row: Record, curves: Mapping[str, Columns], traces: Mapping[str, Columns]) -> Markup:
    """Return what one measurement shows.

    Parameters
    ----------
    results : Results
    row : mapping
        Of reversal_potentials.csv.
    curves, traces : mapping of str to Columns
        Rows of iv.csv, and traces as ingest writes them, by measurement.
    """
    parts = []
    if row["measurement"] in curves:
        parts.append(inlined(measurements_drawn("opened", [row], curves, traces)))
    parts.append(_paragraphs([_origin(row), _corrections(row), *_reasons(row)]))
    doubts = [*_flags(row["flags"]), *_findings(results, row)]
    if doubts:
        parts.append(Markup("<ul>{}</ul>").format(Markup("").join(map(Markup("<li>{}</li>").format, doubts))))
    return Markup("").join(parts)


def _paragraphs(texts: Iterable[str]) -> Markup:
    return Markup("").join(Markup("<p>{}</p>").format(text) for text in texts if text)


def _origin(row: Record) -> str:
    """Return the file with epoch and sweeps, and the conditions."""
    parts = [
        row["recording"],
        f"epoch {row['epoch']}" if row["epoch"] else "",
        f"sweeps {row['sweeps']}" if row["sweeps"] else "",
        f"cell {named(row['group'], row['cell'])}",
        f"{row['bath']} against {row['pipette'] or 'an unknown pipette solution'}",
        f"{row['configuration']}, {row['temperature_C']:g} °C",
    ]
    return ", ".join(filter(None, parts)) + "."


def _corrections(row: Record) -> str:
    """Return the corrections of a potential as a sum: `raw −44.54, junction −13.61: corrected −58.15 ± 0.07 mV`."""
    if row["verdict"] != PotentialVerdict.REVERSAL:
        return ""
    steps = [f"{word} {fixed(row[name], 2, sign=True)}" for name, word in STEPS.items() if row[name] == row[name]]
    interval = f"95 % interval {fixed(row['low_mV'], 2)} to {fixed(row['high_mV'], 2)}"
    error = f"standard error {significant(row['se_mV'], 2)}, {interval}, without systematic errors"
    return f"In mV: {', '.join(steps)}: corrected {fixed(row['corrected_mV'], 2)} ({error})."


def _reasons(row: Record) -> Iterable[str]:
    """Yield why there is no potential, and what would give one."""
    if row["reason"]:
        yield f"{PotentialVerdict(row['verdict']).label}: {typeset(row['reason'])}."
        yield row["remedy"]


def _flags(text: str) -> Iterable[str]:
    """Yield each flag with its value and meaning."""
    for name, value in tables.flags(text).items():
        unit = re.search(r", (mV|pA|pF|ms|nS|Hz)\b", Flag(name).sentence)
        written = "" if math.isnan(value) else " ".join(filter(None, ["", as_given(value), unit[1] if unit else ""]))
        yield f"{Flag(name).label}{written}: {Flag(name).sentence}."


def _findings(results: Results, row: Record) -> Iterable[str]:
    return [each.text for each in findings.texts(results, About.MEASUREMENT, {row["measurement"]})]
