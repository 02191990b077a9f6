"""Registry of findings: each code with its sentence, its remedy, why it matters and what makes it a warning.

The order is that of importance among findings of equal weight. Sentences and remedies hold places for names and
numbers. docs/warnings.md is written from this registry.
"""

from __future__ import annotations

from nernstfit.contract.severity import ERROR, NOTE, OF_POTENTIAL, OF_RATIO, OF_TEST, WARNING, About
from nernstfit.contract.terms import RatioVerdict, Term, ValidityTest


class Code(Term):
    """Kind of finding.

    Attributes
    ----------
    about : About
    label : str
        Name of the kind.
    sentence, remedy : str
        With places for names and numbers; the remedy is '' where there is nothing to do.
    why : str
        Consequence for the numbers.
    rule : str
        Severity, and what decides it.
    """

    about: About
    why: str
    rule: str

    def __new__(cls, value: str, about: About = About.RUN, label: str = "", *texts: str) -> Code:
        """Make a member from sentence, remedy, why and rule; without a rule it is always a warning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.about, member.label, member.reference = about, label, ""
        member.sentence, member.remedy, member.why, member.rule = (*texts, WARNING)[:4]
        return member

    @property
    def is_error(self) -> bool:
        """Return True where a finding of this kind says that a number must not be used."""
        return self.rule == ERROR

    @classmethod
    def of_test(cls, test: ValidityTest) -> Code:
        """Return the code of a test of the equation, which has the test's name."""
        return cls(str(test))

    # Errors
    NO_REVERSAL = (
        *("no_reversal", About.RUN, "no reversal potential", "no row of the experiment is a reversal ({counts})"),
        "see the reason of each row",
        *("there is nothing to fit", ERROR),
    )
    MODEL_REJECTED = (
        *(str(RatioVerdict.MODEL_REJECTED), About.RATIO, "equation rejected", "{subject} must not be used: {reason}"),
        "see section 'Tests of the Goldman-Hodgkin-Katz equation' of the report",
        "an interval supposes that the equation holds; where the potentials contradict it, the ratio describes nothing",
        ERROR,
    )
    NO_RATIO = (
        *("no_ratio", About.RUN, "no ratio", "no permeability ratio is known, not even a bound: {reason}"),
        "follow the remedy of each ratio",
        *("the potentials determine none of the ratios that were asked for", ERROR),
    )
    # Ratios
    NOT_IDENTIFIABLE = (
        *(str(RatioVerdict.NOT_IDENTIFIABLE), About.RATIO, "not identifiable"),
        *("{subject} is not identifiable: {reason}", ""),
        "the data allow any permeability of the ion, none included",
    )
    NO_INTERVAL = (
        *("no_interval", About.RATIO, "no interval", "{subject} has no closed interval{reason}", "add more cells"),
        "a ratio without an interval cannot be compared with anything",
    )
    ONE_CELL = (
        *("one_cell", About.RATIO, "one cell", "{subject} rests on one cell: its interval leaves out how cells differ"),
        "add more cells",
        "cells differ by more than a measurement's error, so that the interval is that of this cell alone",
    )
    UNTESTED = (
        *("equation_untested", About.RUN, "equation untested"),
        "nothing tests the equation{where}: {conditions} for {parameters}",
        "add a bath with another mixture of the permeant ions",
        "with as many ratios as conditions every set of potentials fits, so that a wrong junction, a wrong solution or "
        "another permeant ion goes into the ratio unseen",
    )
    SINGLE_BATHS = (
        *("single_baths", About.RUN, "ions in one bath"),
        "in one bath only{where}: {ions}; an error of that solution would not be seen",
        "measure in a second bath with another concentration of the ion",
        "where one bath determines a ratio, a wrong recipe or name of it goes into the ratio, and the equation holds",
        NOTE,
    )
    LEFT_OUT = (
        *("potentials_left_out", About.RUN, "potentials left out"),
        "{n} of {total} reversal potentials{where} are left out of the fit, which has no finite potential there (bath "
        "{baths})",
        "name every ion that permeates in fit.permeant",
        "the ratios ignore measurements that the configured ions cannot explain",
    )
    GROSS_ERRORS = (
        *("gross_errors", About.RUN, "gross errors"),
        "gross errors among the {total} potentials{where}, which lose most of their weight: {names}",
        "look at these recordings; exclude the rows where they show why",
        "fit.robust discounts a potential by the probability that it is a gross error (p_gross_error in residuals.csv)",
        NOTE,
    )
    OUTLYING_CELL = (
        *("outlying_cell", About.CELL, "outlying cell"),
        "{cell} lies {z:.1f} standard deviations off the other cells in {ratio}: {value:.3g} against {theirs:.3g}",
        "look at its recordings and its seal; fit.robust: true limits the influence of gross errors",
        "one cell among few decides the mean and widens the interval",
        "where p < .05 after correction for the number of cells: " + OF_RATIO + " without the cell",
    )
    INTERVALS_DISAGREE = (
        *("intervals_disagree", About.RATIO, "intervals disagree"),
        "{subject}: the interval by {method} [{low:.3g}, {high:.3g}] deviates strongly from the between-cell interval",
        "look at the single cells in cells.csv",
        "with few or unlike cells the interval depends on what is assumed about their distribution",
        "where intervals.csv marks it: " + OF_RATIO,
    )
    ACTIVITY_ESTIMATED = (
        *("activity_estimated", About.RATIO, "activity coefficients estimated"),
        "{subject}: coefficients of {ions} are estimated by {model}, not measured; by {other} the ratio is {value:.3g}",
        "choose a model that has measured parameters of these ions, as pitzer has of most",
        "an error of 4 % in an activity shifts a potential by 1 mV",
        OF_RATIO + " under another activity model",
    )
    ACTIVITY_CONVENTION = (
        *("activity_convention", About.RATIO, "convention of activities"),
        "{subject} depends on the convention of single-ion activities: by {other} it is {value:.3g}",
        "state the convention with the ratio",
        "no measurement divides a salt's activity between its ions; with ions of different valence the division counts",
        OF_RATIO + " under another convention",
    )
    # Tests of the equation
    LACK_OF_FIT = (
        *(str(ValidityTest.LACK_OF_FIT), About.RUN, "means of the baths"),
        "the means of the baths deviate from the equation{where} by more than the differences between cells explain (p "
        "{p}; most in bath '{bath}', by {size:+.2g} mV), but by no more than chance and the systematic errors together "
        "may do",
        "check solutions, junction potentials and the list of permeant ions",
        "the intervals hold if it is the systematic errors; the ratios of an equation that does not hold change from "
        "bath to bath",
        "a warning where p, times the number of different deviations tested, is below 1 - fit.confidence, else a note",
    )
    SHIFT_METHOD = (
        *(str(ValidityTest.SHIFT_METHOD), About.RUN, "common offset", "{sentence}"),
        "check junction.zeroed_in, the reference and the signs",
        *("all potentials are shifted alike, as by a wrong junction potential", OF_TEST),
    )
    TIME = (
        *(str(ValidityTest.TIME), About.RUN, "drift within cells", "{sentence}"),
        "return to the first bath at the end, and zero the electrode again",
        *("a drift of the electrode, or a solution that washes in slowly, adds to every later potential", OF_TEST),
    )
    POTENTIAL = (
        *(str(ValidityTest.POTENTIAL), About.RUN, "dependence on the potential", "{sentence}"),
        "correct for series resistance; a permeability may depend on voltage",
        *("the equation supposes permeabilities that do not depend on voltage", OF_TEST),
    )
    CONDUCTANCE = (
        *(str(ValidityTest.CONDUCTANCE), About.RUN, "dependence on the conductance", "{sentence}"),
        "give the series resistance; use smaller currents",
        *("large currents lose voltage across the series resistance and change the ions beside the membrane", OF_TEST),
    )
    ACTIVITY = (
        *(str(ValidityTest.ACTIVITY), About.RUN, "dependence on an activity", "{sentence}"),
        "check the solutions; a permeability may depend on concentrations",
        *("the ratio then holds for these concentrations only", OF_TEST),
    )
    PERMEABILITY_TREND = (
        *(str(ValidityTest.PERMEABILITY_TREND), About.RUN, "permeability not constant", "{sentence}"),
        "report the ratio with the concentrations at which it was measured",
        *("anomalous mole-fraction effect, block or saturation: one ratio does not describe the ion", OF_TEST),
    )
    SCATTER = (
        *(str(ValidityTest.SCATTER), About.RUN, "scatter", "{sentence}"),
        "look for gross errors among the residuals; fit.robust: true limits their influence",
        "standard errors that are too small give single measurements too much weight",
        "a warning where p, times the number of different deviations tested, is below 1 - fit.confidence and errors "
        "are twice the given ones or more, else a note",
    )
    # Replicates
    DUPLICATES = (
        *("duplicate_recordings", About.MEASUREMENT, "duplicate recordings"),
        "{names} have {same}: copies of one recording?",
        "keep one of them, or correct column 'cell', or correct column 'recording'",
        "a recording that counts twice makes n too large and the interval too short",
    )
    SAME_START = (
        *("same_start", About.MEASUREMENT, "recordings of one time"),
        "{names} started at the same time, {start}: recordings of one cell, or copies of one recording?",
        "give them the same name in column 'cell', or keep one of them",
        "one cell that counts as two makes n too large and the interval too short",
    )
    CELL_PER_FILE = (
        *("cell_per_file", About.RUN, "every row a cell"),
        "every row is a cell of its own, although files share a stem ({stems}): {n} cells, or fewer in several baths?",
        "give the rows of one cell the same name in column 'cell'",
        "the cell is the replicate: one cell that counts as several makes the interval too short",
    )
    DAYS_DIFFER = (
        *("days_differ", About.RUN, "days differ"),
        "{what} differs between days{where} by more than between the cells of a day (F = {F:.3g}, p {p}), and no batch "
        "is given: the intervals of all ratios may be too short",
        "give the day, or the animal, in column 'batch'",
        "cells of one day are then no independent replicates, and an interval that takes them for such is too short",
        "a warning where the F test between days has p < .05, corrected for the number of quantities tested",
    )
    DAYS = (
        *("days_without_batch", About.RUN, "several days"),
        "the recordings are from {n} days ({first} to {last}), and no batch is given",
        "give the day, or the animal, in column 'batch'",
        "cells of one day may share a solution, an electrode or an animal; where they differ by day, see days_differ",
        NOTE,
    )
    COLUMN_DIFFERS = (
        *("column_differs", About.RUN, "batches differ"),
        "{what} differs between values of column '{column}'{where} by more than between the cells of one of them (F = "
        "{F:.3g}, p {p}), and no batch is given: the intervals of all ratios may be too short",
        "name the column 'batch'",
        "cells of one animal or dish are then no independent replicates, and an interval that takes them for "
        "such is too short",
        "a warning where the F test between its values has p < .05, corrected for the number of quantities tested",
    )
    BATCH_COLUMN = (
        *("batch_column", About.RUN, "a column like a batch"),
        "column '{column}' has {values} for {cells} cells, as a batch does, and no batch is given",
        "name it 'batch' if cells of one value may be alike",
        *("cells of one animal, day or dish may be alike; where they differ between these, see column_differs", NOTE),
    )
    GROUPS_CONFOUNDED = (
        *("groups_confounded", About.RUN, "groups and batches confounded"),
        "{one} and {other} have no {unit} in common ({counts}): a difference between them may be one between {units}",
        "record cells of both groups in each {unit}, or more {units}",
        "a difference between batches then looks like a difference between groups",
        "a warning where a group has one batch, or where differences between batches could move a difference by half "
        "its interval, as if the cells of a batch were alike; else a note",
    )
    FEW_BATCHES = (
        *("few_batches", About.RATIO, "few batches"),
        "{subject} rests on {cells} of {batches}: where the cells of a batch are alike, n is {n}",
        "add cells of further batches",
        "how batches differ is hardly known from few, and not at all from one",
        "where the cells of a batch are alike: " + OF_RATIO,
    )
    BOUND = (
        *("bound", About.RATIO, "bound only", "{subject}: {verdict}; {reason}", ""),
        *("the data allow no ratio, but exclude a part of its range", NOTE),
    )
    HELD = (
        *(str(RatioVerdict.HELD), About.RATIO, "ratio held", "{subject} is no estimate: {reason}", ""),
        "it is what fit.parameters says; the intervals of the other ratios take it as known",
        "a warning where the ratio is at a bound, which the data then contradict, else a note",
    )
    FEW_CELLS = (
        *("few_cells", About.RATIO, "few cells", "{subject} rests on {cells}", "add more cells"),
        *("the interval holds, but is long, and its length rests on few differences between cells", NOTE),
    )
    # Measurements
    REFUSED = (
        *("refused", About.MEASUREMENT, "recording refused", "{name} ({verdict}): {reason}", "{remedy}"),
        "the measurement does not enter the fit; docs/refused.md explains each reason",
    )
    DEFAULT_CHANGED = (
        *("default_changed", About.MEASUREMENT, "default changed"),
        "{name}: the default of {key} was '{before}' and is '{now}', which decides the outcome: {outcome}",
        "give {key} in so many words",
        "the same folder gave another result in an earlier version",
        "a warning where the outcome or a potential changes by 1 mV or more, else a note",
    )
    LEAK = (
        *("leak_not_subtracted", About.MEASUREMENT, "leak not subtracted"),
        "{name}: {percent:.0f} % of the slope at the zero is a leak that the levels below activation show; subtracting "
        "it {outcome}",
        "measure.leak: linear, or another leak",
        "a leak reverses near 0 mV and draws the zero towards it",
        "where the current steepens with depolarisation as in no open pore: " + OF_POTENTIAL,
    )
    FLATTENS = (
        *("flattens_beside_leak", About.MEASUREMENT, "rectifier beside a leak"),
        "{name}: the current flattens with depolarisation as in no open pore; if {percent:.0f} % of the zero's "
        "slope is a leak, as at the levels above it, subtracting it {outcome}",
        "measure.leak: background, from a recording with a blocker, or another epoch",
        "beside a leak, the zero of an inward rectifier or of channels that close lies between theirs and the leak's",
        "where the levels above the zero lie on a straight line: " + OF_POTENTIAL,
    )
    RS_ERROR = (
        *("series_resistance_error", About.MEASUREMENT, "series-resistance error"),
        "{name}: {current:.0f} pA flow at the zero, across a series resistance that is {how}: up to {shift:.1f} mV",
        "give series_resistance_MOhm and compensation_percent, or subtract no current",
        "where a leak is subtracted, current flows at the zero and its drop across the pipette shifts the potential",
        OF_POTENTIAL + "; an unknown resistance counts as 10 MOhm, a known one as uncertain by 20 %",
    )
    MISMATCH = (
        *("voltage_mismatch", About.MEASUREMENT, "recorded and commanded voltage"),
        "{name}: the recorded membrane voltage differs from the command by {shift:.1f} mV",
        "check the holding potential of the amplifier and the scale of the output (measure.voltage, command_offset_mV)",
        "an error of the command is an error of the potential of the same size",
        OF_POTENTIAL + "; a note where voltage: recorded is given",
    )
    CAPACITANCE = (
        *("capacitance_unknown", About.MEASUREMENT, "capacitance unknown"),
        "{name}: the membrane capacitance is not known, and by its current the potential may lie up to {shift:.1f} mV "
        "{side}",
        "give capacitance_pF, or record ramps in both directions",
        "a ramp charges the membrane, and the charging current shifts the zero the same way in every cell",
        OF_POTENTIAL,
    )
    DRIFT = (
        *("zero_drifts", About.MEASUREMENT, "drift", "{name}: the zero moves by {shift:+.1f} mV over the repeats"),
        "choose sweeps, or measure again after the seal is stable",
        "the mean of the repeats is off by half the drift from where the cell was at either end",
        OF_POTENTIAL + " of half the drift",
    )
    ESTIMATORS = (
        *("estimators_differ", About.MEASUREMENT, "estimators differ"),
        "{name}: two estimators of the zero differ by {shift:.1f} mV",
        "record more levels near the zero",
        "the potential depends on how the curve between the levels is drawn; the fit takes it as a further error",
        OF_POTENTIAL,
    )
    STEEPENS = (
        *("steep_crossing", About.MEASUREMENT, "crossing where channels open"),
        "{name}: the current steepens at the zero as in no open pore, and was taken as a reversal",
        "subtract the leak, or measure tail currents; measure.open_pore: refuse",
        "where channels open at the zero, the zero is that of the leak and the gate, not of the pore",
    )
    HYSTERESIS = (
        *("ramps_differ", About.MEASUREMENT, "ramps differ"),
        "{name}: ascending and descending ramps differ by more than the membrane capacitance explains",
        "use steps, or slower ramps",
        "gating, or ions that accumulate, move the zero along the ramp",
    )
    FLAGGED = (
        *("flagged", About.MEASUREMENT, "remarks on a measurement", "{name}: {flags}", ""),
        *("docs/tables.md gives the meaning of each flag", NOTE),
    )
    LIMIT = (
        *("limit_only", About.MEASUREMENT, "limit only", "{name} has no crossing and enters the fit as a limit", ""),
        *("the potential lies beyond the last level; leaving it out would bias the ratio", NOTE),
    )
    TEST_PULSE = (
        *("test_pulse", About.MEASUREMENT, "test pulse", "{name} is a test pulse: {reason}", ""),
        *("ramps of the cell take their capacitance from it", NOTE),
    )
    ROW_EXCLUDED = (
        *("row_excluded", About.MEASUREMENT, "row excluded", "{name} is excluded: {reason}", ""),
        *("the table excludes it", NOTE),
    )
    RS_UNKNOWN = (
        *("series_resistance_unknown", About.RUN, "series resistance unknown"),
        "no series resistance is given for {n} of {total} measurements, and none is corrected for",
        "give series_resistance_MOhm and compensation_percent",
        "where no leak is subtracted no current flows at the zero, which then does not depend on it; see "
        "series_resistance_error",
        NOTE,
    )
    BELOW_THERMAL = (
        *("noise_below_thermal", About.MEASUREMENT, "noise below the thermal bound"),
        "{name}: the noise is {ratio:.2g} of the thermal noise of its conductance",
        "check the filter that the file states; sweeps may be averages",
        *("the bandwidth was narrower than the file states, or the sweeps are averages", NOTE),
    )
    # Junctions and solutions
    JUNCTION_SIGN = (
        *("junction_sign", About.JUNCTION, "sign of a measured junction"),
        "key 'junction.measured_mV': bath '{bath}': measured {measured:+.1f} mV, calculated {calculated:+.1f} mV "
        "(bath minus pipette): the sign?",
        "give V_bath - V_pipette",
        "a junction of the wrong sign shifts a potential by twice its size",
    )
    JUNCTION_NONE = (
        *("junction_uncorrected", About.JUNCTION, "junction not corrected"),
        "no junction is corrected in bath '{bath}'; Henderson's equation gives {shift:+.1f} mV",
        "set junction.method, zeroed_in and reference",
        "a liquid junction shifts the potentials of a bath by several mV",
        OF_POTENTIAL + "; a note where potentials were measured elsewhere, which may be corrected already",
    )
    JUNCTION_UNKNOWN = (
        *("junction_unknown", About.JUNCTION, "junction unknown"),
        "the solution inside is not known in bath '{bath}', so that its junction goes into the offset of each cell",
        "",
        *("only differences between baths are used, to which that junction does not contribute", NOTE),
    )
    ZEROED_INSIDE = (
        *("zeroed_inside", About.JUNCTION, "offset zeroed in no bath"),
        "{key}: '{name}' is the solution in the {what} and no bath of the table",
        "name the bath in which the electrode offset was zeroed",
        "every junction potential counts from the bath of the zero",
    )
    UNUSED_BRIDGE = (
        *("unused_bridge", About.JUNCTION, "bridge without effect"),
        "key 'junction.reference.solution': '{name}' has no effect with type '{kind}'",
        "leave it out, or set type: salt-bridge",
        "the junction of a bridge that is there is not corrected for",
    )
    EXCHANGED = (
        *("exchanged", About.SOLUTION, "bath and pipette exchanged"),
        "the bath '{bath}' holds {in_bath}, the pipette '{pipette}' {in_pipette}: are the two exchanged?",
        "exchange columns 'bath' and 'pipette' if so",
        "every ratio is then its inverse, or worse",
    )
    CHARGE = (
        *("charge_excess", About.SOLUTION, "charge excess"),
        "solution '{name}': charge excess {excess:+.3g} meq/l{share}: {missing}",
        "complete the recipe",
        "an ion is missing from the recipe: its activity, the ionic strength and the junction are off",
        "a warning where the missing charge could shift a Nernst potential by 1 mV (4 % of the cations), else a note",
    )
    STRENGTH = (
        *("ionic_strength", About.SOLUTION, "ionic strength beyond the model"),
        "solution '{name}': ionic strength {strength:.3g} mol/l, above {limit:g}, the limit of {model}",
        "choose activity.model: pitzer",
        "activity coefficients are extrapolated",
        "a warning for a bath or a pipette, whose activities enter the equation, else a note",
    )
    FREE_METAL = (
        *("binding_not_calculated", About.SOLUTION, "binding not calculated"),
        "solution '{name}': {metals} beside {chelators} counts as free: binding is calculated only with a pH",
        "give the pH of the solution",
        "a chelator leaves little of the metal free",
        "a warning where the metal permeates, or its charge could shift a potential by 1 mV, else a note",
    )
    STRONG = (
        *("not_neutralised", About.SOLUTION, "acid or base counted as free"),
        "solution '{name}': {ion} beside a buffer counts as free: neutralisation is calculated only with a pH",
        "give the pH of the solution",
        "H and OH are the fastest ions and dominate a junction potential where they count as free",
        OF_POTENTIAL + ", as the share of the ion in the charge and its mobility make of the junction",
    )
    BOUND_METAL = (
        *("chelator_saturated", About.SOLUTION, "chelator nearly saturated"),
        "solution '{name}': {chelator} is {percent:.1f} % bound: it no longer buffers the free metal",
        "add chelator, or less of the metal",
        "an error of 1 % in its amount changes the free metal by 20 % or more",
        "a warning where a metal that it binds permeates, else a note",
    )
    UNBUFFERED = (
        *("unbuffered", About.SOLUTION, "pH hardly buffered"),
        "solution '{name}': pH {pH:g} is {distance:.1f} from the nearest pKa ({pKa:.2f}): it is hardly buffered",
        "choose a buffer with a pKa near the pH",
        "the pH may be another in the experiment",
        "a warning where H permeates, else a note",
    )
    OSMOLARITY = (
        *("osmolarity", About.SOLUTION, "osmolarity"),
        "solution '{name}': osmolarity {osmolarity:.0f} mOsm/l, outside the {low:g} to {high:g} of solutions for "
        "vertebrate cells",
        "check the recipe for a forgotten substance",
        *("no potential depends on it, but a cell does, and a recipe that is far off may lack a salt", NOTE),
    )
    # Tables
    VOLTS = (
        *("volts", About.RUN, "potentials in volts"),
        "every potential is within {largest:g} mV of 0, with standard errors up to {largest_se:g} mV: V? give mV",
        *("", "potentials a thousand times too small make every ratio that of equal activities"),
    )
    MOLAR_SOLUTION = (
        *("molar_solution", About.SOLUTION, "a solution in mol/l"),
        "the components of solution '{name}' add up to {own:.3g} mM, those of every other one to {others:.3g} or more: "
        "mol/l? give mM",
        "",
        "a solution a thousand times too dilute shifts its potentials by 170 mV",
    )
    OFFSET_VOLTS = (
        *("offset_volts", About.RUN, "offset of the command in volts"),
        "command_offset_mV {values} in {rows}: V? give mV",
        "",
        "an offset a thousand times too small leaves the command where it was",
    )
    ION_ABSENT = (
        *("ion_absent", About.RUN, "ion in no solution"),
        "key 'fit.permeant': {ion} is in no bath and no pipette of the table, so that its ratio is not identifiable",
        "add a bath with {ion}, or leave it out",
        "nothing depends on its permeability",
    )
    SOME_BLANK = (
        *("some_blank", About.RUN, "some rows without a name"),
        "column '{column}': empty in {rows} but not in all: {consequence}",
        "fill the column in every row or in none",
        "rows without a group form one of their own; a cell without a batch counts as independent of all others",
    )
    SPELLINGS = (
        *("spellings", About.RUN, "names that differ in their spelling"),
        "column '{column}': {names} differ in case, blanks or signs only, and count as different",
        "spell them alike if they are the same",
        "one cell in two spellings counts as two",
    )
    OWN_COLUMNS = (
        *("own_columns", About.RUN, "columns of your own", "columns of your own, carried along: {columns}", ""),
        *("they stand behind the columns of reversal_potentials.csv and decide nothing", NOTE),
    )
