"""Registry of findings: each code with its sentence, its remedy, why it matters and what makes it a warning.

codes.yaml beside this module holds the texts. docs/warnings.md is written from them.
"""

from __future__ import annotations

from typing import Any

from nernstfit.contract.declarations import Declarations
from nernstfit.contract.severity import COMMON_RULES, ERROR, About
from nernstfit.contract.terms import RatioVerdict, Term, ValidityTest

_TEXTS: Declarations[dict[str, str]] = Declarations("codes.yaml", lambda _, texts: texts)
_ATTRIBUTES = ("about", "label", "sentence", "remedy", "reference", "why", "rule")


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

    def __new__(cls, value: str) -> Code:
        """Make a member, without its texts."""
        member = str.__new__(cls, value)
        member._value_ = value
        return member

    def __getattr__(self, name: str) -> Any:
        """Give a member its texts, when one of them is first asked for."""
        if name not in _ATTRIBUTES:
            raise AttributeError(name)
        texts = _TEXTS[self.value]
        self.about, self.label, self.reference = About(texts["about"]), texts["label"], ""
        self.sentence, self.remedy = texts["sentence"], texts.get("remedy", "")
        self.why, self.rule = texts["why"], texts["severity"].format(**COMMON_RULES)
        return getattr(self, name)

    @property
    def is_error(self) -> bool:
        """Return True where a finding of this kind says that a number must not be used."""
        return self.rule == ERROR

    @classmethod
    def of_test(cls, test: ValidityTest) -> Code:
        """Return the code of a test of the equation, which has the test's name."""
        return cls(str(test))

    # Errors
    NO_REVERSAL = "no_reversal"
    MODEL_REJECTED = str(RatioVerdict.MODEL_REJECTED)
    NO_RATIO = "no_ratio"
    FAR_OFF = "osmolality_far_off"
    # Ratios
    PRECIPITATING_RATIO = "precipitating_ratio"
    NOT_IDENTIFIABLE = str(RatioVerdict.NOT_IDENTIFIABLE)
    FACTOR = "factor_not_identifiable"
    FACTOR_FITS = "activity_correction_fits"
    NO_INTERVAL = "no_interval"
    ONE_CELL = "one_cell"
    UNTESTED = "equation_untested"
    SINGLE_BATHS = "single_baths"
    LEFT_OUT = "potentials_left_out"
    GROSS_ERRORS = "gross_errors"
    WITHOUT_WEIGHT = "without_weight"
    OUTLYING_CELL = "outlying_cell"
    OUTLYING_MEASUREMENT = "outlying_measurement"
    OUTLYING_OFFSET = "outlying_offset"
    OFFSETS_OFF_ZERO = "offsets_off_zero"
    SYSTEMATIC_WEIGHTS = "systematic_weights"
    INTERVALS_DISAGREE = "intervals_disagree"
    ACTIVITY_ESTIMATED = "activity_estimated"
    ACTIVITY_CONVENTION = "activity_convention"
    # Tests of the equation
    LACK_OF_FIT = str(ValidityTest.LACK_OF_FIT)
    SHIFT_METHOD = str(ValidityTest.SHIFT_METHOD)
    TIME = str(ValidityTest.TIME)
    POTENTIAL = str(ValidityTest.POTENTIAL)
    CONDUCTANCE = str(ValidityTest.CONDUCTANCE)
    MOLE_FRACTION = str(ValidityTest.MOLE_FRACTION)
    ACCUMULATION = str(ValidityTest.ACCUMULATION)
    ACTIVITY = str(ValidityTest.ACTIVITY)
    PERMEABILITY_TREND = str(ValidityTest.PERMEABILITY_TREND)
    SCATTER = str(ValidityTest.SCATTER)
    # Replicates
    DUPLICATES = "duplicate_recordings"
    COPIED = "copied_potentials"
    SAME_START = "same_start"
    CELLS_OF_ONE_NAME = "cells_of_one_name"
    RECORDING_DIFFERS = "recording_differs"
    CELL_PER_FILE = "cell_per_file"
    DAYS_DIFFER = "days_differ"
    DAYS = "days_without_batch"
    COLUMN_DIFFERS = "column_differs"
    BATCH_COLUMN = "batch_column"
    GROUPS_CONFOUNDED = "groups_confounded"
    FEW_BATCHES = "few_batches"
    BOUND = "bound"
    HELD = str(RatioVerdict.HELD)
    FEW_CELLS = "few_cells"
    # Measurements
    REFUSED = "refused"
    DEFAULT_CHANGED = "default_changed"
    LEAK = "leak_not_subtracted"
    TAIL = "leak_beside_tail"
    FLATTENS = "flattens_beside_leak"
    OPENS = "leak_before_opening"
    AT_STEP = "window_at_step"
    RS_ERROR = "series_resistance_error"
    HUM = "hum"
    MISMATCH = "voltage_mismatch"
    CAPACITANCE = "capacitance_unknown"
    CAPACITANCE_CANCELLED = "capacitance_cancelled"
    CAPACITANCE_STATED = "capacitance_contradicted"
    FILTER_DELAY = "filter_delay"
    SATURATED = "saturated"
    HOLDING_BESIDE = "leak_at_holding"
    HOLDING = "holding_current"
    DRIFT = "zero_drifts"
    ESTIMATORS = "estimators_differ"
    STEEPENS = "steep_crossing"
    HYSTERESIS = "ramps_differ"
    FLAGGED = "flagged"
    LIMIT = "limit_only"
    TEST_PULSE = "test_pulse"
    ROW_EXCLUDED = "row_excluded"
    RS_UNKNOWN = "series_resistance_unknown"
    BELOW_THERMAL = "noise_below_thermal"
    # Junctions and solutions
    JUNCTION_SIGN = "junction_sign"
    JUNCTION_NONE = "junction_uncorrected"
    JUNCTION_UNKNOWN = "junction_unknown"
    JUNCTION_UNSETTLED = "junction_unsettled"
    ZEROED_INSIDE = "zeroed_inside"
    UNUSED_BRIDGE = "unused_bridge"
    EXCHANGED = "exchanged"
    CHARGE = "charge_excess"
    STRENGTH = "ionic_strength"
    FREE_METAL = "binding_not_calculated"
    UNKNOWN_COMPLEX = "complex_not_calculated"
    BOUND_METAL = "chelator_saturated"
    CHELATOR_EXCEEDED = "chelator_exceeded"
    UNBUFFERED = "unbuffered"
    TITRANT = "titrant_of_wrong_sign"
    CARBONATE_CONTRADICTED = "carbonate_contradicted"
    CLOSED_CARBONATE = "closed_carbonate"
    PRECIPITATE_PERMEANT = "permeant_ion_precipitates"
    PRECIPITATE = "precipitate"
    SUPERSATURATED = "supersaturated"
    PRECIPITATE_AT_OWN_PH = "precipitate_at_own_pH"
    BEYOND_SOLUBILITY = "beyond_solubility"
    DECIMAL_SLIP = "decimal_slip"
    UNLIKE = "osmolality_unlike"
    BRIDGE_SLIP = "bridge_slip"
    OSMOLARITY = "osmolarity"
    # Tables
    MOLAR_SOLUTION = "molar_solution"
    WINDOW_SECONDS = "window_seconds"
    OFFSET_VOLTS = "offset_volts"
    ION_ABSENT = "ion_absent"
    SOME_BLANK = "some_blank"
    TEMPERATURES = "temperatures_in_cell"
    TEMPERATURE_UNUSUAL = "temperature_unusual"
    SPELLINGS = "spellings"
    OWN_COLUMNS = "own_columns"
