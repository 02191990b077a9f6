"""Section on the tests of the Goldman-Hodgkin-Katz equation against the residuals."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from nernstfit.contract.terms import ValidityTest
from nernstfit.report.blocks import Block, Fold, Listing, Text, grid
from nernstfit.report.numbers import as_given, typeset
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import counted, joined, without_repeats

_PROSE = Prose("diagnostics")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the tests of each group."""
    rows = results.tables["tests"]
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    yield Text(_PROSE("introduction"))
    for name in results.groups:
        yield from heading(results, name)
        yield from _tests(results, rows[rows["group"] == name])
    yield Text(_PROSE("selection"), "note")


def _tests(results: Results, rows: pd.DataFrame) -> Iterator[Block]:
    """Yield the tests of one group: those with a small p, the others, and those not possible."""
    ratios = results.of_model("permeabilities")
    estimated = ratios[ratios["ratio"].notna() & ratios["group"].isin(rows["group"])]["ion"]
    possible = rows[rows["p"].notna()]
    done = _by_deviation(possible, set(estimated))
    if len(done):
        yield from _outcome(results, done, len(possible))
    impossible = []
    for (test, sentence), part in rows[rows["p"].isna()].groupby(["test", "sentence"], sort=False):
        ions = f" ({joined(part['ion'])})" if part["ion"].all() else ""
        impossible.append(f"{ValidityTest(test).label.removesuffix('?')}{ions}? {sentence}")
    if impossible:
        yield Fold("Tests that are not possible with these data", (Listing(tuple(impossible)),))


def _outcome(results: Results, done: pd.DataFrame, tests: int) -> Iterator[Block]:
    """Yield the deviations that were detected, and the tests that detected none."""
    small, others = done[done["p"] < results.alpha], done[done["p"] >= results.alpha]
    number = done["deviation"].nunique()
    yield Text(
        _PROSE(
            "number_of_tests",
            tests=counted(tests, "test"),
            deviations=counted(number, "deviation"),
            number=number,
            below=small["deviation"].nunique(),
            one_in=as_given(1 / results.alpha),
            alpha=f"{results.alpha:g}",
        )
    )
    for _, part in small.groupby("deviation", sort=False):
        sentences = [typeset(sentence) for sentence in part["sentence"]]
        yield Text(sentences[0], "warning")
        if len(sentences) > 1:
            yield Text("The same deviation, as detected by other tests:")
            yield Listing(tuple(sentences[1:]))
    if len(others):
        columns = {
            "question": without_repeats([ValidityTest(test).label for test in others["test"]]),
            "answer": [typeset(sentence) for sentence in others["sentence"]],
        }
        yield grid(columns, columns, f"Tests with a p of {results.alpha:g} or more.")


def _by_deviation(rows: pd.DataFrame, estimated: Collection[str]) -> pd.DataFrame:
    """Sort tests by p and keep one of each test for each deviation; tests of equal statistic share a `deviation`.

    Of several ions the one with the smallest effect is kept; for the shift method that of the `estimated` ratios which
    changes most.
    """
    deviation = [f"{row.statistic:.6g} {row.df1:.6g}" for row in rows.itertuples()]
    changed = -rows["size"].abs().where(rows["ion"].isin(estimated), 0.0)
    effect = rows["size"].abs().where(rows["test"] != ValidityTest.SHIFT_METHOD, changed)
    place = rows["test"].map(list(ValidityTest).index)
    ordered = rows.assign(deviation=deviation, place=place, effect=effect, rounded=rows["p"].round(9))
    ordered = ordered.sort_values(["rounded", "deviation", "place", "effect"], kind="stable")
    return ordered.drop_duplicates(["deviation", "test"])
