"""Junction potentials without an experiment folder, as the stages calculate them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nernstfit.contract.errors import InputError
from nernstfit.contract.terms import JunctionBasis, JunctionMethod
from nernstfit.library.chemistry import Chemistry
from nernstfit.physics.membrane.nernst_planck import NotSettled
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.findings import remarks
from nernstfit.solutions.liquid_junction import JunctionModel, between_mV, methods_remark

METHOD_COLUMNS = {"henderson_mV": JunctionMethod.HENDERSON, "nernst_planck_mV": JunctionMethod.NERNST_PLANCK}


def junction(
    recipe: Solutions,
    ends: tuple[str, str],
    chemistry: Chemistry,
    methods: Sequence[str] = (),
    bases: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Calculate the junction potential V_bath - V_pipette by each method, on each basis.

    Parameters
    ----------
    recipe : Solutions
    ends : tuple of str
        Pipette and bath, two of the solutions.
    chemistry : Chemistry
        The activity model is that of the basis `activity`.
    methods, bases : sequence of str
        Those to be shown; empty for all.

    Returns
    -------
    list of dict
        Basis, of henderson_mV and nernst_planck_mV those of the methods, and the list of `warnings`: what is found on
        the two solutions, and a large difference of the methods. nernst_planck_mV is nan, and a warning says so, where
        no stationary junction is found.

    Raises
    ------
    InputError
        Where a solution holds no ion.
    """
    (pipette, bath), temperature_C, model = ends, chemistry.temperature_C, chemistry.model
    for name in ends:
        if not recipe.row(name, temperature_C).any():
            raise InputError(f"solution '{name}' contains no ion; a junction potential needs ions on both sides")
    found = remarks(recipe, temperature_C, model)
    labels = {JunctionBasis.CONCENTRATION: "concentration", JunctionBasis.ACTIVITY: f"activity ({model})"}
    rows = []
    for basis in (each for each in labels if not bases or each in bases):
        by_method = dict.fromkeys(METHOD_COLUMNS, math.nan)
        unsettled = ""
        for name, method in METHOD_COLUMNS.items():
            try:
                by_method[name] = between_mV(recipe, bath, pipette, temperature_C, JunctionModel(method, basis, model))
            except NotSettled as fault:
                unsettled = f"{fault}; take Henderson's, another basis or another activity model"
        shown = {name: value for name, value in by_method.items() if not methods or METHOD_COLUMNS[name] in methods}
        said = [*(found[name] for name in dict.fromkeys(ends)), methods_remark(*by_method.values()), unsettled]
        rows.append({"basis": labels[basis], **shown, "warnings": list(filter(None, said))})
    return rows
