"""Section on the recordings that were not used, and why."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.contract.terms import PotentialVerdict
from nernstfit.report.blocks import Block, Cell, Link, Lookup, Text, grid
from nernstfit.report.numbers import MISSING, potential_interval
from nernstfit.report.results import Results
from nernstfit.report.wording import counted

_CAPTION = (
    "A bound: the corrected reversal potential lies above (>) or below (<) it, beyond the last level of the recording."
)


def blocks(results: Results) -> Iterator[Block]:
    """Yield the rows without a reversal potential, with the reason of each."""
    rows = results.reversals[results.reversals["verdict"] != PotentialVerdict.REVERSAL]
    if len(rows) == 0:
        of = "I-V curves" if results.has_imported_curves else "recordings"
        gave = "holds" if results.has_imported_potentials else f"of {of} gave"
        yield Text(f"None: every row of the table {gave} a reversal potential.")
        return
    limits = results.limits_fitted()
    fitted = f"{counted(limits, 'bound')} of them" if limits else "None of them"
    fitted += f" enter{'s' * (limits < 2)} the fit."
    yield Text(f"{len(rows)} of {counted(len(results.reversals), 'row')} without a reversal potential. {fitted}")
    records = rows.to_dict("records")
    columns: dict[str, list[Cell]] = {
        "measurement": [Link(name, results.places["measurement", name]) for name in rows["measurement"]],
        "cell": list(results.cell_names(rows)),
        "bath": [row["bath"] for row in records],
        "verdict": [PotentialVerdict(row["verdict"]).label for row in records],
    }
    bounds, caption = [potential_interval(row["low_mV"], row["high_mV"], 1) for row in records], ""
    if any(bound != MISSING for bound in bounds):
        columns["bound, mV"], caption = [*bounds], _CAPTION
    columns["reason"] = [row["reason"] for row in records]
    yield grid(columns, ["measurement", "cell", "bath", "verdict", "reason"], caption, Lookup(("bath", "verdict")))
