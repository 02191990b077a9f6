"""Reasons for the verdict on a ratio, in words."""

from __future__ import annotations

from nernstfit.contract.terms import Term


class RatioReason(Term):
    """Reason for the verdict on a ratio, or remark on its interval; the texts hold places for names and numbers."""

    ION_ABSENT = "ion_absent", "", "{ion} is in no solution of these measurements", "add a bath with {ion}"
    REFERENCE_ABSENT = "reference_absent", "", "the reference {reference} is in no solution of these measurements"
    FACTOR_CONFOUNDED = (
        "factor_confounded",
        "",
        "the effect of a factor on the pipette's activities equals that of a common offset for monovalent cations "
        "inside, and these data do not separate them",
        "add baths that change the contribution of a permeant anion or divalent ion, or set fit.activity_correction "
        "to none",
    )
    COMBINATION = (
        "combination",
        "",
        "the data determine only a combination of {ion} and {others}",
        "add a bath that changes one of them",
    )
    COLLINEAR = (
        "collinear",
        "",
        "{ion} and {others} change together (collinearity {collinearity:.3f})",
        "add a bath that changes one of them",
    )
    SHIFTS_ONLY = (
        "shifts_only",
        "",
        "with a free offset in each cell only differences between baths are informative, and none separates {ion} "
        "from {reference}",
        "add a bath with {ion} and one with {reference}",
    )
    ANY_RATIO = (
        "any_ratio",
        "",
        "P({ion}) is not identifiable from these data",
        "add a bath with more {ion} and less of the other permeant ions",
    )
    NO_PERMEABILITY = (
        "no_permeability",
        "",
        "the data are consistent with no permeability of {ion} at all",
        "add a bath with more {ion}",
    )
    NO_REFERENCE_PERMEABILITY = (
        "no_reference_permeability",
        "",
        "the data are consistent with a permeability of {ion} alone",
        "add a bath with more {reference}",
    )
    OPEN_INTERVAL = "open_interval", "", "with so few cells the interval is open on one side", "add more cells"
    UNSETTLED = "unsettled", "", "the fit did not converge: least squares gives the ratio, and no error of it"
    ONE_MEAN = (
        "one_mean",
        "",
        "one mean of cells: the between-cell interval comes from the given standard errors alone",
    )
    ONE_CELL = (
        "one_cell",
        "",
        "one cell: ratio and interval are of this cell alone, from the errors of its measurements; other cells differ "
        "by an unknown amount",
        "measure more cells",
    )
    ONE_CELL_OF_ION = (
        "one_cell_of_ion",
        "",
        "one cell informs on {ion}: how much cells differ in it is taken from the other ions",
        "measure {ion} in more cells",
    )
    MODEL_MISFIT = (
        "model_misfit",
        "",
        "the model does not explain the potentials (chi-square {chi_square:.2g} for {n}): no interval is valid",
    )
    MEANS_CONTRADICT = (
        "means_contradict",
        "",
        "no set of ratios explains the means of the baths, beyond chance (p {p}) and beyond the systematic errors: no "
        "interval is valid",
    )
    HELD_CONTRADICT = (
        "held_contradict",
        "",
        "the ratios that fit.parameters sets do not explain the means of the baths, beyond chance (p {p}) and beyond "
        "the systematic errors",
    )
    EQUATION_HOLDS = "equation_holds", "", "the equation holds {causes}"
    LIKELIEST_FIRST = "likeliest_first", "", "the equation holds, the likeliest cause first, {causes}"
    WITHOUT_PARAMETERS = (
        "without_parameters",
        "",
        "with free ratios in place of fit.parameters ({changes}): check the values that it holds, ties or bounds",
    )
    WITHOUT_MEASUREMENT = (
        "without_measurement",
        "",
        "without {measurement} (cell {cell}, bath {bath}; {changes}): check this recording",
    )
    WITHOUT_BATH = (
        "without_bath",
        "",
        "without bath {bath} ({changes}): check its solution, its junction potential and its name",
    )
    EXCHANGED_BATHS = (
        "exchanged_baths",
        "",
        "with the baths {bath} and {other} exchanged ({changes}): check their names and solutions",
    )
    EXCHANGED_MEASUREMENTS = (
        "exchanged_measurements",
        "",
        "with the baths of {measurement} and {other} exchanged ({changes}): check these two rows",
    )
    EXCHANGED_SIDES = (
        "exchanged_sides",
        "",
        "with bath and pipette exchanged, or all potentials of the opposite sign ({changes}): check the columns bath, "
        "pipette and configuration",
    )
    EXCHANGED_SIDES_OF_CELL = (
        "exchanged_sides_of_cell",
        "",
        "with bath and pipette of cell {cell} exchanged, or its potentials of the opposite sign ({changes}): check its "
        "rows",
    )
    EXCHANGED_SIDES_OF_MEASUREMENT = (
        "exchanged_sides_of_measurement",
        "",
        "with bath and pipette of {measurement} exchanged, or its potential of the opposite sign ({changes}): check "
        "this row",
    )
    JUNCTION_REVERSED = (
        "junction_reversed",
        "",
        "with junction potentials of the opposite sign ({changes}): check junction.measured_mV and junction.zeroed_in",
    )
    JUNCTION_TWICE = (
        "junction_twice",
        "",
        "without the correction for junction potentials ({changes}): check whether the potentials had been corrected "
        "before, or the electrode was zeroed in each bath",
    )
    COMMON_SHIFT = (
        "common_shift",
        "",
        "with a common shift of all potentials by {size} mV ({changes}): check the pipette solution, its junction "
        "potential and the zero of the electrode",
    )
    DRIFT = (
        "drift",
        "",
        "with a drift by {size} mV per minute within cells ({changes}): check for run-down and a drifting electrode",
    )
    SERIES_RESISTANCE = (
        "series_resistance",
        "",
        "with {size} times the correction for series resistance taken back ({changes}): check "
        "series_resistance_MOhm and compensation_percent",
    )
    INFLUENTIAL = (
        "influential",
        "",
        "no usual cause alone is the reason; the most influential is {measurement} (cell {cell}, bath {bath}; without "
        "it {changes})",
        "check which solution is the bath and which the pipette, the sign of the junction potentials, the names of the "
        "solutions, run-down and the series resistance",
    )
    HELD = "held", "", "held at {value:.6g} by fit.parameters"
    TIED = "tied", "", "tied: {expression}"
    AT_BOUND = (
        "at_bound",
        "",
        "at its bound: {bound} {value:.6g} of fit.parameters",
        "widen the bound to estimate the ratio",
    )
    TIED_TO_NONE = "tied_to_none", "", "tied: {expression}, and there is no estimate of {others}"
    NOT_POSITIVE = (
        "not_positive",
        "",
        "the expression of {name} in fit.parameters, {expression}, is not positive at the fit",
        "set bounds or another expression",
    )
    SEVERAL_CONTRADICT = (
        "several_contradict",
        "",
        "no usual cause alone is the reason: check which solution is the bath and which the pipette, the sign of the "
        "junction potentials, the names of the solutions, run-down and the series resistance",
    )
