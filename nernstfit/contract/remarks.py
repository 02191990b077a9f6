"""Flags of a measurement: remarks with a value, in the column `flags` of reversal_potentials.csv."""

from __future__ import annotations

from nernstfit.contract.terms import Term


class Flag(Term):
    """Remark on one measurement, written as `name=value`; the sentence gives the meaning and unit of the value."""

    RS_UNKNOWN = (
        "rs_unknown",
        "series resistance unknown",
        "no series resistance was given, and none is corrected for (true)",
    )
    RS_MAX_ERROR = (
        "rs_max_error",
        "series-resistance error",
        "largest voltage error across the uncompensated series resistance in the levels used, mV",
    )
    LEVELS_LEFT_OUT = (
        "levels_left_out",
        "levels left out",
        "number of levels that are not used, because their current leaves the course of the others or places them among"
        " these across the series resistance: seal breaks, artefacts, channels that open",
    )
    LEVEL_ERROR = (
        "level_error",
        "error of the levels",
        "standard error of a current of an I-V curve measured elsewhere that gives none, by repeats of the curve or by "
        "its scatter about a smooth curve, pA",
    )
    REPEATS = "repeats", "repeats", "largest number of sweeps averaged at one level"
    EXCESS_SCATTER = (
        "excess_scatter",
        "excess scatter",
        "spread between repeats over the spread that the noise within the window explains (ratio); se_mV includes it",
    )
    DRIFT = (
        "drift",
        "drift",
        "shift of the zero from the first repeat to the last, mV; further_se_mV reaches to both",
    )
    STATES = (
        "states",
        "states of the sweeps",
        "distance between the outermost zeros of states into which the sweeps fall, in ranges or by turns, mV; column "
        "states gives sweeps and zero of each, and low_mV and high_mV reach to all of them; a single sweep among fewer "
        "than six is only told",
    )
    HOLDING_STEP = (
        "holding_step",
        "holding current steps",
        "step of the current at a level before the epoch between two sweeps, as when a seal breaks, over the slope at "
        "the zero, mV; further_se_mV reaches as far",
    )
    HOLDING_DRIFT = (
        "holding_drift",
        "holding current drifts",
        "drift of the current at a level before the epoch over the sweeps, as of a seal or a baseline, over the slope "
        "at the zero, mV, or that of a leak that grows, if it is larger; less where repeats, or the levels, show "
        "that it acts less at the zero, as of a current that runs down as a whole; further_se_mV reaches as far",
    )
    HOLDING_SCATTER = (
        "holding_scatter",
        "baseline wanders",
        "standard error of the zero by a baseline that wanders from sweep to sweep, as the current at a level before "
        "the epoch and the roughness of the I-V curve show it, mV; se_mV and further_se_mV include it",
    )
    HOLDING_BESIDE = (
        "holding_beside",
        "holding current beside the channels",
        "shift of the zero, mV, if the current at a level before the epoch that channels with that zero cannot carry "
        "were subtracted: of a leak, or a baseline off zero",
    )
    MOVES = (
        "moves",
        "moves along the epoch",
        "largest difference between the zeros along the epoch, early to late or late to that of the settled current "
        "(extrapolated), mV, where it is significant and at most 3 mV: a tail, or a clamp that settles slowly; "
        "further_se_mV includes it",
    )
    LEFT_OF_TAIL = (
        "left_of_tail",
        "current left of a tail",
        "shift of the zero of a current that has changed late in the epoch, mV, if what flows there were subtracted: "
        "of a tail, or a peak, beside a leak or channels that open later; where that leaves no zero, by all that flows "
        "late, and from 3 mV on as far as the levels reach; true where it cannot be told from 0; low_mV and high_mV "
        "reach to it, and further by its error",
    )
    LEAK_FRACTION = (
        "leak_fraction",
        "leak fraction",
        "fraction of the slope of the total current at the zero that was subtracted (ratio)",
    )
    ESTIMATORS_DISAGREE = (
        "estimators_disagree",
        "estimators disagree",
        "zero by the second estimator minus that by the chosen one, mV, where it exceeds two standard errors; "
        "the fit takes it as a further error",
    )
    ONE_ESTIMATOR = (
        "one_estimator",
        "one estimator",
        "the curve of the second estimator has no zero between the levels where the current changes sign (true)",
    )
    FILTER_DELAY = (
        "filter_delay",
        "delay of the filter corrected",
        "shift of a ramp's zero, mV, by the correction for the delay of the current in the low-pass filter of the "
        "amplifier or the program; raw_mV includes it",
    )
    TRANSIENT_REMOVED = (
        "transient_removed",
        "capacitive transient subtracted",
        "shift of the zero at a peak, mV, by the subtraction of what is left of the capacitive transient of the step; "
        "raw_mV includes it, further_se_mV its error",
    )
    CAPACITY_REMOVED = (
        "capacity_removed",
        "capacitive current subtracted",
        "membrane capacitance whose capacitive current was subtracted from a ramp, pF; leak_shift_mV includes it; "
        "below 0 where the current of both directions lags behind the command",
    )
    CAPACITY_BY_RECORDING = "capacity_by_recording", "capacitance by steps", "of the recording, or other ramps (true)"
    CAPACITY_BY_AMPLIFIER = "capacity_by_amplifier", "capacitance by the amplifier", "the ramp's start shows it (true)"
    CAPACITY_BY_CELL = "capacity_by_cell", "capacitance by another recording", "of the cell; the ramp's start shows it"
    CAPACITY_SERVES = (
        "capacity_serves",
        "capacitance for the cell's ramps",
        "membrane capacitance by the voltage steps of a recording without an I-V curve, pF; ramps of the cell whose "
        "own capacitance is not known take it",
    )
    CAPACITY_UNKNOWN = (
        "capacity_unknown",
        "capacitance unknown",
        "possible shift of a ramp's zero by the capacitive current of an unknown membrane capacitance, mV (95 % limit, "
        "to one side); a systematic error of the fit",
    )
    CAPACITY_CANCELLED = (
        "capacity_cancelled",
        "capacitive current cancelled",
        "possible shift of a ramp's zero, mV (95 % limit, to one side), by a capacitive current that the amplifier may "
        "have cancelled: its drop across the series resistance, and the lag of the membrane behind the command; a "
        "systematic error of the fit",
    )
    CAPACITY_CONTRADICTED = (
        "capacity_contradicted",
        "stated capacitance contradicted",
        "capacitance of the table, pF, which the recording contradicts and which was not used",
    )
    HYSTERESIS = (
        "hysteresis",
        "hysteresis",
        "the ascending and descending ramps differ by more than a constant and do not determine the membrane "
        "capacitance (true)",
    )
    STEEPENS = (
        "steepens",
        "steepens",
        "the slope around the zero rises faster with depolarisation than in an open pore: valence of the ions of an "
        "open pore that would rise as fast (true where a slope is not positive)",
    )
    FLATTENS = (
        "flattens",
        "flattens",
        "the slope around the zero falls faster with depolarisation than in an open pore, as by inward rectification; "
        "beside a leak the zero then lies between that of the channels and that of the leak: valence of the ions of an "
        "open pore that would fall as fast (true where a slope is not positive)",
    )
    BEFORE_OPENING = (
        "before_opening",
        "current before channels open",
        "shift of a zero around which the current flattens, mV, if the current that flows early in the epoch, before "
        "channels open in it, were subtracted: of a leak beside channels that open with hyperpolarisation; true where "
        "that leaves no zero",
    )
    CLIPPED = "clipped", "clipped", "fraction of the samples in the window at the limit of the converter"
    SATURATED = (
        "saturated",
        "saturated",
        "sweeps, or parts of a ramp, are left out whose current is at a limit of the converter or the amplifier (true)",
    )
    TREND = (
        "trend",
        "trend",
        "change of the current along the window over its range between sweeps, where it is largest (ratio): the "
        "current settles, activates or inactivates within the window",
    )
    AT_STEP = (
        "at_step",
        "window at the step",
        "time from the step on for which it may still charge the membrane, ms: five time constants, or 1 ms where they "
        "are not known; the window begins before, and the current changes along it, has its peak in it, or the window "
        "ends within 1 ms of the step",
    )
    HUM = (
        "hum",
        "hum",
        "frequency of a periodic disturbance of the current, as by the mains, Hz, where a mean over the window keeps "
        "more of it than half of the noise; se_mV includes it, of unknown phase",
    )
    COMMAND_MISMATCH = (
        "command_mismatch",
        "command mismatch",
        "difference between the recorded membrane voltage and the command, which nine of ten settled levels do not "
        "exceed, mV",
    )
    ONLINE_SUBTRACTION = (
        "online_subtraction",
        "on-line leak subtraction",
        "the protocol subtracts leak on line, by P/N sub-pulses outside the stored sweep or by a resistance; the "
        "current may be the corrected one (true)",
    )
    CONDITIONING_TRAIN = (
        "conditioning_train",
        "conditioning train",
        "the protocol plays a conditioning train before each sweep, outside of what is stored (true)",
    )
