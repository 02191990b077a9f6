"""Beside the fit: its ratios as papers print them, and conductance ratios of the same I-V curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nernstfit.contract import tables
from nernstfit.experiment.records import Experiment
from nernstfit.experiment.views import stage
from nernstfit.permeability.form_rows import Fitted, conductance_rows, form_rows

READS = (
    "settings.fit.reference_ion",
    "settings.fit.permeant",
    "settings.fit.confidence",
    "solutions",
)


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Write the ratios of the configured model, and of that on concentrations, in every form in use.

    Parameters
    ----------
    inputs : mapping
        `permeabilities`, `models`, `residuals`, `activity_corrections`: tables of the fit; `reversals`: that of
        reversal potentials; `iv`: the I-V curves.
    outputs : mapping
        `published_forms`: the table of forms.
    experiment : Experiment
    """
    read = {
        name: tables.load(inputs[name], table)
        for name, table in {
            "permeabilities": tables.PERMEABILITIES,
            "models": tables.MODELS,
            "residuals": tables.RESIDUALS,
            "activity_corrections": tables.ACTIVITY_CORRECTIONS,
            "reversals": tables.REVERSAL_POTENTIALS,
            "iv": tables.IV,
        }.items()
    }
    fit = experiment.settings.fit
    fitted = Fitted(read, experiment.solutions, fit.permeant, fit.reference_ion)
    rows = [*form_rows(fitted), *conductance_rows(fitted, fit.confidence)]
    first = fitted.models[0][0] if fitted.models else ""
    tables.write(outputs["published_forms"], tables.PUBLISHED_FORMS, rows, first_model=first)
