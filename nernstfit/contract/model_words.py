"""Models in the field's words: what a reader is told in place of the names by which tables have them."""

from __future__ import annotations

from nernstfit.contract.terms import ActivityModel, Convention


def activity_words(name: str) -> str:
    """Return an activity model in words.

    Parameters
    ----------
    name : str
        With its convention where it has one, like `pitzer:macinnes`.
    """
    model, _, convention = name.partition(":")
    source = "" if model == ActivityModel.CONCENTRATION else "activities by "
    words = f"{source}{ActivityModel(model).label}"
    return f"{words}, {Convention(convention).label} convention" if convention else words


def model_words(name: str) -> str:
    """Return a model of the GHK equation in words.

    Parameters
    ----------
    name : str
        As in column `model`, like `ghk:pitzer:macinnes+pipette`.
    """
    equation, _, factors = name.partition("+")
    words = f"GHK equation, {activity_words(equation.removeprefix('ghk:'))}"
    return words + (f", with fitted activity factors ({factors})" if factors else "")
