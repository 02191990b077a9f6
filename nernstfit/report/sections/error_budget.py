"""Section on the sources of uncertainty."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from nernstfit.contract.terms import ErrorSource, RatioScope
from nernstfit.figures.error_budget import draw_error_budget
from nernstfit.permeability.inference.variance_shares import VarianceShare, largest_source
from nernstfit.report.blocks import Block, Listing, Text, picture
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import capitalized, joined

_PROSE = Prose("error_budget")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the sources of the variance of each ratio, and the most effective improvement of each group."""
    rows = results.tables["error_budget"]
    if len(rows) == 0:
        yield Text(_PROSE("none"))
        return
    yield Text(_PROSE("introduction"))
    yield picture(draw_error_budget(rows, results.permeant), _PROSE("figure"))
    largest = rows.loc[rows.groupby(["group", "ion"])["variance_share"].idxmax()]
    for name in results.groups:
        part = results.in_ion_order(largest[largest["group"] == name])
        if part:
            yield from heading(results, name)
            yield Text(_improvement(results, rows[rows["group"] == name]))
            yield Listing(tuple(capitalized(f"{ErrorSource(row['source']).label}: {row['sentence']}.") for row in part))


def _improvement(results: Results, rows: pd.DataFrame) -> str:
    """Return the sentence on the largest source of one group's variance and its remedy."""
    columns = ["ion", "source", "variance_share", "se_ln", "sentence"]
    lines = rows[columns].itertuples(index=False)
    source, share = largest_source([VarianceShare(ion, ErrorSource(name), *rest) for ion, name, *rest in lines])
    ions = results.ions_in(rows)
    ratios = results.of_model("permeabilities")
    own = ratios[(ratios["group"].isin(rows["group"])) & ratios["ion"].isin(rows["ion"])]
    return _PROSE(
        "largest",
        of_one_cell=bool((own["scope"] == RatioScope.CELL).all()),
        percent=f"{100 * share:.0f}",
        several=len(ions) > 1,
        source=source.label,
        remedy=source.remedy.format(ion=joined(ions)),
    )
