"""Comparison of groups, within the section on permeability ratios."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import between
from nernstfit.contract.severity import About
from nernstfit.figures.group_differences import draw_differences
from nernstfit.permeability.inference.sentences import group_label, p_value, written_p
from nernstfit.report import findings
from nernstfit.report.blocks import Block, Grid, Heading, Listing, Text, grid, picture
from nernstfit.report.numbers import MISSING, Estimate, estimate
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.wording import is_or_are, joined

_PROSE = Prose("group_differences")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the differences between groups, where there are several."""
    rows = results.in_ion_order(results.tables["comparisons"])
    if not rows:
        return
    yield Heading("Comparison of groups")
    known = [row for row in rows if not math.isnan(row["p"])]
    if known:
        yield Text(_significance(results, known))
    if len(known) > 1:
        pair = "" if len({_pair(row) for row in known}) > 1 else f", {_pair(known[0])}"
        caption = _PROSE("figure", pair=pair, confidence=results.confidence)
        yield picture(draw_differences(_marks(results, known), results.permeant), caption)
    if known:
        yield _grid(results, known)
    if len(known) < len(rows):
        yield Listing(tuple(_without_difference([row for row in rows if math.isnan(row["p"])])))
    yield from findings.texts(results, About.RUN, {_pair(row) for row in rows})


def _without_difference(rows: Sequence[Mapping[Any, Any]]) -> Iterator[str]:
    """Yield the reasons for which groups are not compared, each with the groups and the ions."""
    ions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        ions[_pair(row), row["reason"]].append(f"{row['ion']} / {row['reference']}")
    for (pair, reason), names in sorted(ions.items()):
        yield f"{pair} ({joined(names)}): {reason}"


def difference(results: Results, row: Mapping[Any, Any]) -> str:
    """Return one difference as a sentence: the ratio of one group as a multiple of that of another."""
    written, p = _multiple(row), [f"p {written_p(row[name], results.alpha)}" for name in ("p", "p_holm")]
    corrected = f", {p[1]} after Holm" if p[1] != p[0] else ""
    one, other = (group_label(row[name]) for name in ("group", "other_group"))
    return (
        f"P({row['ion']})/P({row['reference']}) is {written.ratio} {written.interval} times as high in {one} as in "
        f"{other} ({p[0]}{corrected}{'; '.join(['', *_doubts(results, row)])})"
    )


def _significance(results: Results, known: Sequence[Mapping[Any, Any]]) -> str:
    """Return the sentences on which differences are significant, with and without Holm's correction."""
    significant, number = results.significant_differences(), len(known)
    level = f"at p < {results.alpha:g}" + (" after Holm's correction" if number > 1 else "")
    if number == 1:
        text = f"The difference between groups is {'' if significant else 'not '}significant {level}"
    else:
        count, verb = len(significant) or "None", is_or_are(max(len(significant), 1))
        text = f"{count} of {number} differences between groups {verb} significant {level}"
    if significant:
        text += f": {'; '.join(difference(results, row) for row in significant)}"
    uncorrected = [row for row in known if row["p"] < results.alpha <= row["p_holm"]]
    if not uncorrected:
        return f"{text}."
    others = "; ".join(difference(results, row) for row in uncorrected)
    return f"{text}. Significant only without correction for multiple testing: {others}."


def _grid(results: Results, rows: Sequence[Mapping[Any, Any]]) -> Grid:
    written = [_multiple(row) for row in rows]
    columns = {
        "ion / reference": [f"{row['ion']} / {row['reference']}" for row in rows],
        "groups": [_pair(row) for row in rows],
        "ratio of ratios": [text.ratio for text in written],
        f"{results.confidence} interval": [text.interval for text in written],
        "p": [_p(results, row["p"]) for row in rows],
        "p, Holm": [_p(results, row["p_holm"]) for row in rows],
    }
    remarks = ["; ".join(filter(None, (row["reason"], *_doubts(results, row)))) for row in rows]
    if any(remarks):
        columns["remark"] = remarks
    return grid(columns, ["ion / reference", "groups", "remark"], _PROSE("table"))


def _p(results: Results, p: float) -> str:
    return MISSING if math.isnan(p) else p_value(p, results.alpha)


def _pair(row: Mapping[Any, Any]) -> str:
    return between(row["group"], row["other_group"])


def _doubts(results: Results, row: Mapping[Any, Any]) -> list[str]:
    """Return the kinds of findings on the comparison of two groups."""
    own = results.findings[results.findings["subject"] == _pair(row)]
    return [Code(code).label for code in dict.fromkeys(own["code"])] if not math.isnan(row["p"]) else []


def _multiple(row: Mapping[Any, Any]) -> Estimate:
    """Write the ratio of one group divided by that of the other, with its interval."""
    return estimate(row["ratio_of_ratios"], math.exp(row["low"]), math.exp(row["high"]))


def _marks(results: Results, rows: Sequence[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return the rows of the figure, all on the scale of ratios."""
    return pd.DataFrame(
        [
            {"ion": row["ion"], "reference": row["reference"], "pair": _pair(row), "at": row["ratio_of_ratios"]}
            | {"low": math.exp(row["low"]), "high": math.exp(row["high"])}
            | {"significant": row["p_holm"] < results.alpha}
            for row in rows
        ]
    )
