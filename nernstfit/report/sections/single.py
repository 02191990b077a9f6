"""Section on the question of whether one permeability describes each ion."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from nernstfit.contract.terms import ValidityTest
from nernstfit.figures.by_bath import draw_by_bath
from nernstfit.figures.render import Figure
from nernstfit.report.blocks import Block, Grid, Heading, Listing, Text, grid, picture
from nernstfit.report.numbers import MISSING, as_given, estimate, fixed, significant, typeset
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import joined, without_repeats

_PROSE = Prose("single")
_TESTS = (
    ValidityTest.PERMEABILITY_TREND,
    ValidityTest.POTENTIAL,
    ValidityTest.MOLE_FRACTION,
    ValidityTest.ACCUMULATION,
)
# Change of a ratio that counts as none: rounding lies below, and every change that prints as one above.
_NO_CHANGE = 1e-6
_WHOLE_PERCENT = 10  # from here on changes are written without decimals; half or double changes one digit


def blocks(results: Results) -> Iterator[Block]:
    """Yield the ratio in each bath, the tests of a constant permeability, and the sensitivity to a surface charge."""
    rows = results.tables["ratios_by_bath"]
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    found = _with_ion(rows[rows["ratio"].notna()])
    several = found[found.groupby(["group", "ion"])["bath"].transform("nunique") > 1]
    yield Text(_PROSE("introduction", confidence=results.confidence))
    if len(several):
        yield picture(_figure(results, several), _PROSE("figure", confidence=results.confidence))
    else:
        yield Text(_PROSE("one_bath"))
    for name in results.groups:
        yield from heading(results, name)
        yield from _of_group(results, name, rows[rows["group"] == name])


def _of_group(results: Results, group: str, rows: pd.DataFrame) -> Iterator[Block]:
    found, missing = _with_ion(rows[rows["ratio"].notna()]), rows[rows["ratio"].isna()]
    if len(found):
        yield _grid(results, found)
        if found["reason"].nunique() == 1 and found["reason"].iloc[0]:
            yield Text(f"All rows: {found['reason'].iloc[0]}.", "note")
    else:
        yield Text(_PROSE("no_bath"))
    if len(missing):
        yield Listing(tuple(_missing(results, missing)))
    tests = results.tables["tests"]
    told = tuple(_told(tests[tests["group"] == group]))
    if told:
        yield Heading("Tests of a constant permeability")
        yield Listing(told)
    charged = results.tables["surface_charge"]
    yield from _surface(results, charged[charged["group"] == group])


def _with_ion(found: pd.DataFrame) -> pd.DataFrame:
    """Return the baths that hold the ion; all of an ion that is in the pipette alone."""
    holds = found["activity_mM"] > 0
    return found[holds | ~holds.groupby([found["group"], found["ion"]]).transform("any")]


def _figure(results: Results, found: pd.DataFrame) -> Figure:
    """Return the figure of all ions, those of the configuration in its order."""
    ratios = results.of_model("permeabilities")
    records = pd.DataFrame(results.in_ion_order(found))
    fitted = ratios[ratios["ratio"].notna()]
    shown, lines = (rows.assign(title=_titles(results, rows)) for rows in (records, fitted))
    return draw_by_bath(shown, lines, results.baths)


def _titles(results: Results, rows: pd.DataFrame) -> list[str]:
    """Return `ion / reference`, and the group where there are several."""
    reference = results.fit["reference_ion"]
    names = rows["group"] if len(results.groups) > 1 else [""] * len(rows)
    return [f"{ion} / {reference}{f', {name}' if name else ''}" for ion, name in zip(rows["ion"], names, strict=True)]


def _grid(results: Results, found: pd.DataFrame) -> Grid:
    records = results.in_ion_order(found)
    reference = results.fit["reference_ion"]
    written = [estimate(row["ratio"], row["low"], row["high"]) for row in records]
    columns = {
        "ion / reference": without_repeats([f"{row['ion']} / {reference}" for row in records]),
        "bath": [row["bath"] for row in records],
        "activity, mM": [_or_zero(row["activity_mM"]) for row in records],
        "potential, mV": [fixed(row["potential_mV"], 1) for row in records],
        "n cells": [fixed(row["n_cells"], 0) for row in records],
        "ratio": [text.ratio for text in written],
        f"{results.confidence} interval": [
            _interval(text.interval, row["low"], row["high"]) for text, row in zip(written, records, strict=True)
        ],
    }
    if found["pipette"].nunique() > 1:
        columns["pipette"] = [row["pipette"] for row in records]
    if found["reason"].nunique() > 1:
        columns["remark"] = [row["reason"] for row in records]
    return grid(columns, ["ion / reference", "bath", "pipette", "remark"], _PROSE("table"))


def _missing(results: Results, rows: pd.DataFrame) -> Iterator[str]:
    """Yield the reasons why baths have no ratio of an ion, each with the baths."""
    brief = rows.assign(brief=rows["reason"].str.partition(":")[0])
    for ion in results.ions_in(rows):
        for _, part in brief[brief["ion"] == ion].groupby("brief", sort=False):
            reason = part["reason"].iloc[0] if part["reason"].nunique() == 1 else part["brief"].iloc[0]
            yield f"{ion}, not in {joined(dict.fromkeys(part['bath']))}: {reason}"


def _told(tests: pd.DataFrame) -> Iterator[str]:
    """Yield the outcome of each test that asks for a constant permeability; its question where it was not possible."""
    for test in _TESTS:
        own = tests[tests["test"] == test]
        yield from (typeset(sentence) for sentence in own[own["p"].notna()]["sentence"])
        # A reason of each ion, in its name, is one of all of them.
        untested = own[own["p"].isna()]
        named = [sentence.replace(ion, "the ion") if ion else sentence for sentence, ion in _said(untested)]
        for sentence, part in untested.assign(sentence=named).groupby("sentence", sort=False):
            ions = f" ({joined(part['ion'])})" if part["ion"].all() else ""
            yield f"{test.label.removesuffix('?')}{ions}? {sentence}"


def _surface(results: Results, rows: pd.DataFrame) -> Iterator[Block]:
    """Yield by how much a charge on the outer surface would move each ratio."""
    known = rows[rows["factor"].notna()]
    if len(known) == 0:
        return
    yield Heading("A charge on the outer surface")
    yield Text(_PROSE("surface"))
    if ((known["factor"] - 1).abs() < _NO_CHANGE).all():
        yield Text(_PROSE("surface_same"))
        return
    reference, lines = results.fit["reference_ion"], []
    for ion in results.ions_in(known):
        own = known[known["ion"] == ion].sort_values("charge_density_C_per_m2", ascending=False)
        percent = joined(_percent(factor) for factor in own["factor"])
        densities = joined(map(as_given, own["charge_density_C_per_m2"]))
        lines.append(f"{ion} / {reference}: {percent} % with {densities} C/m\N{SUPERSCRIPT TWO}")
    yield Listing(tuple(lines))
    ends = known["least_mV"].max(), known["most_mV"].min()
    yield Text(_PROSE("surface_potentials", least=fixed(ends[0], 0), most=fixed(ends[1], 0)), "note")


def _said(tests: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield sentence and ion of some tests."""
    yield from zip(tests["sentence"], tests["ion"], strict=True)


def _or_zero(value: float) -> str:
    """Write a number to three digits; 0 without decimals."""
    return significant(value) if value else "0"


def _interval(text: str, low: float, high: float) -> str:
    """Return the interval of a ratio, which may begin at 0 or have no upper end."""
    if not math.isfinite(high):
        return f"> {significant(low, 2)}" if low > 0 else MISSING
    return text if low > 0 else f"[0, {significant(high, 2)}]"


def _percent(factor: float) -> str:
    """Write a factor as a change in percent."""
    change = 100 * (factor - 1)
    return fixed(change, 0 if abs(change) >= _WHOLE_PERCENT else 1, sign=True)
