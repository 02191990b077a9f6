"""Summary at the head of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nernstfit.contract.findings import named
from nernstfit.contract.severity import Severity
from nernstfit.contract.terms import ActivityModel, RatioVerdict
from nernstfit.report import findings, outline
from nernstfit.report.findings import Qualifier
from nernstfit.report.numbers import MISSING, as_given, estimate, fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import group_differences
from nernstfit.report.sections.ghk_form import GHK_FORM
from nernstfit.report.wording import counted, group_phrase, is_or_are, joined

# Most baths that the summary names: more make a sentence that nobody reads to its end, half as many hide the baths of
# an ordinary experiment.
_MAX_BATHS_NAMED = 8
_PROSE = Prose("summary")


@dataclass(frozen=True)
class RatioLine:
    """One ratio in words, with what qualifies it."""

    text: str
    qualifiers: tuple[Qualifier, ...]


@dataclass(frozen=True)
class GroupOfRatios:
    """Ratios of one group under a title."""

    title: str
    ratios: tuple[RatioLine, ...]


@dataclass(frozen=True)
class Summary:
    """First screen of the report: the data, the ratios, what follows from them, and what qualifies them."""

    data: tuple[str, ...]
    groups: tuple[GroupOfRatios, ...]
    conclusions: tuple[str, ...]
    findings: tuple[Qualifier, ...]
    notes: str


def summary(results: Results) -> Summary:
    """Return the summary: errors first, then warnings; notes are counted only, if there are any."""
    notes = int((results.findings["severity"] == Severity.NOTE).sum())
    has_more = notes < len(results.findings)
    return Summary(
        data=tuple(_data(results)) + (tuple(_model(results)) if results.model else ()),
        groups=tuple(_ratios(results)),
        conclusions=(*_conclusions(results), *_surface_charge(results)) if results.model else (),
        findings=tuple(findings.listed(results)),
        notes=f"{'Further: ' * has_more}{counted(notes, 'note')}, {outline.number_of('findings')}." if notes else "",
    )


def _data(results: Results) -> Iterator[str]:
    """Yield the numbers of measurements, cells and baths, and of reversal potentials among them."""
    rows, found, config = results.reversals, results.found, results.config
    baths = sorted(set(rows["bath"]))
    named = f" ({joined(baths)})" if len(baths) <= _MAX_BATHS_NAMED else ""
    where = f"in {counted(results.cells_in(rows), 'cell')} and {counted(len(baths), 'bath')}{named}"
    imported = results.has_imported_potentials
    if results.simulated:
        yield _PROSE(
            "simulated", data="potentials" if imported else "curves" if results.has_imported_curves else "recordings"
        )
    if imported:
        yield f"{config['reversals']} gives {counted(len(rows), 'reversal potential')} measured elsewhere {where}."
        excluded = len(rows) - len(found)
        if excluded:
            yield f"{excluded} of them {is_or_are(excluded)} excluded ({outline.number_of('refused')})."
        return
    if results.has_imported_curves:
        yield f"{config['iv']} gives {counted(len(rows), 'I-V curve')} measured elsewhere {where}."
    else:
        yield f"{config['recordings']} lists {counted(len(rows), 'measurement')} {where}."
    yield _outcome(results)


def _outcome(results: Results) -> str:
    """Return the sentence on the measurements with and without a reversal potential."""
    rows, found, place = results.reversals, results.found, outline.number_of("refused")
    if len(found) == 0:
        return f"{'It' if len(rows) == 1 else 'None of them'} gave no reversal potential (reasons: {place})."
    if len(found) == len(rows):
        return f"{'It' if len(rows) == 1 else 'All of them'} gave a reversal potential."
    return f"{len(found)} of them gave a reversal potential; the others did not ({results.others()}; {place})."


def _model(results: Results) -> Iterator[str]:
    """Yield the sentences on the configured model."""
    model, reference = ActivityModel(results.config["activity"]["model"]), results.fit["reference_ion"]
    source = "" if model is ActivityModel.CONCENTRATION else "activities by "
    yield _PROSE("configured_model", activity_model=f"{source}{model.label}", reference=reference)
    if results.multivalent:
        place = outline.number_of("ratios")
        yield _PROSE("multivalent", ions=joined(results.multivalent), form=GHK_FORM, place=place)


def _ratios(results: Results) -> Iterator[GroupOfRatios]:
    """Yield the ratios of each group with what qualifies them."""
    configured = results.of_model("permeabilities")
    for name in results.groups:
        rows = results.in_ion_order(configured[configured["group"] == name])
        lines = tuple(
            RatioLine(_ratio(results, row), tuple(findings.beside_ratio(results.findings, row))) for row in rows
        )
        where = f" ({group_phrase(name)})" if len(results.groups) > 1 or name else ""
        if lines:
            yield GroupOfRatios(f"Permeability ratios{where}:", lines)


def _conclusions(results: Results) -> Iterator[str]:
    """Yield the differences between groups."""
    significant = results.significant_differences()
    if significant:
        yield f"{'; '.join(group_differences.difference(results, row) for row in significant)}."
    elif results.has_comparisons():
        yield f"No difference between groups is significant ({outline.number_of('ratios')})."


def _surface_charge(results: Results) -> Iterator[str]:
    """Yield the ratios that the least charge considered moves out of their intervals."""
    charged = results.tables["surface_charge"]
    charged = charged[charged["factor"].notna()]
    changes = []
    for row in results.of_model("permeabilities").to_dict("records"):
        own = charged[(charged["group"] == row["group"]) & (charged["ion"] == row["ion"])]
        own = own.sort_values("charge_density_C_per_m2", ascending=False)
        if len(own) and row["verdict"] == RatioVerdict.ESTIMATE:
            least, most = own["factor"].iloc[0], own["factor"].iloc[-1]
            if not row["low"] <= row["ratio"] * least <= row["high"]:
                name = named(row["group"], f"{row['ion']}/{row['reference']}")
                ends = [fixed(100 * (factor - 1), 0, sign=True) for factor in (least, most)]
                changes.append(f"{name} by {' to '.join(ends)} %")
    if changes:
        densities = charged["charge_density_C_per_m2"]
        charges = {"least": as_given(densities.max()), "most": as_given(densities.min())}
        yield _PROSE("surface_charge", changes=joined(changes), place=outline.number_of("single"), **charges)


def _ratio(results: Results, row: Mapping[Any, Any]) -> str:
    """Write one ratio as a paper has it: `P(K)/P(Na) = 1.13 (95 % interval 1.06 to 1.20; 8 cells)`."""
    name, cells = f"P({row['ion']})/P({row['reference']})", counted(int(row["n_cells"]), "cell")
    verdict = RatioVerdict(row["verdict"])
    if verdict is RatioVerdict.NOT_IDENTIFIABLE:
        return f"{name}: {verdict.label}"
    written = estimate(row["ratio"], row["low"], row["high"])
    if written.ratio == MISSING:
        return f"{name} {written.interval} (one-sided, {results.confidence}; {cells})"
    if verdict is RatioVerdict.MODEL_REJECTED:
        return f"{name} = {written.ratio}, without a valid interval ({verdict.label}; {cells})"
    if written.interval == MISSING:
        return f"{name} = {written.ratio} ({verdict.label}; {cells})"
    low, high = written.interval.strip("[]").split(", ")
    held = f"{verdict.label}; " if verdict is RatioVerdict.HELD else ""
    return f"{name} = {written.ratio} ({held}{results.confidence} interval {low} to {high}; {cells})"
