"""The report: what the tables say, in words, tables and figures, as one HTML file.

A report is a list of sections, a section a list of blocks (text, grid, figure, ...), and the
template beside this module turns each kind of block into HTML. All text goes through the
template's escaping; `Markup` is used for constants of this module alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, ClassVar, TypeAlias

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from nernstfit.contract import tables
from nernstfit.contract.terms import ErrorSource
from nernstfit.figures import kinds
from nernstfit.figures.kinds import Drawing, Figure
from nernstfit.permeability.inference.variance_shares import VarianceShare, largest_source
from nernstfit.reversal import registry

MISSING = "—"
MAX_TRACED = 60
MAX_ROWS_PER_FIGURE = 6
_MANY_DF = 1000

RATIO_VERDICTS: Mapping[str, str] = {
    "estimate": "estimate",
    "upper_bound": "upper bound only",
    "lower_bound": "lower bound only",
    "not_identifiable": "not identifiable",
}
VERDICTS: Mapping[str, str] = {
    "reversal": "reversal",
    "no_crossing": "no crossing",
    "ambiguous": "ambiguous",
    "not_a_reversal": "not a reversal",
    "unreadable": "unreadable",
    "excluded": "excluded",
}
STEPS: Mapping[str, str] = {
    "none": "none",
    "leak": "+ leak",
    "series_resistance": "+ series resistance",
    "junction": "+ junction potential",
    "activity": "+ activities",
    "offset": "+ offsets of the cells",
}
ACTIVITIES: Mapping[str, tuple[str, str]] = {
    "davies": ("the Davies equation", "Davies 1962, Ion Association, Butterworths"),
    "concentration": ("concentrations in place of activities", ""),
    "pitzer": ("Pitzer's equations", "Pitzer 1973, J Phys Chem 77:268"),
    "debye-huckel": ("the extended Debye-Hückel equation", "Debye & Hückel 1923, Phys Z 24:185"),
}
CONFIGURATIONS: Mapping[str, str] = {
    "whole-cell": "the whole-cell configuration",
    "outside-out": "outside-out patches",
    "inside-out": "inside-out patches",
    "two-electrode": "two-electrode voltage clamp",
}


@dataclass(frozen=True)
class Results:
    """What the report is made of.

    Attributes
    ----------
    reversals, iv, solutions, junctions : DataFrame
    permeabilities, cells, models, residuals, nernst_slopes, thermodynamics, corrections, intervals : DataFrame
    comparisons, tests, error_budget : DataFrame
        The tables of the contract, as `tables.load` returns them.
    traces : DataFrame
        As ingest writes them, of all batches.
    manifest : mapping
        `inputs`, `versions` and `config`, as in manifest.json.
    simulated : bool
        Whether the recordings or potentials were simulated.
    truth : mapping of str to float
        True permeability of each ion relative to the reference, where simulated.
    """

    reversals: pd.DataFrame
    iv: pd.DataFrame
    solutions: pd.DataFrame
    junctions: pd.DataFrame
    permeabilities: pd.DataFrame
    cells: pd.DataFrame
    models: pd.DataFrame
    residuals: pd.DataFrame
    nernst_slopes: pd.DataFrame
    thermodynamics: pd.DataFrame
    corrections: pd.DataFrame
    intervals: pd.DataFrame
    comparisons: pd.DataFrame
    tests: pd.DataFrame
    error_budget: pd.DataFrame
    traces: pd.DataFrame
    manifest: Mapping[str, Any]
    multivalent: tuple[str, ...] = ()
    simulated: bool = False
    truth: Mapping[str, float] = field(default_factory=dict)

    @property
    def elsewhere(self) -> bool:
        """Whether the potentials were measured elsewhere: there are no recordings then, and no curves."""
        return bool(self.manifest["config"]["reversals"])

    @property
    def fit(self) -> Mapping[str, Any]:
        """The configuration of the fit."""
        section: Mapping[str, Any] = self.manifest["config"]["fit"]
        return section

    @property
    def model(self) -> str:
        """Name of the configured model, which is written first; '' where nothing was fitted."""
        return str(self.models["model"].iloc[0]) if len(self.models) else ""

    @property
    def confidence(self) -> str:
        """Confidence level of the intervals, in words."""
        return f"{100 * self.fit['confidence']:g} %"

    @property
    def level(self) -> float:
        """What p is below where something is taken for real."""
        return round(1 - float(self.fit["confidence"]), 9)

    @property
    def found(self) -> pd.DataFrame:
        """Rows with a reversal potential."""
        return self.reversals[self.reversals["verdict"] == "reversal"]

    @property
    def groups(self) -> list[str]:
        """Groups that were fitted, by name."""
        return sorted(set(self.found["group"]))

    def of_model(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of the configured model."""
        return table[table["model"] == self.model]


@dataclass(frozen=True)
class Text:
    """A paragraph; `look` is p, note or warning."""

    text: str
    look: str = "p"
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Grid:
    """A table: column titles, rows of text, and which columns are numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int]
    caption: str = ""
    kind: ClassVar[str] = "grid"


@dataclass(frozen=True)
class Picture:
    """A drawn figure, inlined as SVG."""

    drawing: Drawing
    caption: str
    kind: ClassVar[str] = "picture"

    @property
    def svg(self) -> Markup:
        """The SVG as part of an HTML page, where it needs no name space."""
        return Markup(re.sub(r' xmlns(:xlink)?="[^"]*"', "", self.drawing.svg))


@dataclass(frozen=True)
class Listing:
    """Short items below one another."""

    items: tuple[str, ...]
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file."""

    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Fold:
    """Blocks that fold away."""

    title: str
    blocks: tuple[Block, ...]
    is_open: bool = False
    kind: ClassVar[str] = "fold"


Block: TypeAlias = Text | Heading | Grid | Picture | Listing | Code | Fold


@dataclass(frozen=True)
class Section:
    """One numbered section."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """The page and the figures drawn for it."""

    html: str
    drawings: tuple[Drawing, ...]


def build(results: Results) -> Report:
    """Write the report.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Report
    """
    sections = tuple(Section(name, title, tuple(make(results))) for name, title, make in _SECTIONS)
    here = resources.files("nernstfit.report.templates")
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    page = environment.from_string((here / "report.html.j2").read_text(encoding="utf-8"))
    html = page.render(
        css=Markup((here / "report.css").read_text(encoding="utf-8")),
        summary=_summary(results),
        sections=sections,
    )
    return Report(html, tuple(_drawings(block for section in sections for block in section.blocks)))


def _drawings(blocks: Iterable[Block]) -> Iterator[Drawing]:
    for block in blocks:
        if isinstance(block, Picture):
            yield block.drawing
        elif isinstance(block, Fold):
            yield from _drawings(block.blocks)


def _picture(figure: Figure, caption: str) -> Picture:
    return Picture(kinds.render(figure), caption)


def _grid(columns: Mapping[str, Sequence[str]], texts: Iterable[str] = (), caption: str = "") -> Grid:
    """Put columns side by side; those named in `texts` hold text, all others numbers."""
    head, words = tuple(columns), set(texts)
    numeric = frozenset(i for i, name in enumerate(head) if name not in words)
    return Grid(head, tuple(zip(*columns.values(), strict=True)), numeric, caption)


# Numbers in words


def fixed(value: float, decimals: int, sign: bool = False) -> str:
    """Write a number with so many decimals and a true minus sign; missing is a dash."""
    if not math.isfinite(value):
        return MISSING
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


def rough(value: float, digits: int = 3) -> str:
    """Write a number to so many significant digits, with a power of ten where it is far from 1."""
    if not math.isfinite(value):
        return MISSING
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa} \N{MULTIPLICATION SIGN} 10{str(int(exponent)).translate(_RAISED)}".replace(
            "-", "\N{MINUS SIGN}"
        )
    decimals = max(0, digits - 1 - _magnitude(value))
    return fixed(value, decimals)


def freedom(df: float) -> str:
    """Write degrees of freedom: beyond a thousand, Student's t is the normal distribution to every digit shown."""
    return f"> {_MANY_DF}" if df > _MANY_DF else fixed(df, 1)


def chance(p: float) -> str:
    """Write a p value: to two significant digits, down to 0.001."""
    return "< 0.001" if p < 0.001 else rough(p, 2)


def _equals(p: float) -> str:
    return f"p {chance(p)}" if p < 0.001 else f"p = {chance(p)}"


def _typeset(sentence: str) -> str:
    """A sentence of a table, its numbers with a true minus sign and no p apart from its value."""
    sentence = re.sub(r"(?<![\w.])-(?=\d)", "\N{MINUS SIGN}", sentence)
    return re.sub(r"\(p ([<=]) ", "(p\u00a0\\1\u00a0", sentence)


def _given(value: float) -> str:
    """Write a number as someone chose it, such as a concentration."""
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else MISSING


_TRACE_MM = 1e-3
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0


def decimals_for(half_width: float, most: int = 6) -> int:
    """Decimals that show two significant digits of an interval's half width."""
    if not (math.isfinite(half_width) and half_width > 0):
        return 2
    return min(max(1 - _magnitude(half_width), 0), most)


def outward(value: float, up: bool) -> str:
    """Write a one-sided limit to two significant digits, rounded away from what it excludes."""
    if not (math.isfinite(value) and value > 0):
        return MISSING
    unit = 10.0 ** (_magnitude(value) - 1)
    turns = value / unit
    return rough((math.ceil(turns - 1e-9) if up else math.floor(turns + 1e-9)) * unit, 2)


@dataclass(frozen=True)
class Estimate:
    """A ratio with its interval as text: the number, and `[low, high]`, `< high` or `> low`."""

    ratio: str
    interval: str


def estimate(ratio: float, low: float, high: float) -> Estimate:
    """Write a ratio and its interval to what the interval supports.

    Parameters
    ----------
    ratio, low, high : float
        nan where there is none: a bound has no ratio and one end.

    Returns
    -------
    Estimate
    """
    if math.isnan(ratio):
        if math.isnan(low) and math.isnan(high):
            return Estimate(MISSING, MISSING)
        return Estimate(MISSING, f"> {outward(low, up=False)}" if math.isnan(high) else f"< {outward(high, up=True)}")
    nearer = min(ratio - low, high - ratio)
    if math.isnan(nearer):
        return Estimate(rough(ratio), MISSING)
    decimals = decimals_for(nearer)
    if max(ratio, high) < 1e6 and round(low, decimals) > 0:
        return Estimate(fixed(ratio, decimals), f"[{fixed(low, decimals)}, {fixed(high, decimals)}]")
    return Estimate(rough(ratio, 2), f"[{rough(low, 2)}, {rough(high, 2)}]")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _listed(names: Iterable[str]) -> str:
    parts = list(names)
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _place(name: str) -> str:
    """Where a section stands, as the page numbers it."""
    return f"section\u00a0{[section for section, _, _ in _SECTIONS].index(name) + 1}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _group(name: str) -> str:
    return f"group {name}" if name else "rows without a group"


def _heads(results: Results, name: str) -> Iterator[Block]:
    """Name a group where there are several."""
    if len(results.groups) > 1 or name:
        yield Heading(_capital(_group(name)))


def _called(results: Results, table: pd.DataFrame) -> pd.Series:
    """What each row's cell is called: with its group where there are several."""
    if len(set(results.reversals["group"])) < 2:
        return table["cell"]
    return (table["group"] + " · " + table["cell"]).where(table["group"] != "", table["cell"])


def _further(table: pd.DataFrame, column: str) -> pd.Series:
    """Numbers of a column beyond the contract's, which is read as text and may be absent."""
    return pd.to_numeric(table.get(column, pd.Series(math.nan, index=table.index)), errors="coerce")


# Summary


def _summary(results: Results) -> list[str]:
    return [*_counts(results), *_findings(results)]


def _counts(results: Results) -> Iterator[str]:
    rows, found, config = results.reversals, results.found, results.manifest["config"]
    baths = sorted(set(rows["bath"]))
    named = f" ({_listed(baths)})" if len(baths) <= 8 else ""
    where = f"in {_count(_cells(results), 'cell')} and {_count(len(baths), 'bath')}{named}"
    if results.simulated:
        what = "potentials" if results.elsewhere else "recordings"
        yield f"The {what} are simulated: they were computed from known permeabilities, not made in a laboratory."
    if results.elsewhere:
        yield f"{config['reversals']} gives {_count(len(rows), 'reversal potential')} measured elsewhere {where}."
        if len(found) < len(rows):
            yield f"{len(rows) - len(found)} of them {_is(len(rows) - len(found))} excluded ({_place('refused')})."
        return
    yield f"{config['recordings']} asks for {_count(len(rows), 'measurement')} {where}."
    if len(found) == 0:
        none = "It did not give" if len(rows) == 1 else "None of them gave"
        yield f"{none} a reversal potential; {_place('refused')} says why."
    elif len(found) == len(rows):
        yield f"{'It' if len(rows) == 1 else 'All of them'} gave a reversal potential."
    else:
        counts = rows[rows["verdict"] != "reversal"]["verdict"].value_counts()
        refused = _listed(f"{counts[name]} {VERDICTS[name]}" for name in VERDICTS if name in counts)
        yield f"{len(found)} of them gave a reversal potential; the others did not ({refused}; {_place('refused')})."


def _cells(results: Results) -> int:
    """How many cells all rows come from, those that a row averages counted each."""
    rows = results.reversals.assign(averages=_averages(results, results.reversals))
    return int(rows.groupby(["group", "cell"])["averages"].max().sum())


def _averages(results: Results, rows: pd.DataFrame) -> pd.Series:
    """How many cells each row averages; in a table of recordings a column `n` is the user's own, whatever it holds."""
    return (_further(rows, "n") if results.elsewhere else pd.Series(math.nan, index=rows.index)).fillna(1.0)


def _findings(results: Results) -> Iterator[str]:
    if not results.model:
        return
    yield (
        f"The configured model is {results.model}: the Goldman-Hodgkin-Katz equation with "
        f"{ACTIVITIES[results.manifest['config']['activity']['model']][0]}; {results.fit['reference_ion']} is the "
        "reference ion."
    )
    yield from _left_out(results)
    if results.multivalent:
        yield f"Ratios with {_listed(results.multivalent)} are those of the {GHK_FORM} ({_place('ratios')})."
    configured = results.of_model(results.permeabilities)
    for name in results.groups:
        said = [_said(row) for row in _in_order(results, configured[configured["group"] == name])]
        where = f" ({_group(name)})" if len(results.groups) > 1 or name else ""
        if said:
            yield f"Permeability ratios with {results.confidence} intervals{where}: {'; '.join(said)}."
    told = _told_apart(results)
    if told:
        yield f"{'; '.join(_difference(row) for row in told)}."
    elif results.comparisons["p"].notna().any():
        yield f"No difference between groups is significant ({_place('ratios')})."
    tests = results.tests
    broken = tests[(tests["test"] == "lack_of_fit") & (tests["p"] < results.level)]
    for sentence, part in broken.groupby("sentence", sort=False):
        where = f" in {_listed(map(_short, part['group']))}" if len(results.groups) > 1 else ""
        yield f"{_typeset(sentence.removesuffix(').'))}{where}; {_place('valid')})."


def _left_out(results: Results) -> Iterator[str]:
    """What the configured model cannot predict and therefore is not fitted to."""
    rows = results.of_model(results.residuals)
    lost = rows[rows["predicted_mV"].isna()]
    if len(lost):
        baths = _listed(f"{bath} ({n})" for bath, n in lost.groupby("bath").size().items())
        yield (
            f"{len(lost)} of the {len(rows)} reversal potentials {_is(len(lost))} left out of the fit, because the "
            f"permeant ions have no reversal potential there: they can pass in one direction only. Bath: {baths}."
        )


def _limits(results: Results) -> int:
    """How many potentials take part in the configured fit as limits."""
    rows = results.of_model(results.residuals)
    return int((rows["measured_mV"].isna() & rows["predicted_mV"].notna()).sum())


GHK_FORM = "GHK current equation with z\N{SUPERSCRIPT TWO}"


def _ghk_form(results: Results) -> Iterator[str]:
    """Which of the forms in use the ratios of ions of more than one charge belong to."""
    ions = results.multivalent
    if not ions:
        return
    what = "concentrations" if results.manifest["config"]["activity"]["model"] == "concentration" else "activities"
    yield (
        f"{_listed(ions)} {'carries' if len(ions) == 1 else 'carry'} more than one charge, and there are several forms "
        f"of such ratios in use. These are the permeabilities of the {GHK_FORM}, I = P z\N{SUPERSCRIPT TWO} "
        "(V F\N{SUPERSCRIPT TWO}/RT) [in \N{MINUS SIGN} out exp(\N{MINUS SIGN}zFV/RT)] / [1 \N{MINUS SIGN} "
        f"exp(\N{MINUS SIGN}zFV/RT)], summed over the ions, with {what} on both sides, no surface potential and no "
        "factor for the divalent ion's activity but that of the activity model. With a monovalent cation X inside and "
        "a divalent M outside alone, P(M)/P(X) = [X] x (1 + x) / (4 [M]), x = exp(FV/RT); a ratio that was published "
        "without the 4, without 1 + x or on concentrations is another quantity."
    )


def _said(row: Mapping[Any, Any]) -> str:
    written, name = estimate(row["ratio"], row["low"], row["high"]), f"{row['ion']}/{row['reference']}"
    if row["verdict"] == "not_identifiable":
        return f"{name} not identifiable"
    return " ".join([name, *(part for part in (written.ratio, written.interval) if part != MISSING)]).replace(
        " ", "\u00a0"
    )


def _in_order(results: Results, rows: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows with the ions as they are configured."""
    order = list(results.fit["permeant"])
    return sorted(rows.to_dict("records"), key=lambda row: order.index(row["ion"]) if row["ion"] in order else 99)


# 1 Permeability ratios


def _ratios(results: Results) -> Iterator[Block]:
    configured = results.of_model(results.permeabilities)
    if len(configured) == 0:
        why = "no row is a reversal" if len(results.found) == 0 else "only the reference ion is permeant"
        yield Text(f"There is no permeability ratio: {why}.")
        return
    yield Text(_ratio_note(results))
    yield from (Text(said, "note") for said in _ghk_form(results))
    drawn = configured[configured[["ratio", "low", "high"]].notna().any(axis=1)]
    if len(drawn):
        single = results.of_model(results.cells)
        figure = kinds.ratios(drawn, single, results.truth, results.fit["permeant"])
        yield _picture(figure, _ratio_caption(results, drawn))
    silent = configured[configured["verdict"] == "not_identifiable"]
    if len(silent):
        where = [f"{row.ion}{f' ({_group(row.group)})' if row.group else ''}" for row in silent.itertuples()]
        yield Text(f"Not identifiable, and so not in the figure: {_listed(where)}.", "note")
    for name in results.groups:
        yield from _heads(results, name)
        yield _ratio_grid(results, configured[configured["group"] == name])
    yield from _groups_compared(results)
    yield from _other_intervals(results)


_METHODS = {"profile": "profile of the likelihood", "bootstrap": "bootstrap over cells", "t": "t on single cells"}


def _other_intervals(results: Results) -> Iterator[Block]:
    """The intervals over cells by other methods; one that disagrees largely is marked."""
    rows = results.of_model(results.intervals)
    rows = rows[rows["method"].isin(["cells", *_METHODS])]
    by_method = rows.set_index(["group", "ion", "method"])
    number = rows.groupby(["group", "ion"]).size()
    checked = [
        (group, ion) for group in results.groups for ion in results.fit["permeant"] if number.get((group, ion), 0) > 1
    ]
    if not checked:
        return

    def written(key: tuple[str, str], method: str) -> str:
        if (*key, method) not in by_method.index:
            return MISSING
        row = by_method.loc[(*key, method)]
        middle = math.sqrt(row["low"] * row["high"])
        return estimate(middle, row["low"], row["high"]).interval + (" *" if row["disagrees"] is True else "")

    columns = {"group": _once([group or kinds.NO_GROUP for group, _ in checked])} if len(results.groups) > 1 else {}
    columns |= {"ion": [ion for _, ion in checked], "over cells alone": [written(key, "cells") for key in checked]}
    columns |= {name: [written(key, method) for key in checked] for method, name in _METHODS.items()}
    caption = (
        "Checks on the interval over cells alone: the profile of the likelihood, cells drawn anew 2,000 times with the "
        "spreads held, and Student's t on the ratios that single cells tell. Of few cells the bootstrap is known to "
        "be too narrow."
    )
    if rows["disagrees"].isin([True]).any():
        caption += " An asterisk marks a method that disagrees largely (intervals.csv says how that is judged)."
    if len(results.groups) > 1:
        yield Heading("Intervals by other methods")
    yield _grid(columns, ["group", "ion"], caption)


def _ratio_note(results: Results) -> str:
    reference, level = results.fit["reference_ion"], results.confidence
    return (
        f"Ratios of permeability P(ion) / P({reference}) under {results.model}. The interval [low, high] is "
        f"two-sided at {level} and holds for the population of cells; it includes the errors that all cells share "
        "(concentrations, ionic mobilities, temperature, how junctions are calculated). The interval over cells alone "
        f"leaves these out. A bound, < or >, is one-sided at {level}. n counts cells; df are the degrees of freedom of "
        "the interval over cells alone."
    )


def _ratio_caption(results: Results, drawn: pd.DataFrame) -> str:
    parts = [
        f"Permeability ratios relative to {results.fit['reference_ion']}, logarithmic axis. Filled: estimate with its "
    ]
    parts.append(f"two-sided {results.confidence} interval.")
    if drawn["ratio"].isna().any():
        parts.append(f" Open: one-sided {results.confidence} bound, the arrow towards the ratios that it allows.")
    parts.append(" Small grey points: single cells.")
    if results.truth:
        parts.append(" Upright black line: the true ratio of the simulation.")
    return "".join(parts)


def _ratio_grid(results: Results, rows: pd.DataFrame) -> Grid:
    ordered = _in_order(results, rows)
    written = [estimate(row["ratio"], row["low"], row["high"]) for row in ordered]
    alone = [estimate(row["ratio"], row["low_cells"], row["high_cells"]) for row in ordered]
    columns = {
        "ion / reference": [f"{row['ion']} / {row['reference']}" for row in ordered],
        "verdict": [RATIO_VERDICTS[row["verdict"]] for row in ordered],
        "ratio": [text.ratio for text in written],
        f"{results.confidence} interval": [text.interval for text in written],
        "over cells alone": [text.interval for text in alone],
        "n cells": [fixed(row["n_cells"], 0) for row in ordered],
        "df": [freedom(row["df"]) for row in ordered],
    }
    if results.truth:
        columns["true ratio"] = [_given(results.truth.get(row["ion"], math.nan)) for row in ordered]
    if any(row["reason"] for row in ordered):
        columns["reason"] = [row["reason"] for row in ordered]
    return _grid(columns, ["ion / reference", "verdict", "reason"])


def _groups_compared(results: Results) -> Iterator[Block]:
    """Differences between groups, where there are several."""
    rows = _in_order(results, results.comparisons)
    if not rows:
        return
    yield Heading("Groups compared")
    known = [row for row in rows if not math.isnan(row["p"])]
    if known:
        yield Text(_which_differ(results, known))
    if len(known) > 1:
        several = len({_pair(row) for row in known}) > 1
        yield _picture(
            kinds.differences(_difference_marks(results, known), results.fit["permeant"]),
            f"Ratio of one group over that of another{'' if several else f', {_pair(known[0])}'}, with its "
            f"{results.confidence} interval (logarithmic axis). Filled: significant after Holm.",
        )
    written = [_times(row) for row in rows]
    columns = {
        "ion / reference": [f"{row['ion']} / {row['reference']}" for row in rows],
        "groups": [_pair(row) for row in rows],
        "ratio of ratios": [text.ratio for text in written],
        f"{results.confidence} interval": [text.interval for text in written],
        "p": [chance(row["p"]) for row in rows],
        "p, Holm": [chance(row["p_holm"]) for row in rows],
    }
    if any(row["reason"] for row in rows):
        columns["remark"] = [row["reason"] for row in rows]
    caption = (
        "The cells of two groups are different cells; an error that moves the ratios of both alike, such as that of a "
        "mobility, cancels as far as it does. Interval and p are those of a single difference (Welch 1947); p "
        "after Holm (1979) counts that there are several."
    )
    yield _grid(columns, ["ion / reference", "groups", "remark"], caption)


def _told_apart(results: Results) -> list[dict[Any, Any]]:
    """Differences between groups that are significant among all of them."""
    return _in_order(results, results.comparisons[results.comparisons["p_holm"] < results.level])


def _which_differ(results: Results, known: Sequence[Mapping[Any, Any]]) -> str:
    """Which of the differences that have a number are significant, among all of them and alone."""
    told, number = _told_apart(results), len(known)
    level = f"at p < {results.level:g}" + (" after Holm's correction" if number > 1 else "")
    if told:
        text = f"Significant {level} {_is(len(told))} {len(told)} of {_count(number, 'difference')} between groups: "
        text += "; ".join(map(_difference, told))
    else:
        text = (
            f"None of {number} differences between groups is" if number > 1 else "The difference between groups is not"
        )
        text += f" significant {level}"
    alone = [row for row in known if row["p"] < results.level <= row["p_holm"]]
    among = f" Only if asked alone, not among {number}: {'; '.join(map(_difference, alone))}." if alone else ""
    return f"{text}.{among}"


def _difference(row: Mapping[Any, Any]) -> str:
    """Say how many times as high a ratio is in one group as in another."""
    written, p = _times(row), [_equals(row[name]) for name in ("p", "p_holm")]
    corrected = f", {p[1]} after Holm" if p[1] != p[0] else ""
    one, other = (_short(row[name]) for name in ("group", "other_group"))
    return (
        f"P({row['ion']})/P({row['reference']}) is {written.ratio} {written.interval} times as high in {one} as in "
        f"{other} ({p[0]}{corrected})"
    )


def _times(row: Mapping[Any, Any]) -> Estimate:
    return estimate(row["ratio_of_ratios"], math.exp(row["low"]), math.exp(row["high"]))


def _short(group: str) -> str:
    return group or "the rows without a group"


def _pair(row: Mapping[Any, Any]) -> str:
    return " / ".join(row[name] or kinds.NO_GROUP for name in ("group", "other_group"))


def _difference_marks(results: Results, rows: Sequence[Mapping[Any, Any]]) -> pd.DataFrame:
    """What the figure of differences shows, all on the scale of ratios."""
    return pd.DataFrame(
        [
            {"ion": row["ion"], "reference": row["reference"], "pair": _pair(row), "at": row["ratio_of_ratios"]}
            | {"low": math.exp(row["low"]), "high": math.exp(row["high"]), "told": row["p_holm"] < results.level}
            for row in rows
        ]
    )


# 2 Measured against predicted


def _predictions(results: Results) -> Iterator[Block]:
    rows = results.of_model(results.residuals)
    rows = rows[rows["residual_mV"].notna()]
    rows = rows.assign(offset_mV=_further(rows, "offset_mV"))
    if len(rows) == 0:
        yield Text(
            "There is no prediction to compare with: no row is a reversal that the configured model can predict."
        )
        return
    spread = float((rows["residual_mV"] ** 2).mean() ** 0.5)
    yield Text(
        f"Corrected reversal potentials against those predicted by {results.model} for the mean cell, in mV. The root "
        f"mean square of the {_count(len(rows), 'residual')} (measured minus predicted) is {rough(spread, 2)} mV; it "
        "holds the spread between cells and their electrode offsets as well as the noise of the measurements."
    )
    if (results.reversals["pipette"] == "").any():
        yield Text(
            "Where the inside is unknown, only the differences between the baths of a cell are predicted: there the "
            "prediction contains the free term of the cell.",
            "note",
        )
    yield _picture(
        kinds.predicted(rows), f"Measured against predicted potential, {results.model}. Grey: line of identity."
    )
    caption = "Residuals, measured minus predicted, by bath (left) and by cell (right)."
    if kinds.has_offset(rows).any():
        caption += (
            " Upright black line: the fitted electrode offset of the cell, which the prediction does not contain."
        )
    yield _picture(kinds.residuals(rows.assign(cell=_called(results, rows))), caption)


# 3 Is the equation valid here?


_TESTS: Mapping[str, str] = {
    "lack_of_fit": "Do the ratios explain the mean of every bath?",
    "shift_method": "Are all potentials off in common?",
    "time": "Do the potentials drift?",
    "potential": "Do residuals follow the potential?",
    "conductance": "Do residuals follow the size of currents?",
    "permeability_trend": "Is each permeability a constant?",
    "activity": "Do residuals follow an activity?",
    "scatter": "Do measurements scatter more than they should?",
}


def _validity(results: Results) -> Iterator[Block]:
    rows = results.tests
    if len(rows) == 0:
        yield Text("There is nothing to test: the configured model was fitted to no measurement.")
        return
    yield Text(
        f"Whether the residuals of {results.model} hold something that the Goldman-Hodgkin-Katz equation with constant "
        "ratios does not explain. The cell is the replicate, and what the ratios could take up is no evidence. A small "
        "p says that something is amiss, not what: tests with the same p see one and the same deviation, each from its "
        "own side, and the data do not tell which of them is right."
    )
    for name in results.groups:
        yield from _heads(results, name)
        yield from _tests(results, rows[rows["group"] == name])
    yield Text(
        "Where several ions of one test see the same deviation, the one is shown that needs the smallest effect, and "
        "for the shift method the one that would change most; tests.csv holds all of them, with sizes, F and degrees "
        "of freedom.",
        "note",
    )


def _tests(results: Results, rows: pd.DataFrame) -> Iterator[Block]:
    """What is amiss in one group, then what is not, then what could not be tested."""
    ratios, level = results.of_model(results.permeabilities), f"{results.level:g}"
    known = ratios[ratios["ratio"].notna() & ratios["group"].isin(rows["group"])]["ion"]
    done = _by_deviation(rows[rows["p"].notna()], set(known))
    if len(done):
        small, others = done[done["p"] < results.level], done[done["p"] >= results.level]
        number, below = done["deviation"].nunique(), small["deviation"].nunique()
        tests = _count(int(rows["p"].notna().sum()), "test")
        yield Text(
            f"{tests} of {_count(number, 'deviation')} could be made. Where the equation holds, one deviation "
            f"in {_given(1 / results.level)} has a p below {level} by chance; here "
            f"{below or 'none'} of {number} {'has' if below < 2 else 'have'}{':' if below else '.'}"
        )
        for _, part in small.groupby("deviation", sort=False):
            sentences = [_typeset(sentence) for sentence in part["sentence"]]
            yield Text(sentences[0], "warning")
            if len(sentences) > 1:
                yield Text("The same deviation, seen from other sides:")
                yield Listing(tuple(sentences[1:]))
        if len(others):
            columns = {
                "question": _once([_TESTS[test] for test in others["test"]]),
                "answer": [_typeset(sentence) for sentence in others["sentence"]],
            }
            yield _grid(columns, columns, f"Tests with a p of {level} or more.")
    silent = []
    for (test, sentence), part in rows[rows["p"].isna()].groupby(["test", "sentence"], sort=False):
        ions = f" ({_listed(part['ion'])})" if part["ion"].all() else ""
        silent.append(f"{_TESTS[test].removesuffix('?')}{ions}? {sentence}")
    if silent:
        yield Fold("What these data cannot test", (Listing(tuple(silent)),))


def _by_deviation(rows: pd.DataFrame, estimated: Collection[str]) -> pd.DataFrame:
    """Tests by rising p, one for each deviation that it sees; `deviation` is the same where the evidence is.

    Of several ions the one with the smallest effect; for the shift method that of the `estimated` which changes most.
    """
    deviation = [f"{row.statistic:.6g} {row.df1:.6g}" for row in rows.itertuples()]
    changed = -rows["size"].abs().where(rows["ion"].isin(estimated), 0.0)
    effect = rows["size"].abs().where(rows["test"] != "shift_method", changed)
    place = rows["test"].map(list(_TESTS).index)
    ordered = rows.assign(deviation=deviation, place=place, effect=effect, rounded=rows["p"].round(9))
    ordered = ordered.sort_values(["rounded", "deviation", "place", "effect"], kind="stable")
    return ordered.drop_duplicates(["deviation", "test"])


# 4 Against Nernst


def _nernst(results: Results) -> Iterator[Block]:
    rows = results.thermodynamics.merge(results.reversals[["measurement", "group", "bath"]], on="measurement")
    finite = rows[rows["driving_force_mV"].notna()]
    if len(finite) == 0:
        yield Text("No measurement can be held against a finite Nernst potential.")
    else:
        yield Text(
            "The Nernst potential E of an ion is where that ion alone would reverse. Shown is the corrected reversal "
            "potential minus E, which is the driving force on the ion while no net current flows: near 0 mV where the "
            "membrane passes that ion alone, positive where it drives an outward current. An ion that is on one side "
            "of the membrane only, or beside an unknown solution, has no E. thermodynamics.csv has it for each "
            "measurement, in kJ/mol and as the ratio of the one-way fluxes too."
        )
        yield _picture(kinds.nernst(finite), "Measured minus Nernst potential, by ion and bath, in mV.")
        without = [ion for ion in results.fit["permeant"] if ion not in set(finite["ion"])]
        if without:
            yield Text(f"No finite Nernst potential in any bath: {_listed(without)}.", "note")
        for name in results.groups:
            yield from _heads(results, name)
            yield _nernst_grid(results, rows[rows["group"] == name])
    yield from _slopes(results)


def _nernst_grid(results: Results, rows: pd.DataFrame) -> Grid:
    medians = rows.groupby(["bath", "ion"])["driving_force_mV"].median().to_dict()
    baths = sorted(set(rows["bath"]))
    ions = [ion for ion in results.fit["permeant"] if ion in set(rows[rows["driving_force_mV"].notna()]["ion"])]
    columns = {"bath": baths}
    for ion in ions:
        columns[ion] = [fixed(medians.get((bath, ion), math.nan), 1, sign=True) for bath in baths]
    return _grid(columns, ["bath"], "Driving force, median of measured minus Nernst potential, mV.")


def _slopes(results: Results) -> Iterator[Block]:
    yield Heading("Slope against the activity in the bath")
    rows = results.nernst_slopes
    if len(rows) == 0:
        yield Text("There is no slope: no row is a reversal.")
        return
    yield Text(
        "One slope per ion, of the corrected potential against log10 of the ion's activity in the bath, within "
        "cells. It equals Nernst's where the membrane passes that ion alone and nothing else changes with it."
    )
    columns: dict[str, list[str]] = {}
    if len(results.groups) > 1:
        columns["group"] = list(rows["group"])
    half = ((rows["high"] - rows["low"]) / 2).to_list()
    decimals = [decimals_for(value, 2) if math.isfinite(value) else 1 for value in half]
    columns |= {
        "ion": list(rows["ion"]),
        "n measurements": [fixed(value, 0) for value in rows["n"]],
        "slope, mV per decade": _signed(rows["slope_mV_per_decade"], decimals),
        f"{results.confidence} interval": [
            MISSING if math.isnan(low) else f"[{fixed(low, d, True)}, {fixed(high, d, True)}]"
            for low, high, d in zip(rows["low"], rows["high"], decimals, strict=True)
        ],
        "Nernst, mV per decade": _signed(rows["theoretical_mV_per_decade"], [1] * len(rows)),
    }
    grid = _grid(columns, ["group", "ion"])
    points = _slope_points(results)
    if len(points):
        yield _picture(
            kinds.slopes(points, _slope_lines(points, rows)),
            "Corrected potential against the ion's activity in the bath (logarithmic axis). Thin lines join the means "
            "of one cell; solid: fitted slope; dashed: Nernst's slope; both through the mean.",
        )
    if rows["slope_mV_per_decade"].isna().any():
        yield Text("No slope where the bath had only one activity of the ion.", "note")
    yield grid


def _signed(values: Iterable[float], decimals: Iterable[int]) -> list[str]:
    return [fixed(value, d, sign=True) for value, d in zip(values, decimals, strict=True)]


def _slope_points(results: Results) -> pd.DataFrame:
    """Potentials beside the activity of each permeant ion that was there at two activities or more."""
    activity = results.solutions.rename(columns={"solution": "bath"})
    activity = activity[activity["ion"].isin(results.fit["permeant"])][["bath", "temperature_C", "ion", "activity_mM"]]
    found = results.found.assign(cell=_called(results, results.found))
    points = found.merge(activity, on=["bath", "temperature_C"])
    points = points[points["activity_mM"] > 0]
    baths = (
        points.assign(rounded=points["activity_mM"].round(9)).groupby(["group", "ion"])["rounded"].transform("nunique")
    )
    return points[baths > 1][["group", "ion", "cell", "bath", "activity_mM", "corrected_mV"]]


def _slope_lines(points: pd.DataFrame, slopes: pd.DataFrame) -> pd.DataFrame:
    """Fitted and theoretical slope through the mean of each group's points: two ends each."""
    known = slopes.set_index(["group", "ion"])
    lines = []
    for (group, ion), part in points.groupby(["group", "ion"]):
        x = part["activity_mM"].map(math.log10)
        for kind, column in (("fitted", "slope_mV_per_decade"), ("Nernst", "theoretical_mV_per_decade")):
            slope = float(known.loc[(group, ion), column])
            if math.isnan(slope):
                continue
            for end in (float(x.min()), float(x.max())):
                potential = float(part["corrected_mV"].mean()) + slope * (end - float(x.mean()))
                line = {"ion": ion, "kind": kind, "line": f"{kind} {group}", "activity_mM": 10**end}
                lines.append(line | {"corrected_mV": potential})
    return pd.DataFrame(lines)


# 5 What each correction did


def _corrections(results: Results) -> Iterator[Block]:
    rows = results.corrections
    if len(rows) == 0:
        yield Text("There is nothing to correct: no row is a reversal that the configured model can predict.")
        return
    yield Text(
        "The same measurements, fitted again after each correction, each on top of the last: first the raw "
        "potentials with concentrations in place of activities and no offsets, then corrected for leak, for series "
        "resistance, for junction potentials, then with activities, at last with an electrode offset for each cell."
    )
    drawn = rows[rows[["ratio", "low", "high"]].notna().any(axis=1)]
    if len(drawn):
        caption = (
            f"Ratio relative to {results.fit['reference_ion']} after each correction with its {results.confidence} "
            "interval (logarithmic axis, one scale per ion)."
        )
        if drawn["ratio"].isna().any():
            caption += " Triangles are one-sided bounds."
        if results.truth:
            caption += " Black line: the true ratio of the simulation."
        yield _picture(kinds.ladder(drawn, results.truth, results.fit["permeant"]), caption)
    for name in results.groups:
        yield from _heads(results, name)
        part = rows[rows["group"] == name]
        if len(part):
            yield _ladder_grid(results, part)
        yield _shift_grid(results.found[results.found["group"] == name])


def _ladder_grid(results: Results, rows: pd.DataFrame) -> Grid:
    values = {
        (row["step"], row["ion"]): estimate(row["ratio"], row["low"], row["high"]) for row in rows.to_dict("records")
    }
    ions = [ion for ion in results.fit["permeant"] if ion in set(rows["ion"])]
    columns = {"correction": list(STEPS.values())}
    for ion in ions:
        title = f"{ion} / {results.fit['reference_ion']}"
        columns[title] = [_both(values.get((step, ion), Estimate(MISSING, MISSING))) for step in STEPS]
    return _grid(columns, ["correction"], f"Ratio and {results.confidence} interval after each correction.")


def _both(written: Estimate) -> str:
    return " ".join(part for part in (written.ratio, written.interval) if part != MISSING) or MISSING


def _shift_grid(rows: pd.DataFrame) -> Grid:
    parts = ["raw_mV", "leak_shift_mV", "rs_shift_mV", "junction_mV", "corrected_mV"]
    titles = ["raw", "leak", "series resistance", "junction", "corrected"]
    medians = rows.groupby("bath")[parts].median()
    columns = {"bath": [str(bath) for bath in medians.index], "n": [str(n) for n in rows.groupby("bath").size()]}
    for part, title in zip(parts, titles, strict=True):
        columns[title] = [fixed(value, 2, sign=True) for value in medians[part]]
    caption = (
        "Medians per bath, mV: the raw potential (signs of the amplifier), what was added to it, the corrected one."
    )
    return _grid(columns, ["bath"], f"{caption} A dash: this correction was not applied.")


# 6 Where the uncertainty comes from


def _errors(results: Results) -> Iterator[Block]:
    rows = results.error_budget
    if len(rows) == 0:
        yield Text("No ratio is an estimate, and so there is no standard error to split.")
        return
    yield Text(
        "The variance of each ln ratio, split by what it comes from. Noise, differences of cells and electrode offsets "
        "shrink with further cells; what all cells share (mobilities and the way junctions are calculated, "
        "temperature, concentrations) does not."
    )
    yield _picture(
        kinds.shares(rows, results.fit["permeant"]),
        "Shares of the variance of ln P(ion)/P(reference). Blue and green: what differs from cell to cell; the other "
        "colours: what all cells share.",
    )
    largest = rows.loc[rows.groupby(["group", "ion"])["variance_share"].idxmax()]
    for name in results.groups:
        part = _in_order(results, largest[largest["group"] == name])
        if part:
            yield from _heads(results, name)
            yield Text(_better_first(results, rows[rows["group"] == name]))
            yield Listing(tuple(_capital(f"{kinds.SHARES[row['source']][0]}: {row['sentence']}.") for row in part))


def _better_first(results: Results, rows: pd.DataFrame) -> str:
    """What to measure better first in one group, in words; what follows is the largest source of each ratio."""
    columns = ["ion", "source", "variance_share", "se_ln", "sentence"]
    lines = rows[columns].itertuples(index=False)
    source, share = largest_source(
        [VarianceShare(ion, ErrorSource(source), *numbers) for ion, source, *numbers in lines]
    )
    ions = [ion for ion in results.fit["permeant"] if ion in set(rows["ion"])]
    mean = " (on average over the ratios)" if len(ions) > 1 else ""
    return (
        f"{100 * share:.0f} % of the variance{mean} comes from {kinds.SHARES[source][0]}. What would help most: "
        f"{source.remedy.format(ion=_listed(ions))}. The largest source of each ratio:"
    )


# 7 Models side by side


def _models(results: Results) -> Iterator[Block]:
    if len(results.models) == 0:
        yield Text("There is no model to compare: no row is a reversal.")
        return
    yield Text(
        f"The ghk models let {_listed(results.fit['permeant'])} pass and differ in how activities are calculated; "
        "nernst:X lets X pass alone, which has no finite potential where X is on one side only; -X leaves out X, which "
        "may not pass, and +pipette fits a factor on the pipette's activities. AICc is Akaike's criterion with the "
        "correction for small samples (Hurvich & Tsai 1989); a difference of 10 or more is strong evidence against the "
        "larger."
    )
    for name in results.groups:
        yield from _heads(results, name)
        rows = results.models[results.models["group"] == name]
        n = int((results.of_model(results.residuals)["group"] == name).sum())
        yield Text(" ".join(_comparison(results, rows, n)))
        yield _model_grid(results, rows[rows["n_data"] == n].sort_values("aicc", kind="stable"))
        yield from _by_model(results, name, rows)


def _model_grid(results: Results, rows: pd.DataFrame) -> Grid:
    """Models that predict every measurement, the likeliest first."""
    columns = {
        "model": [f"{name} *" if name == results.model else name for name in rows["model"]],
        "k": [fixed(value, 0) for value in rows["n_parameters"]],
        "χ²": [_criterion(value) for value in rows["chi_square"]],
        "ln L": [_criterion(value) for value in rows["log_likelihood"]],
        "AICc": [_criterion(value) for value in rows["aicc"]],
        "Δ AICc": [_criterion(value) for value in rows["delta_aicc"]],
        "what the data say": _once(list(rows["sentence"])),
    }
    caption = "k: fitted parameters; L: likelihood. An asterisk marks the configured model."
    return _grid(columns, ["model", "what the data say"], caption)


def _comparison(results: Results, rows: pd.DataFrame, n: int) -> Iterator[str]:
    """What the data say of the configured model, and what cannot be compared."""
    ranked, own = rows[rows["aicc"].notna()], rows[rows["model"] == results.model].iloc[0]
    if len(ranked) == 1:
        yield f"{ranked['model'].iloc[0]} alone has an AICc."
    elif math.isnan(own["aicc"]):
        yield f"The configured {own['model']} has {own['sentence']}."
    elif own["delta_aicc"] == 0:
        yield f"No other model that predicts all {n} measurements has a lower AICc than the configured {own['model']}."
    else:
        higher = rough(own["delta_aicc"], 2)
        yield f"The configured {own['model']} has an AICc higher by {higher} than the lowest: {own['sentence']}."
    partial = rows[rows["n_data"] < n]
    if len(partial):
        none = list(partial[partial["n_data"] == 0]["model"])
        few = [f"{row.model} (only {row.n_data:.0f} of {n})" for row in partial.itertuples() if row.n_data > 0]
        each = [f"{_listed(none)}, which {'predicts' if len(none) == 1 else 'predict'} no measurement"] if none else []
        yield f"Not comparable: {'; '.join(each + few)}."


def _by_model(results: Results, group: str, models: pd.DataFrame) -> Iterator[Block]:
    """The ratios under every model, so that a reader sees what hangs on the choice."""
    rows = results.permeabilities[results.permeabilities["group"] == group]
    names = [name for name in models.sort_values("aicc", kind="stable")["model"] if name in set(rows["model"])]
    if len(names) < 2:
        return
    told = {
        (row["model"], row["ion"]): estimate(row["ratio"], row["low"], row["high"]) for row in rows.to_dict("records")
    }
    ions = [ion for ion in results.fit["permeant"] if ion in set(rows["ion"])]
    columns = {"model": names}
    for ion in ions:
        columns[f"{ion} / {results.fit['reference_ion']}"] = [
            _brief(told.get((name, ion), Estimate(MISSING, MISSING))) for name in names
        ]
    yield _grid(columns, ["model"], "Ratios under each model; permeabilities.csv has their intervals.")


def _brief(written: Estimate) -> str:
    """A ratio without its interval; a bound where there is no ratio."""
    return written.interval if written.ratio == MISSING else written.ratio


def _criterion(value: float) -> str:
    return rough(value, 4) if abs(value) >= 1e5 else fixed(value, 1)


# 8 Every measurement


def _measurements(results: Results) -> Iterator[Block]:
    rows = results.reversals.assign(called=_called(results, results.reversals))
    rows = rows.sort_values(["group", "cell", "measurement"], kind="stable")
    if results.elsewhere:
        yield Text(
            "The potentials were measured elsewhere and taken as they are given: there are no recordings to show, and "
            "no current-voltage curves."
        )
    elif len(results.iv) == 0:
        yield Text("No recording gave a current-voltage curve.")
    else:
        yield Text(
            "Left: current against time of some sweeps (the band holds the lowest and the highest sample; capacity "
            "transients are cut off at the frame), with the window in which the current was measured in grey. Right: "
            "that current against the voltage, in the same colours; bars: 95 % interval of the noise; red: the "
            "reversal potential on the pipette's command, before the junction potential."
        )
    measured = rows[rows["measurement"].isin(set(results.iv["measurement"]))]
    traced = set(measured["measurement"].head(MAX_TRACED))
    if len(measured) > MAX_TRACED:
        yield Text(
            f"Traces are shown for the first {MAX_TRACED} of the {len(measured)} measurements, to keep this file "
            "small; current-voltage curves are shown for all.",
            "note",
        )
    traces = results.traces[results.traces["measurement"].isin(traced)]
    number = 0
    for place, ((_, _), part) in enumerate(rows.groupby(["group", "cell"], sort=True)):
        blocks: list[Block] = []
        curves = part[part["measurement"].isin(set(measured["measurement"]))]
        for start in range(0, len(curves), MAX_ROWS_PER_FIGURE):
            number += 1
            blocks.append(
                _measurement_figure(results, number, curves.iloc[start : start + MAX_ROWS_PER_FIGURE], traces)
            )
        blocks += _potentials(results, part)
        n = int((part["verdict"] == "reversal").sum())
        title = (
            f"Cell {part['called'].iloc[0]}: {_count(n, 'reversal potential')} from {_count(len(part), 'measurement')}"
        )
        yield Fold(title, tuple(blocks), is_open=place == 0)
    yield from _noise(results)


def _noise(results: Results) -> Iterator[Block]:
    """Noise of each recording beside the least that its slope conductance allows."""
    rows = results.thermodynamics.drop_duplicates("measurement").merge(
        results.reversals[["measurement", "cell", "group", "slope_nS"]], on="measurement"
    )
    rows = rows[rows["noise_ratio"].notna()]
    if len(rows) == 0:
        return
    ratios = rows["noise_ratio"]
    yield Heading("Noise")
    yield Text(
        "The noise of the current, its standard deviation within the window, beside the thermal noise of the slope "
        "conductance G at the reversal potential, \N{SQUARE ROOT}(4kTGB) over the band B that the file tells. The "
        "thermal noise is a lower bound, not what is to be expected: access resistance with membrane capacity, "
        "amplifier, seal and gating channels add to it. Measured over bound: median "
        f"{rough(ratios.median(), 2)}, {rough(ratios.min(), 2)} to {rough(ratios.max(), 2)}."
    )
    quiet = rows[ratios < 1]
    if len(quiet):
        yield Text(
            f"Quieter than the bound: {_listed(quiet['measurement'])}. The band must have been narrower than the file "
            "tells, or the sweeps are averages.",
            "warning",
        )
    columns = {
        "measurement": list(rows["measurement"]),
        "cell": list(_called(results, rows)),
        "noise, pA": [rough(value) for value in rows["noise_pA"]],
        "slope, nS": [rough(value) for value in rows["slope_nS"]],
        "band, Hz": [_given(value) for value in rows["bandwidth_Hz"]],
        "band from": [_BANDS[name] for name in rows["bandwidth_source"]],
        "thermal bound, pA": [rough(value) for value in rows["thermal_noise_pA"]],
        "noise / bound": [rough(value, 2) for value in ratios],
    }
    yield Fold(f"Noise of {_count(len(rows), 'measurement')}", (_grid(columns, ["measurement", "cell", "band from"]),))


_BANDS: Mapping[str, str] = {
    "telegraph": "filter told by the amplifier",
    "header": "filter entered in the header",
    "software": "filter applied afterwards",
    "nyquist": "half the sampling rate",
}


def _measurement_figure(results: Results, number: int, rows: pd.DataFrame, traces: pd.DataFrame) -> Picture:
    names = set(rows["measurement"])
    figure = kinds.measurements(
        f"measurements_{number:03d}",
        rows,
        results.iv[results.iv["measurement"].isin(names)],
        traces[traces["measurement"].isin(names)],
    )
    return _picture(figure, "")


def _potentials(results: Results, rows: pd.DataFrame) -> Iterator[Block]:
    records = rows.to_dict("records")
    halves = [(row["high_mV"] - row["low_mV"]) / 2 for row in records]
    decimals = [max(1, decimals_for(half, 3)) for half in halves]
    pairs = list(zip(records, decimals, strict=True))
    columns = {
        "measurement": [row["measurement"] for row in records],
        "bath": [row["bath"] for row in records],
    }
    if (rows["verdict"] != "reversal").any():
        columns["verdict"] = [VERDICTS[row["verdict"]] for row in records]
    averages = _averages(results, rows)
    if (averages > 1).any():
        columns["n cells"] = [fixed(value, 0) for value in averages]
    for name, title in _POTENTIALS.items():
        columns[title] = [fixed(row[name], d, sign=True) for row, d in pairs]
    columns["SE"] = [rough(row["se_mV"], 2) for row in records]
    columns["95 % interval"] = [_potential_interval(row, d) for row, d in pairs]
    columns["slope, nS"] = [rough(row["slope_nS"]) for row in records]
    columns["flags"] = [_flag_values(row["flags"]) for row in records]
    yield _grid(columns, ["measurement", "bath", "verdict", "flags"], _POTENTIALS_CAPTION)
    names = dict.fromkeys(part.split("=")[0] for row in records for part in row["flags"].split(";") if part)
    if names:
        yield Listing(tuple(f"{name}: {tables.FLAGS.get(name, 'not explained')}" for name in names))


_POTENTIALS = {
    "raw_mV": "raw",
    "leak_shift_mV": "leak",
    "rs_shift_mV": "series R",
    "junction_mV": "junction",
    "corrected_mV": "corrected",
}
_POTENTIALS_CAPTION = (
    "Potentials in mV. corrected = raw + leak + series R + junction (for inside-out the first three change their "
    "sign); SE and interval are those of the corrected potential, without the errors that all cells share."
)


def _potential_interval(row: Mapping[Any, Any], decimals: int) -> str:
    low, high = row["low_mV"], row["high_mV"]
    if math.isnan(low) and math.isnan(high):
        return MISSING
    if math.isnan(high):
        return f"> {fixed(low, 1)}"
    if math.isnan(low):
        return f"< {fixed(high, 1)}"
    return f"[{fixed(low, decimals)}, {fixed(high, decimals)}]"


def _flag_values(flags: str) -> str:
    return ", ".join(part.removesuffix("=true").replace("=", "\u00a0") for part in flags.split(";") if part) or MISSING


# 9 Refused


def _refused(results: Results) -> Iterator[Block]:
    rows = results.reversals[results.reversals["verdict"] != "reversal"]
    if len(rows) == 0:
        gave = "holds" if results.elsewhere else "of recordings gave"
        yield Text(f"None: every row of the table {gave} a reversal potential.")
        return
    limits = _limits(results)
    enters = f"{_count(limits, 'bound')} of them" if limits else "None of them"
    enters += f" enter{'s' * (limits < 2)} the fit."
    yield Text(f"{_count(len(rows), 'row')} of {len(results.reversals)} without a reversal potential. {enters}")
    records = rows.to_dict("records")
    columns = {
        "measurement": [row["measurement"] for row in records],
        "cell": list(_called(results, rows)),
        "bath": [row["bath"] for row in records],
        "verdict": [VERDICTS[row["verdict"]] for row in records],
    }
    bounds, caption = [_potential_interval(row, 1) for row in records], ""
    if any(bound != MISSING for bound in bounds):
        columns["bound, mV"] = bounds
        caption = (
            "A bound: the corrected reversal potential lies above (>) or below (<) it, beyond the last level "
            "of the recording."
        )
    columns["reason"] = [row["reason"] for row in records]
    yield _grid(columns, ["measurement", "cell", "bath", "verdict", "reason"], caption)


# 10 Junction potentials


def _junctions(results: Results) -> Iterator[Block]:
    rows, config = results.junctions, results.manifest["config"]["junction"]
    if len(rows) == 0:
        yield Text(f"No junction potential was corrected (junction.method: {config['method']}).")
        return
    yield Text(
        "What was added to the membrane potential because of liquid junctions, in mV, per bath, with every term and "
        "its sign. Junction potentials are V(bath) \N{MINUS SIGN} V(pipette)."
    )
    differences = (rows["nernst_planck_mV"] - rows["henderson_mV"]).abs()
    if differences.notna().any():
        yield Text(
            "junctions.csv holds both ways to calculate them, Henderson's mixture and the stationary state of Nernst "
            f"and Planck; in no term do they differ by more than {fixed(float(differences.max()), 2)} mV. That "
            "difference, and that of activities from concentrations, count among the errors that all cells share."
        )
    keys = [key for key in _CONDITION if key in rows.columns]
    for key, part in rows.groupby(keys, sort=True):
        named = dict(zip(keys, key, strict=True))
        zeroed = f", zeroed in {named['zeroed_in']}" if "zeroed_in" in named else ""
        yield Text(
            Markup("<strong>{}</strong> against {} ({}, {:g} °C{}): {} mV in all.").format(
                named["bath"],
                named["pipette"] or "an unknown inside",
                named["configuration"],
                named["temperature_C"],
                zeroed,
                fixed(float(part["applied_mV"].sum()), 2, sign=True),
            )
        )
        yield Listing(tuple(f"{row.term}: {row.statement}" for row in part.itertuples()))


_CONDITION = ("bath", "pipette", "configuration", "temperature_C", "zeroed_in")


# 11 Solutions


def _solutions(results: Results) -> Iterator[Block]:
    rows, config = results.solutions, results.manifest["config"]
    if len(rows) == 0:
        yield Text("No solution holds an ion.")
        return
    model, source = ACTIVITIES[config["activity"]["model"]]
    origin = f"Activity coefficients come from {model} ({source})" if source else "Every activity coefficient is 1"
    yield Text(
        f"{origin} (activity.model: {_named(config['activity'])}). Activity = coefficient \N{MULTIPLICATION SIGN} "
        "concentration. Osmolarity is the plain sum of all dissolved particles, without osmotic coefficients."
    )
    whole = _per_solution(rows)
    yield from _solution_warnings(rows)
    columns = {"solution": list(whole["solution"])}
    many = rows["temperature_C"].nunique() > 1
    if many:
        columns["T, °C"] = [f"{value:g}" for value in whole["temperature_C"]]
    if rows["pH"].notna().any():
        columns["pH"] = [fixed(value, 2) for value in whole["pH"]]
        columns["titrant, mM"] = [fixed(value, 2) for value in whole["titrant_mM"]]
    columns["ionic strength, mol/l"] = [fixed(value, 4) for value in whole["ionic_strength_M"]]
    columns["charge excess, meq/l"] = [fixed(value, 2, sign=True) for value in whole["charge_excess_meq_per_l"]]
    columns["of the cation charge, %"] = [fixed(value, 1, sign=True) for value in whole["percent"]]
    columns["osmolarity, mOsm/l"] = [fixed(value, 0) for value in whole["osmolarity_mOsm_per_l"]]
    yield _grid(columns, ["solution"])
    passing = rows["ion"].isin(results.fit["permeant"])
    shown = rows[(rows["concentration_mM"] >= _TRACE_MM) | passing]
    records = shown.to_dict("records")
    columns = {"solution": _once([row["solution"] for row in records])}
    if many:
        columns["T, °C"] = [f"{row['temperature_C']:g}" for row in records]
    columns |= {
        "ion": [row["ion"] for row in records],
        "valence": [fixed(row["valence"], 0, sign=True) for row in records],
        **({"put in, mM": [_given(row["total_mM"]) for row in records]} if rows["pH"].notna().any() else {}),
        "concentration, mM": [_free(row) for row in records],
        "activity coefficient": [fixed(row["activity_coefficient"], 3) for row in records],
        "activity, mM": [rough(row["activity_mM"], 4) for row in records],
        "status": [row["status"] for row in records],
    }
    traces = "" if len(shown) == len(rows) else f" Traces below {1000 * _TRACE_MM:g} µM are in solutions.csv."
    yield _grid(columns, ["solution", "ion", "status"], f"Ions of each solution, free, beside what was put in.{traces}")
    yield from _assumed(rows)


def _once(names: Sequence[str]) -> list[str]:
    """Leave out a name that stands in the row above."""
    return [name if i == 0 or names[i - 1] != name else "" for i, name in enumerate(names)]


def _free(row: Mapping[str, Any]) -> str:
    """A free concentration: as it was put in where nothing happened to it, else of four digits."""
    same = row["concentration_mM"] == row["total_mM"] and math.isnan(row["titrant_mM"])
    return _given(row["concentration_mM"]) if same or math.isnan(row["pH"]) else rough(row["concentration_mM"], 4)


def _per_solution(rows: pd.DataFrame) -> pd.DataFrame:
    charge = rows["valence"] * rows["concentration_mM"]
    parts = rows.assign(cations=charge.clip(lower=0)).groupby(["solution", "temperature_C"], as_index=False)
    first = ("pH", "titrant_mM", "ionic_strength_M", "charge_excess_meq_per_l", "osmolarity_mOsm_per_l")
    whole = parts.agg(dict.fromkeys(first, "first") | {"cations": "sum"})
    percent = (100 * whole["charge_excess_meq_per_l"] / whole["cations"]).where(whole["cations"] > 0)
    return whole.assign(percent=percent)


def _solution_warnings(rows: pd.DataFrame) -> Iterator[Text]:
    """What is remarkable about a solution, said once where it holds at every temperature."""
    once = rows.drop_duplicates(["solution", "warnings"])
    for row in once[once["warnings"] != ""].itertuples():
        yield Text(f"{row.solution}: {row.warnings}.", "warning")


def _assumed(rows: pd.DataFrame) -> Iterator[Block]:
    """Parameters of the activity model that nobody measured, and what stands in for them."""
    solutions = rows.groupby("solution")["assumptions"].first()
    each = [f"{name}: {text}" for name, text in solutions.items() if text]
    if each:
        yield Fold("What stands in for parameters of Pitzer's model that were never measured", (Listing(tuple(each)),))


# 12 Methods in words


def _methods(results: Results) -> Iterator[Block]:
    yield Text(" ".join(_methods_text(results)))
    yield Heading("References")
    yield Listing(tuple(_references(results)))
    yield Heading("Flags")
    yield _grid(
        {"flag": list(tables.FLAGS), "meaning and unit": list(tables.FLAGS.values())}, ["flag", "meaning and unit"]
    )
    yield Heading("How this report was made")
    config = yaml.safe_dump(results.manifest["config"], sort_keys=False, allow_unicode=True, default_flow_style=False)
    yield Fold("Effective configuration", (Code(config),))
    versions = results.manifest["versions"]
    yield Fold(
        "Versions", (_grid({"program": list(versions), "version": list(versions.values())}, ["program", "version"]),)
    )
    # Not the digests themselves: a table whose rows were put in another order leaves this page as it was.
    yield Text(
        f"The SHA-256 of every one of the {len(results.manifest['inputs'])} input files, with the same versions and "
        "configuration, is in results/manifest.json."
    )


def _methods_text(results: Results) -> Iterator[str]:
    config = results.manifest["config"]
    fit, level = config["fit"], results.confidence
    concentration, warmth = (config["uncertainty"][key] for key in ("concentration_percent", "temperature_C"))
    temperatures = sorted(set(results.reversals["temperature_C"]))
    used = [CONFIGURATIONS[kind] for kind in CONFIGURATIONS if kind in set(results.reversals["configuration"])]
    setting = f"in {_listed(used)} at {_listed(f'{value:g}' for value in temperatures)} °C"
    if results.elsewhere:
        yield (
            f"Reversal potentials that had been measured elsewhere {setting} were taken as given, on the pipette's "
            "command and with their standard errors."
        )
        if (_averages(results, results.reversals) > 1).any():
            yield "The standard error of a mean of several cells has one degree of freedom less than cells."
    else:
        yield from _measuring_method(config["measure"], setting)
    yield _junction_method(config["junction"])
    if config["junction"]["already_corrected_mV"]:
        already = _given(config["junction"]["already_corrected_mV"])
        yield f"{already} mV that the amplifier had subtracted were put back first."
    yield _activity_method(config["activity"])
    yield (
        "Permeability ratios were fitted to all reversal potentials of a group together by the Goldman-Hodgkin-Katz "
        f"equation for ions of any valence, with {_listed(fit['permeant'])} permeant and {fit['reference_ion']} as the "
        "reference (Goldman 1943; Hodgkin & Katz 1949; Hille 2001)."
    )
    if results.multivalent:
        yield f"Ratios with {_listed(results.multivalent)} are those of the {GHK_FORM}."
    yield _offset_method(float(fit["offset_sd_mV"]))
    if fit["robust"]:
        yield (
            "A measurement counted as a gross error, its deviation ten times wider, with a prior chance of 5 % (a "
            "contaminated normal; Little 1988)."
        )
    if _limits(results):
        yield (
            "Potentials beyond the range of the levels entered as limits, by expectation propagation (Cunningham et "
            "al. 2011)."
        )
    yield (
        f"Intervals are at {level} with Student's t; the errors of concentrations ({concentration:g} %), "
        f"of ionic mobilities, of the temperature ({warmth:g} °C), and what the other method and the other basis would "
        "make of the junctions, which all cells share, were carried through every step and added. Where the "
        "likelihood does not fall on both sides, a one-sided limit of the profile likelihood or no ratio is given. n "
        "is the number of cells."
    )
    if results.comparisons["p"].notna().any():
        yield (
            "Groups were compared by the difference of their log ratios with combined standard errors (Welch 1947), p "
            "values corrected for their number (Holm 1979)."
        )
    if len(results.tests):
        hausman = "; Hausman 1978" if _has_shift_method(results) else ""
        yield (
            "Whether the equation holds was tested by further effects on the potentials in the same mixed model, "
            f"linear at each cell's own log permeabilities (Lindstrom & Bates 1990{hausman})."
        )
    yield "Models were compared by Akaike's criterion (Hurvich & Tsai 1989; Burnham & Anderson 2002)."


def _has_shift_method(results: Results) -> bool:
    """Whether ratios from shifts of potential alone were held against those fitted."""
    tests = results.tests
    return bool(tests[tests["test"] == "shift_method"]["p"].notna().any())


_LEAKS = {
    "linear": "A straight leak, found below activation, was subtracted.",
    "background": "The current of a background recording was subtracted, each on its own corrected voltage.",
}


def _measuring_method(measure: Mapping[str, Any], setting: str) -> Iterator[str]:
    window = (
        f"from {measure['from_ms']:g} to {measure['to_ms']:g} ms of the epoch"
        if measure["from_ms"] is not None
        else f"from {100 * measure['from_fraction']:g} to {100 * measure['to_fraction']:g} % of a step, all of a ramp"
    )
    yield (
        f"Currents were recorded {setting}. The current of each level, a step or a short piece of a ramp, is its "
        f"{measure['statistic']} over a window (unless a row of the table says otherwise, {window}); its standard "
        "error takes the autocorrelation of the noise into account."
    )
    if measure["leak"] != "none":
        yield _LEAKS.get(measure["leak"], "The leak measured in another epoch of each sweep was subtracted.")
    estimator = registry.get(measure["estimator"])
    cited = f" ({estimator.citation})" if estimator.citation else ""
    yield (
        f"The reversal potential is {estimator.sentence}{cited}; between the two levels next to it that differ "
        "from zero at the 99 % level the current changes its sign. Its error holds the noise, what the current may do "
        "between levels, and the spread between repeats. Potentials whose 95 % interval was wider than "
        f"{measure['max_interval_mV']:g} mV were not used. What charges the membrane was taken off ramps where the "
        "ramp back, the table or the amplifier told the capacity."
    )
    yield (
        "Where the series resistance was given, each voltage was corrected for the drop across its uncompensated part, "
        "by the total current."
    )


def _junction_method(junction: Mapping[str, Any]) -> str:
    if junction["method"] == "none" and not junction["measured_mV"]:
        return "Liquid junction potentials were not corrected."
    if junction["method"] == "none":
        return "Measured liquid junction potentials were subtracted where given."
    ways = {
        "henderson": ("by Henderson's equation", "Henderson 1907"),
        "nernst-planck": (
            "for the stationary state of Nernst and Planck's equations",
            "Planck 1890; Marino et al. 2014",
        ),
    }
    way, source = ways[junction["method"]]
    basis = "activities" if junction["basis"] == "activity" else "concentrations"
    said = (
        f"Liquid junction potentials were calculated {way} from {basis} and limiting mobilities and subtracted "
        f"({source}; Barry & Lynch 1991; Neher 1992)"
    )
    reference = junction["reference"] or {}
    names = {
        "salt-bridge": f"through a salt bridge ({reference.get('solution')})",
        "pellet": "by a bare Ag/AgCl pellet in the bath",
        "none": "in a compartment that did not change",
    }
    zeroed = "anew in each bath" if junction["zeroed_in"] == "same" else f"in {junction['zeroed_in']}"
    kind = names.get(reference.get("type", ""), "")
    given = " Measured junction potentials replaced the calculated ones where given." if junction["measured_mV"] else ""
    return f"{said}; the electrode offset was zeroed {zeroed}, the bath was grounded {kind}.{given}"


def _activity_method(activity: Mapping[str, str]) -> str:
    if activity["model"] == "concentration":
        return "Concentrations were used in place of activities."
    name, source = ACTIVITIES[activity["model"]]
    return f"Activities were calculated by {name} ({source.split(',')[0]}; {_named(activity)})."


def _named(activity: Mapping[str, str]) -> str:
    """Model of the activities, with its convention where it has one."""
    pitzer = activity["model"] == "pitzer"
    return f"pitzer, convention: {activity['convention']}" if pitzer else activity["model"]


def _offset_method(offset_sd_mV: float) -> str:
    if offset_sd_mV == 0:
        offsets = "no electrode offset of the cells"
    elif math.isinf(offset_sd_mV):
        offsets = "a free electrode offset in each cell"
    else:
        offsets = "an electrode offset of each cell"
    return (
        "The cell is the replicate: a mixed model gives each cell its own deviation of every log permeability and "
        f"{offsets}; their spreads were found by restricted maximum likelihood (Patterson & Thompson 1971; Lindstrom & "
        "Bates 1990)."
    )


def _references(results: Results) -> Iterator[str]:
    config = results.manifest["config"]
    source = ACTIVITIES[config["activity"]["model"]][1]
    found = [
        "Burnham & Anderson 2002, Model Selection and Multimodel Inference, 2nd edition, Springer",
        "Goldman 1943, J Gen Physiol 27:37",
        "Hille 2001, Ion Channels of Excitable Membranes, 3rd edition, Sinauer, chapter 14",
        "Hodgkin & Katz 1949, J Physiol 108:37",
        "Hurvich & Tsai 1989, Biometrika 76:297",
        "Lindstrom & Bates 1990, Biometrics 46:673",
        "Patterson & Thompson 1971, Biometrika 58:545",
    ]
    if config["junction"]["method"] != "none":
        found += ["Barry & Lynch 1991, J Membr Biol 121:101", "Neher 1992, Methods Enzymol 207:123"]
    if config["junction"]["method"] == "henderson":
        found.append("Henderson 1907, Z phys Chem 59:118")
    if config["junction"]["method"] == "nernst-planck":
        found += ["Marino et al. 2014, Bioelectrochemistry 98:1", "Planck 1890, Ann Phys 276:561"]
    if config["fit"]["robust"]:
        found.append("Little 1988, Appl Stat 37:23")
    if results.comparisons["p"].notna().any():
        found += ["Holm 1979, Scand J Stat 6:65", "Welch 1947, Biometrika 34:28"]
    if _has_shift_method(results):
        found.append("Hausman 1978, Econometrica 46:1251")
    if _limits(results):
        found.append("Cunningham, Hennig & Lacoste-Julien 2011, arXiv:1111.6832")
    if config["recordings"] is not None:
        estimator = registry.get(config["measure"]["estimator"])
        found += [estimator.reference] if estimator.reference else []
    yield from sorted([*found, source] if source else found)


_SECTIONS = (
    ("ratios", "Permeability ratios", _ratios),
    ("predicted", "Measured against predicted", _predictions),
    ("valid", "Is the equation valid here?", _validity),
    ("nernst", "Against Nernst", _nernst),
    ("corrections", "What each correction did", _corrections),
    ("errors", "Where the uncertainty comes from", _errors),
    ("models", "Models side by side", _models),
    ("measurements", "Every measurement", _measurements),
    ("refused", "Refused", _refused),
    ("junctions", "Junction potentials", _junctions),
    ("solutions", "Solutions", _solutions),
    ("methods", "Methods in words", _methods),
)
