"""Summary at the head of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nernstfit.contract.terms import ActivityModel, PotentialVerdict, RatioVerdict, ValidityTest
from nernstfit.report import outline
from nernstfit.report.numbers import MISSING, estimate, typeset
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections import group_differences
from nernstfit.report.sections.ghk_form import GHK_FORM
from nernstfit.report.wording import counted, group_name, group_phrase, is_or_are, joined

# Most baths that the summary names: more make a sentence that nobody reads to its end, half as many hide the baths of
# an ordinary experiment.
_MAX_BATHS_NAMED = 8
_PROSE = Prose("summary")


def sentences(results: Results) -> Iterator[str]:
    """Yield the sentences of the summary: the data, then the findings."""
    yield from _data(results)
    if results.model:
        yield from _findings(results)


def _data(results: Results) -> Iterator[str]:
    """Yield the numbers of measurements, cells and baths, and of reversal potentials among them."""
    rows, found, config = results.reversals, results.found, results.config
    baths = sorted(set(rows["bath"]))
    named = f" ({joined(baths)})" if len(baths) <= _MAX_BATHS_NAMED else ""
    where = f"in {counted(_cells(results), 'cell')} and {counted(len(baths), 'bath')}{named}"
    imported = results.has_imported_potentials
    if results.simulated:
        yield _PROSE("simulated", data="potentials" if imported else "recordings")
    if imported:
        yield f"{config['reversals']} gives {counted(len(rows), 'reversal potential')} measured elsewhere {where}."
        excluded = len(rows) - len(found)
        if excluded:
            yield f"{excluded} of them {is_or_are(excluded)} excluded ({outline.number_of('refused')})."
        return
    yield f"{config['recordings']} lists {counted(len(rows), 'measurement')} {where}."
    yield _outcome(results)


def _outcome(results: Results) -> str:
    """Return the sentence on the measurements with and without a reversal potential."""
    rows, found, place = results.reversals, results.found, outline.number_of("refused")
    if len(found) == 0:
        return f"{'It' if len(rows) == 1 else 'None of them'} gave no reversal potential (reasons: {place})."
    if len(found) == len(rows):
        return f"{'It' if len(rows) == 1 else 'All of them'} gave a reversal potential."
    counts = rows["verdict"].value_counts()
    others = joined(
        f"{counts[verdict]} {verdict.label}"
        for verdict in PotentialVerdict
        if verdict is not PotentialVerdict.REVERSAL and verdict in counts
    )
    return f"{len(found)} of them gave a reversal potential; the others did not ({others}; {place})."


def _cells(results: Results) -> int:
    """Return the number of cells behind all rows; a row that averages cells counts each of them."""
    rows = results.reversals.assign(averages=results.cells_averaged(results.reversals))
    return int(rows.groupby(["group", "cell"])["averages"].max().sum())


def _findings(results: Results) -> Iterator[str]:
    """Yield the model, the permeability ratios, the differences between groups and a rejected equation."""
    activity_model = ActivityModel(results.config["activity"]["model"]).label
    reference = results.fit["reference_ion"]
    yield _PROSE("configured_model", model=results.model, activity_model=activity_model, reference=reference)
    yield from _not_fitted(results)
    if results.multivalent:
        place = outline.number_of("ratios")
        yield _PROSE("multivalent", ions=joined(results.multivalent), form=GHK_FORM, place=place)
    configured = results.of_model("permeabilities")
    for name in results.groups:
        ratios = [_ratio(row) for row in results.in_ion_order(configured[configured["group"] == name])]
        where = f" ({group_phrase(name)})" if len(results.groups) > 1 or name else ""
        if ratios:
            yield f"Permeability ratios with {results.confidence} intervals{where}: {'; '.join(ratios)}."
    significant = results.significant_differences()
    if significant:
        yield f"{'; '.join(map(group_differences.difference, significant))}."
    elif results.has_comparisons():
        yield f"No difference between groups is significant ({outline.number_of('ratios')})."
    tests = results.tables["tests"]
    rejected = tests[(tests["test"] == ValidityTest.LACK_OF_FIT) & (tests["p"] < results.alpha)]
    for sentence, part in rejected.groupby("sentence", sort=False):
        where = f" in {joined(map(group_name, part['group']))}" if len(results.groups) > 1 else ""
        yield f"{typeset(sentence.removesuffix(').'))}{where}; {outline.number_of('valid')})."


def _not_fitted(results: Results) -> Iterator[str]:
    """Yield the sentence on potentials that the configured model cannot predict, where there are any."""
    rows = results.of_model("residuals")
    lost = rows[rows["predicted_mV"].isna()]
    if len(lost):
        baths = joined(f"{bath} ({n})" for bath, n in lost.groupby("bath").size().items())
        yield _PROSE("not_fitted", number=len(lost), total=len(rows), verb=is_or_are(len(lost)), baths=baths)


def _ratio(row: Mapping[Any, Any]) -> str:
    """Write one ratio with its interval, on one line."""
    name = f"{row['ion']}/{row['reference']}"
    if row["verdict"] == RatioVerdict.NOT_IDENTIFIABLE:
        return f"{name} {RatioVerdict.NOT_IDENTIFIABLE.label}"
    written = estimate(row["ratio"], row["low"], row["high"])
    parts = [part for part in (written.ratio, written.interval) if part != MISSING]
    if row["verdict"] == RatioVerdict.MODEL_REJECTED:
        parts.append(f"without a valid interval ({RatioVerdict.MODEL_REJECTED.label})")
    return " ".join([name, *parts]).replace(" ", "\u00a0")
