"""Reasons for the verdict on a ratio, in words."""

from __future__ import annotations

from nernstfit.contract.terms import Term


class RatioReason(Term):
    """Reason for the verdict on a ratio, or remark on its interval; the texts hold places for names and numbers."""

    @property
    def stem(self) -> str:
        """Text before the first name or number, by which a reason in a table is known."""
        return self.sentence.partition("{")[0]

    ION_ABSENT = "ion_absent", "", "{ion} is in no solution of these measurements", "add a bath with {ion}"
    ION_LEFT_OUT = (
        "ion_left_out",
        "",
        "{ion} is in no solution of the fit: its only baths ({baths}) were left out, for no cell has their osmolality",
        "correct the recipe that the error on osmolality names",
    )
    REFERENCE_ABSENT = "reference_absent", "", "the reference {reference} is in no solution of these measurements"
    FACTOR_CONFOUNDED = (
        "factor_confounded",
        "",
        "the effect of a factor on the pipette's activities equals that of a common offset for monovalent cations "
        "inside, and these data do not separate them",
        "add baths that change the contribution of a permeant anion or divalent ion, or set fit.activity_correction "
        "to none",
    )
    FACTOR_ABSENT = (
        "factor_absent",
        "",
        "the factor {term} multiplies no activity of these measurements",
        "add measurements with what it multiplies",
    )
    FACTOR_SHIFTS = (
        "factor_shifts",
        "",
        "the factor {term} shifts every potential alike, as a common offset does (collinearity {collinearity:.3f})",
        "add baths that change the contribution of a permeant anion or divalent ion",
    )
    FACTOR_OF_ION = (
        "factor_of_ion",
        "",
        "the factor {term} changes the potentials as {others} would (collinearity {collinearity:.3f})",
        "add a bath with more {ion} and one with less, all else equal",
    )
    FACTOR_OF_BATH = (
        "factor_of_bath",
        "",
        "the factor {term} changes the potentials as {others} would (collinearity {collinearity:.3f})",
        "add another bath with {ions}",
    )
    FACTOR_OF_PIPETTE = (
        "factor_of_pipette",
        "",
        "the factor {term} changes the potentials as {others} would (collinearity {collinearity:.3f})",
        "add baths that change the contribution of a permeant anion or divalent ion, and dilutions",
    )
    FACTOR_OPEN = "factor_open", "", "the interval of the factor {term} is open on one side", "add more cells"
    FACTOR_ANY = "factor_any", "", "these data allow any factor {term}", "add more cells, or baths that differ more"
    FACTOR_ONE_CELL = (
        "factor_one_cell",
        "",
        "one cell: the interval of the factor comes from the errors of its measurements alone",
        "measure more cells",
    )
    RATIO_OF_FACTOR = (
        "ratio_of_factor",
        "",
        "{ion} and {factor} change together",
        "add a bath that changes one of them, or leave the factor out of fit.activity_correction",
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
    AT_MOST = "at_most", "", "{ion}/{reference} is at most {limit:.2g}, where {ion} carries all of what both do"
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
        "the data are consistent with no permeability of the reference {reference} at all",
        "set fit.reference_ion to an ion that permeates, or add a bath with more {reference}",
    )
    OPEN_INTERVAL = "open_interval", "", "with so few cells the interval is open on one side", "add more cells"
    UNSETTLED = "unsettled", "", "the fit did not converge: least squares gives the ratio, and no error of it"
    SYSTEMATIC_WEIGHTS = (
        "systematic_weights",
        "",
        "the potentials are weighted with their systematic errors too: by the standard errors alone a common offset of "
        "{size} mV would stand for errors of the solutions",
    )
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
    LIKELY_CAUSE = "likely_cause", "", "likely cause: {causes}"
    LIKELY_CAUSES = "likely_causes", "", "likely causes, the likeliest first: {causes}"
    WITHOUT_PARAMETERS = (
        "without_parameters",
        "",
        "a value, tie or bound of fit.parameters (with free ratios {changes})",
    )
    WINDOWS_AT_STEP = (
        "windows_at_step",
        "",
        "the windows of {n} of {total} measurements begin while the step charges the membrane{ratios}: choose later "
        "ones by from_ms and to_ms",
    )
    WITHOUT_MEASUREMENT = (
        "without_measurement",
        "",
        "an error in {measurement} ({cell}, bath {bath}; without it {changes}): check this row",
    )
    WITHOUT_BATH = (
        "without_bath",
        "",
        "an error in bath {bath} (without it {changes}): check its solution, its junction potential and its name",
    )
    EXCHANGED_BATHS = (
        "exchanged_baths",
        "",
        "the baths {bath} and {other} are exchanged (put right, {changes}): check their names and solutions",
    )
    EXCHANGED_MEASUREMENTS = (
        "exchanged_measurements",
        "",
        "the baths of {measurement} and {other} are exchanged (put right, {changes}): check these two rows",
    )
    EXCHANGED_SIDES = (
        "exchanged_sides",
        "",
        "bath and pipette are exchanged in all rows (put right, {changes}): check columns bath and pipette",
    )
    EXCHANGED_SIDES_OF_CELL = (
        "exchanged_sides_of_cell",
        "",
        "bath and pipette are exchanged in all rows of {cell} (put right, {changes}): check its rows",
    )
    EXCHANGED_SIDES_OF_MEASUREMENT = (
        "exchanged_sides_of_measurement",
        "",
        "bath and pipette are exchanged in {measurement} (put right, {changes}): check this row",
    )
    OPPOSITE_SIGN = (
        "opposite_sign",
        "",
        "all potentials have the opposite sign (put right, {changes}): check their sign and column configuration",
    )
    OPPOSITE_SIGN_OF_CELL = (
        "opposite_sign_of_cell",
        "",
        "the potentials of {cell} have the opposite sign (put right, {changes}): check its rows",
    )
    OPPOSITE_SIGN_OF_MEASUREMENT = (
        "opposite_sign_of_measurement",
        "",
        "the potential of {measurement} has the opposite sign (put right, {changes}): check this row",
    )
    JUNCTION_REVERSED = (
        "junction_reversed",
        "",
        "the junction potentials have the opposite sign (put right, {changes}): check junction.measured_mV and "
        "junction.zeroed_in",
    )
    JUNCTION_TWICE = (
        "junction_twice",
        "",
        "the potentials need no correction for junction potentials (without it {changes}): check whether they had been "
        "corrected before, or the electrode was zeroed in each bath",
    )
    ALREADY_CORRECTED = (
        "already_corrected",
        "",
        "nothing had been subtracted for the junction, and all potentials are off by the {mV} mV of "
        "junction.already_corrected_mV (without it {changes}): set that key to 0 if so",
    )
    ALREADY_OPPOSITE = (
        "already_opposite",
        "",
        "junction.already_corrected_mV has the opposite sign, and all potentials are off by twice its {mV} mV (put "
        "right, {changes}): check the sign of that key",
    )
    COMMON_SHIFT = (
        "common_shift",
        "",
        "all potentials are shifted by {size} mV (without that {changes}): check the pipette solution, its junction "
        "potential and the zero of the electrode",
    )
    DRIFT = (
        "drift",
        "",
        "the potentials drift by {size} mV per minute within cells (without that {changes}): check for run-down and a "
        "drifting electrode",
    )
    SERIES_RESISTANCE = (
        "series_resistance",
        "",
        "the correction for series resistance ought to be {factor:g} times as large (then {changes}): check "
        "series_resistance_MOhm and compensation_percent",
    )
    MIXTURE = (
        "mixture",
        "",
        "mixtures of equal parts of {ions} deviate by {size} mV from what their pure baths imply, an anomalous "
        "mole-fraction effect or a fault of the mixtures (then {changes})",
    )
    PERMEABILITY_TREND = (
        "permeability_trend",
        "",
        "the permeability of {ion} changes with its activity in the bath, as its power {size} (then {changes}): no "
        "single ratio holds at all concentrations, ratios_by_bath.csv has one for each",
    )
    PIPETTE_FACTOR = (
        "pipette_factor",
        "",
        "activities inside that are {factor:.2g} times those of the recipe would explain the potentials ({ratios}): "
        "check the pipette solution and whether it reaches the channels, or set fit.activity_correction to pipette",
    )
    DECIMAL_SLIP = (
        "decimal_slip",
        "",
        "likely a slip of the decimal point in {words}; the potentials agree with that ({ratios})",
        "check this amount in the table of solutions",
    )
    FAR_OFF = (
        "far_off",
        "",
        "no measurement counts: {words}",
        "check the amounts in the table of solutions",
    )
    LARGER_ERRORS = (
        "larger_errors",
        "",
        "standard errors of the potentials that are too small ({factor} times as large they explain the scatter; then "
        "{changes})",
    )
    UNLISTED_IONS = (
        "unlisted_ions",
        "",
        "an ion that is not in fit.permeant would explain the potentials: {ions}",
    )
    UNTESTED_EFFECTS = (
        "untested_effects",
        "",
        "{effects} would explain the potentials too, and nothing in these baths would test it: return to the first "
        "bath at the end, and check the junction potentials",
    )
    ANY_BATH = (
        "any_bath",
        "",
        "one wrong bath, {baths}, would explain this, and without it nothing tests the equation",
        "check the recipes and names of the solutions; add a bath with another mixture of the permeant ions",
    )
    INFLUENTIAL = (
        "influential",
        "",
        "no usual cause alone explains this; the most influential measurement is {measurement} ({cell}, bath {bath}; "
        "without it {changes})",
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
        "no usual cause alone explains this: check which solution is the bath and which the pipette, the sign of the "
        "junction potentials, the names of the solutions, run-down and the series resistance",
    )
