"""Section on liquid junction potentials."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from nernstfit.contract.severity import About
from nernstfit.report import findings
from nernstfit.report.blocks import Block, Listing, Text
from nernstfit.report.numbers import fixed
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.solutions import conditions

_PROSE = Prose("junctions")


def blocks(results: Results) -> Iterator[Block]:
    """Yield the junction correction of each condition, term by term."""
    rows = results.tables["junctions"]
    yield from findings.texts(results, About.JUNCTION)
    if len(rows) == 0:
        yield Text(f"No junction potential was corrected (junction.method: {results.config['junction']['method']}).")
        return
    yield Text(_PROSE("introduction"))
    differences = (rows["nernst_planck_mV"] - rows["henderson_mV"]).abs()
    if differences.notna().any():
        yield Text(_PROSE("two_methods", difference=fixed(float(differences.max()), 2)))
    for (bath, pipette, configuration, temperature_C, zeroed_in), part in rows.groupby(
        list(conditions.FIELDS), sort=True
    ):
        yield Text(
            Markup("<strong>{}</strong> against {} ({}, {:g} °C, zeroed in {}): {} mV in total.").format(
                bath,
                pipette or "an unknown pipette solution",
                configuration,
                temperature_C,
                zeroed_in,
                fixed(float(part["applied_mV"].sum()), 2, sign=True),
            )
        )
        yield Listing(tuple(f"{row.term}: {row.statement}" for row in part.itertuples()))
