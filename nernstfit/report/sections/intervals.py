"""Section on the intervals of the ratios by other methods."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nernstfit.contract.findings import NO_GROUP
from nernstfit.contract.terms import IntervalMethod
from nernstfit.judgement.ratios import is_at_bound
from nernstfit.report.blocks import Block, Text, grid
from nernstfit.report.numbers import MISSING, estimate
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.wording import joined, without_repeats

_PROSE = Prose("intervals")
_CHECKS = (IntervalMethod.PROFILE, IntervalMethod.BOOTSTRAP, IntervalMethod.STUDENT)


def blocks(results: Results) -> Iterator[Block]:
    """Yield the between-cell intervals by other methods; one that deviates strongly is marked."""
    rows = results.of_model("intervals")
    rows = rows[rows["method"].isin([IntervalMethod.CELLS, *_CHECKS])]
    by_method = rows.set_index(["group", "ion", "method"])
    number = rows.groupby(["group", "ion"]).size()
    checked = [(group, ion) for group in results.groups for ion in results.permeant if number.get((group, ion), 0) > 1]
    if not checked:
        yield Text(_PROSE("none"))
        return

    def written(key: tuple[str, str], method: str) -> str:
        if (*key, method) not in by_method.index:
            return MISSING
        row = by_method.loc[(*key, method)]
        middle = math.sqrt(row["low"] * row["high"])
        return estimate(middle, row["low"], row["high"]).interval + (" *" if row["disagrees"] is True else "")

    columns = {"group": without_repeats([group or NO_GROUP for group, _ in checked])} if len(results.groups) > 1 else {}
    columns |= {
        "ion": [ion for _, ion in checked],
        IntervalMethod.CELLS.label: [written(key, IntervalMethod.CELLS) for key in checked],
    }
    columns |= {method.label: [written(key, method) for key in checked] for method in _CHECKS}
    disagrees = rows["disagrees"].isin([True]).any()
    caption = _PROSE("checks", disagrees=disagrees, at_bound=joined(_at_bound(results)))
    yield grid(columns, ["group", "ion"], caption)


def _at_bound(results: Results) -> list[str]:
    """Return the permeabilities that are at a bound of the user's, each once."""
    rows = results.in_ion_order(results.of_model("permeabilities"))
    return list(dict.fromkeys(f"P({row['ion']})" for row in rows if is_at_bound(row["reason"])))
