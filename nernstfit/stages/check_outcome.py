"""Stage 6: failure of a run without any result.

It reads one column of one table, for which importing what other stages read tables with would take ten times as long.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nernstfit.contract.errors import InputError
from nernstfit.contract.files import write_text
from nernstfit.contract.terms import PotentialVerdict


def run(inputs: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
    """Fail where no row is a reversal; every table and the report exist by then.

    Parameters
    ----------
    inputs : mapping
        `reversals`: the table of reversal potentials.
    outputs : mapping
        `finished`: a file that says how many rows are a reversal.

    Raises
    ------
    InputError
        Where none is.
    """
    counts = counts_of_verdicts(inputs["reversals"])
    write_text(outputs["finished"], f"{counts}\n")


def counts_of_verdicts(reversals: str | Path) -> str:
    """Return the number of rows of each verdict, in words.

    Parameters
    ----------
    reversals : str or Path
        The table of reversal potentials.

    Raises
    ------
    InputError
        Where no row is a reversal.
    """
    with open(reversals, encoding="utf-8", newline="") as stream:
        verdicts = Counter(row["verdict"] for row in csv.DictReader(stream))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    if not verdicts[PotentialVerdict.REVERSAL]:
        raise InputError(f"no row of the experiment is a reversal ({counts}); results/report.html says why, row by row")
    return counts
