"""Form of the Goldman-Hodgkin-Katz equation that ratios with multivalent ions belong to."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.contract.terms import ActivityModel
from nernstfit.report.blocks import Text
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.wording import joined

GHK_FORM = "GHK current equation with z\N{SUPERSCRIPT TWO}"
_PROSE = Prose("ghk_form")


def note(results: Results) -> Iterator[Text]:
    """Yield a note on the form of ratios with ions of more than one charge, where there are any."""
    ions = results.multivalent
    if ions:
        on_concentrations = results.config["activity"]["model"] == ActivityModel.CONCENTRATION
        quantity = "concentrations" if on_concentrations else "activities"
        text = _PROSE("form", ions=joined(ions), number=len(ions), form=GHK_FORM, quantity=quantity)
        yield Text(text, "note")
