"""Ions, temperature and activity model of a calculation without an experiment folder."""

from __future__ import annotations

from dataclasses import dataclass

from nernstfit.contract.terms import ActivityModel, Convention

MODELS = (
    *(f"{ActivityModel.PITZER}:{convention}" for convention in Convention),
    *(model.value for model in ActivityModel if model is not ActivityModel.PITZER),
)
"""Activity models, Pitzer's with each convention."""


@dataclass(frozen=True)
class Chemistry:
    """Ions, temperature and activity model of a calculation.

    Attributes
    ----------
    temperature_C : float
    model : str
        Activity model, with its convention where it has one.
    species : str or None
        Path of the table of the user's own ions.
    """

    temperature_C: float = 22.0
    model: str = MODELS[0]
    species: str | None = None
