"""The vocabulary of the contract: every word that a table or the configuration may hold, with its meaning.

A term is a text (it compares, sorts and prints as its value) that also carries what readers are told
of it. Code names a term by its member (`PotentialVerdict.REVERSAL`), never by the text.
"""

from __future__ import annotations

from enum import StrEnum


class Term(StrEnum):
    """A word of the contract.

    Attributes
    ----------
    label : str
        Name in running text and figures.
    sentence : str
        Meaning, as a part of a sentence or a whole one.
    remedy : str
        Action that would change the outcome; '' where there is none.
    reference : str
        Publications behind a method as the list of references gives them, separated by '; '; '' where there is none.
    """

    label: str
    sentence: str
    remedy: str
    reference: str

    def __new__(cls, value: str, label: str = "", sentence: str = "", remedy: str = "", reference: str = "") -> Term:
        """Make a member whose value is its text."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label or value
        member.sentence, member.remedy, member.reference = sentence, remedy, reference
        return member


REACH_MV = ("reach_below_mV", "reach_above_mV")
"""Columns of the distances by which a potential may lie below and above its value, beside its standard errors."""


class PotentialVerdict(Term):
    """Verdict on one measurement."""

    REVERSAL = "reversal", "reversal", "the current crosses zero, and its potential enters the fit"
    NO_CROSSING = (
        "no_crossing",
        "no crossing",
        "the current does not cross zero within the range of voltages",
        "record over a wider range of voltages",
    )
    AMBIGUOUS = (
        "ambiguous",
        "ambiguous",
        "the interval is too wide, or several crossings lie too far apart",
        "record more levels near the zero, or with less noise",
    )
    NOT_A_REVERSAL = (
        "not_a_reversal",
        "not a reversal",
        "the current touches zero without a reversal there",
        "subtract the leak, or measure tail currents",
    )
    UNREADABLE = (
        "unreadable",
        "unreadable",
        "the recording cannot be read, or holds no voltage-clamp current",
        "replace the file, or exclude the row",
    )
    EXCLUDED = "excluded", "excluded", "the table excludes the row"


class RatioVerdict(Term):
    """Verdict on one permeability ratio."""

    ESTIMATE = "estimate", "estimate", "the likelihood falls on both sides of the ratio"
    UPPER_BOUND = "upper_bound", "upper bound only", "the data allow that the ion does not permeate"
    LOWER_BOUND = "lower_bound", "lower bound only", "the data allow that the reference ion does not permeate"
    NOT_IDENTIFIABLE = "not_identifiable", "not identifiable", "the data do not determine the ratio"
    MODEL_REJECTED = "model_rejected", "model rejected", "the potentials contradict the equation: no interval is valid"
    HELD = "held", "held", "fit.parameters holds, ties or bounds the ratio: no interval of its own"


class RatioScope(Term):
    """Object of a ratio and its interval."""

    POPULATION = "population", "population of cells"
    CELL = "cell", "this cell alone"


class PublishedForm(Term):
    """Form in which papers print a ratio; sentence: its formula, reference: a paper that uses or derives it."""

    GHK = (
        "ghk",
        "P (GHK, the form of this report)",
        "P(M)/P(X), I = P z^2 (V F^2/RT) [in - out exp(-zFV/RT)] / [1 - exp(-zFV/RT)]; with X inside and M outside "
        "alone [X] x (1 + x) / (4 [M]), x = exp(FE/RT)",
        "",
        "Spangler 1972, Ala J Med Sci 9:218",
    )
    WITHOUT_FACTOR = (
        "ghk_without_4",
        "P that includes the factor 4",
        "4 P(M)/P(X); with X inside and M outside alone [X] x (1 + x) / [M], x = exp(FE/RT)",
        "",
        "Spangler 1972, Ala J Med Sci 9:218, with its factor 4 counted as a part of P",
    )
    LEWIS = (
        "lewis",
        "P' = P / (1 + x)",
        "P'(M)/P(X) with P' = P / (1 + x); with X inside and M outside alone [X] x / (4 [M]), x = exp(FE/RT)",
        "",
        "Lewis 1979, J Physiol 286:417",
    )
    LEWIS_WITHOUT_FACTOR = (
        "lewis_without_4",
        "4 P' = 4 P / (1 + x)",
        "4 P'(M)/P(X) with P' = P / (1 + x); with X inside and M outside alone [X] x / [M], x = exp(FE/RT)",
        "",
        "Lewis 1979, J Physiol 286:417, with its factor 4 counted as a part of P'",
    )
    FRACTIONAL_CURRENT = (
        "fractional_current",
        "fractional current",
        "I(M) / sum of all currents, each P z^2 (V F^2/RT) [in - out exp(-zFV/RT)] / [1 - exp(-zFV/RT)]; with equal "
        "monovalent cations X on both sides and M outside alone "
        "[M] / {[M] + [X] (P(X)/P(M)) [1 - exp(2FV/RT)] / 4}",
        "",
        "Schneggenburger et al. 1993, Neuron 11:133",
    )
    CHORD_CONDUCTANCE = (
        "chord_conductance",
        "chord conductance ratio",
        "g(M)/g(X), g = I(V) / (V - E) of the I-V curve of the same cell in a bath of each ion",
        "",
        "Hodgkin & Huxley 1952, J Physiol 116:449",
    )
    SLOPE_CONDUCTANCE = (
        "slope_conductance",
        "slope conductance ratio",
        "g(M)/g(X), g = dI/dV between the levels beside V of the I-V curve of the same cell in a bath of each ion",
        "",
        "Hille 2001, Ion Channels of Excitable Membranes, 3rd edition, Sinauer, chapter 14",
    )


class RatioBasis(Term):
    """Quantity from which a ratio is calculated."""

    ACTIVITY = "activity", "activities"
    CONCENTRATION = "concentration", "concentrations"
    CURRENT = "current", "currents"


class IntervalMethod(Term):
    """Method by which the interval of a permeability ratio is calculated."""

    DEFAULT = "default", "reported interval", "all errors included; one-sided for a bound"
    CELLS = "cells", "between-cell interval", "between-cell interval (without systematic errors)"
    PROFILE = "profile", "profile likelihood", "profile likelihood over cells, at the level of Student's t"
    BOOTSTRAP = (
        "bootstrap",
        "bootstrap over cells",
        "bootstrap over cells (2,000 resamples, variance components fixed, widened for few cells)",
    )
    STUDENT = "t", "t of single cells", "Student's t of the ln ratios estimated from single cells"


class ValidityTest(Term):
    """Test of an assumption against the residuals; label: the question, sentence: the meaning of a small p."""

    LACK_OF_FIT = (
        "lack_of_fit",
        "Do the ratios explain the mean of every bath?",
        "no set of ratios explains the means of the baths",
    )
    SHIFT_METHOD = (
        "shift_method",
        "Are all potentials shifted by a common offset?",
        "all potentials have a common offset, as from a wrong junction potential; ratios from potential shifts alone "
        "differ from the fitted ones",
        "",
        "Hausman 1978, Econometrica 46:1251",
    )
    TIME = "time", "Do the potentials drift?", "the potentials drift within cells"
    POTENTIAL = (
        "potential",
        "Do residuals depend on the potential?",
        "residuals depend on the potential: voltage dependence, or uncorrected series resistance",
    )
    CONDUCTANCE = (
        "conductance",
        "Do residuals depend on the conductance?",
        "residuals depend on the slope conductance: ion accumulation or depletion, or uncorrected series resistance",
    )
    MOLE_FRACTION = (
        "mole_fraction",
        "Do mixtures of two ions deviate from both alone?",
        "mixtures of two ions deviate from what the pure baths imply: anomalous mole-fraction effect in the potential",
        "",
        "Hagiwara & Takahashi 1974, J Membr Biol 18:61",
    )
    ACCUMULATION = (
        "accumulation",
        "Does the zero drift with the charge passed?",
        "the zero of a recording drifts with the charge that its current has carried: ion accumulation or depletion",
    )
    PERMEABILITY_TREND = (
        "permeability_trend",
        "Is each permeability constant?",
        "a ratio changes with the activity of its ion: anomalous mole-fraction effect, block or saturation",
    )
    ACTIVITY = (
        "activity",
        "Do residuals depend on an activity?",
        "residuals depend on the activity of an ion in the bath",
    )
    SCATTER = (
        "scatter",
        "Do measurements scatter more than their errors explain?",
        "measurements scatter more than their standard errors and the differences between cells explain",
    )


class Configuration(Term):
    """Recording configuration; it decides signs and junctions."""

    WHOLE_CELL = "whole-cell", "the whole-cell configuration", "the pipette is inside, the bath outside"
    OUTSIDE_OUT = "outside-out", "outside-out patches", "a patch with the pipette inside, the bath outside"
    INSIDE_OUT = (
        "inside-out",
        "inside-out patches",
        "a patch with the bath inside, the pipette outside: the command has the opposite sign",
    )
    TWO_ELECTRODE = (
        "two-electrode",
        "two-electrode voltage clamp",
        "a cell between two electrodes, its inside not set by a pipette, the bath outside",
    )

    @property
    def sign(self) -> int:
        """-1 where the bath is the inside of the membrane, else 1."""
        return -1 if self is Configuration.INSIDE_OUT else 1


class CorrectionStep(Term):
    """Step of the correction ladder, in the order in which the steps are applied."""

    NONE = "none", "none", "zeros of the unsubtracted current with concentrations; electrode offsets count as scatter"
    LEAK = "leak", "+ leak", "leak and capacitive current are subtracted"
    SERIES_RESISTANCE = "series_resistance", "+ series resistance", "the voltage is corrected for series resistance"
    JUNCTION = "junction", "+ junction potential", "the junction potentials are added"
    ACTIVITY = "activity", "+ activities", "activities take the place of concentrations"
    OFFSET = "offset", "+ electrode offsets", "each cell has one electrode offset, as in the reported fit"


class Role(Term):
    """Part of a recording that the points of a measurement belong to."""

    SIGNAL = "signal", "signal"
    LEAK = "leak", "leak"
    BACKGROUND = "background", "background"
    OPPOSITE = "opposite", "opposite ramp"
    PAIR = "pair", "another ramp, whose opposite is `opposite`"
    EARLY = "early", "early part of the epoch"
    MIDDLE = "middle", "middle part of the epoch"
    SETTLING_1 = "settling_1", "first of three neighbouring parts of the epoch, in which its current settles"
    SETTLING_2 = "settling_2", "second of them"
    SETTLING_3 = "settling_3", "third of them, to the end of the window"
    LATE = "late", "late part of the epoch, after a window that was chosen"
    FOLLOWING_1 = "following_1", "as long as a window that was chosen, right behind it"
    FOLLOWING_2 = "following_2", "as long again, behind that"
    HOLDING = "holding", "level before the epoch, the same in all sweeps"


class JunctionMethod(Term):
    """Method by which a liquid junction potential is calculated."""

    HENDERSON = "henderson", "Henderson", "by Henderson's equation", "", "Henderson 1907, Z phys Chem 59:118"
    NERNST_PLANCK = (
        "nernst-planck",
        "Nernst-Planck",
        "for the stationary state of the Nernst-Planck equations",
        "",
        "Planck 1890, Ann Phys 276:561; Marino et al. 2014, Bioelectrochemistry 98:1",
    )
    NONE = "none", "none", "no junction potential is applied"


class JunctionBasis(Term):
    """Quantity from which a liquid junction potential is calculated."""

    CONCENTRATION = "concentration", "concentrations"
    ACTIVITY = "activity", "activities"


class ReferenceElectrode(Term):
    """Reference electrode in the bath."""

    SALT_BRIDGE = "salt-bridge", "a salt bridge", "through a salt bridge"
    PELLET = "pellet", "a bare Ag/AgCl pellet in the bath", "by a bare Ag/AgCl pellet in the bath"
    NONE = "none", "a compartment that does not change", "in a compartment that did not change"


class ActivityModel(Term):
    """Model of activity coefficients."""

    PITZER = "pitzer", "Pitzer's equations", "", "", "Pitzer 1973, J Phys Chem 77:268"
    DAVIES = "davies", "the Davies equation", "", "", "Davies 1962, Ion Association, Butterworths"
    DEBYE_HUCKEL = (
        "debye-huckel",
        "the extended Debye-Hückel equation",
        "",
        "",
        "Debye & Hückel 1923, Phys Z 24:185",
    )
    CONCENTRATION = "concentration", "concentrations in place of activities"


class Convention(Term):
    """Convention by which mean activity coefficients are divided between single ions (Pitzer's equations only)."""

    MACINNES = "macinnes", "MacInnes"
    RAW = "raw", "raw"
    GUGGENHEIM = "guggenheim", "Guggenheim"


class CorrectionKind(Term):
    """Solution whose activities a fitted factor multiplies."""

    PIPETTE = "pipette", "the pipette solution"
    BATH = "bath", "a bath"


class Statistic(Term):
    """Statistic of the current in the window."""

    MEAN = "mean", "mean"
    MEDIAN = "median", "median"
    PEAK = "peak", "peak"


class Leak(Term):
    """Leak that is subtracted from the current."""

    NONE = "none", "none", "nothing is subtracted"
    LINEAR = "linear", "linear", "a straight line fitted below activation"
    BACKGROUND = "background", "background", "the current of the recording in column `subtract`"
    EPOCH = "epoch", "epoch", "the leak of another epoch of the same recording, named by its letter as `epoch:A`"

    @classmethod
    def of(cls, value: str) -> Leak:
        """Return the term of a value of `measure.leak`, such as `epoch:A`."""
        return cls(value.partition(":")[0])


class Voltage(Term):
    """Voltage against which the current is plotted."""

    AUTO = "auto", "the command, where no recorded membrane voltage contradicts it"
    COMMAND = "command", "the command"
    RECORDED = "recorded", "the recorded membrane voltage"


class OpenPore(Term):
    """Consequence of an I-V curve around the zero that an open pore cannot have."""

    REFUSE = "refuse", "refuse", "such a crossing is not a reversal; a flag where it flattens, or a leak was subtracted"
    FLAG = "flag", "flag", "such a crossing is a reversal with a flag"
    NONE = "none", "none", "the shape of the curve is not examined"


class BandwidthSource(Term):
    """Source of the bandwidth of the recorded current."""

    TELEGRAPH = "telegraph", "amplifier telegraph", "the amplifier telegraphed the corner of its low-pass filter"
    HEADER = "header", "acquisition program", "a low-pass filter was entered by hand in the acquisition program"
    SOFTWARE = "software", "digital filter", "a low-pass filter was applied to the samples afterwards"
    NYQUIST = "nyquist", "Nyquist frequency", "half the sampling rate, where the file names no lower filter"


class ErrorSource(Term):
    """Source of the variance of a ln ratio; the remedy makes it smaller, {ion} stands for the ion's name."""

    NOISE = (
        "noise",
        "measurement noise",
        "standard errors of the measured potentials",
        "lower noise, more repeats or longer windows in the baths that determine P({ion})",
    )
    CELLS = "cells", "differences between cells", "ratios that differ from cell to cell", "more cells"
    BATCH = "batch", "differences between batches", "ratios that differ from batch to batch", "more batches"
    OFFSET = (
        "offset",
        "electrode offsets",
        "an offset of the electrode in each cell",
        "more cells, or a control bath in each that determines its offset",
    )
    JUNCTION = (
        "junction",
        "mobilities and junction equation",
        "mobilities of the ions, their change with the ionic strength, and the difference between the two junction "
        "equations; common to all cells",
        "a measured junction potential, or baths and a bridge that keep it small",
    )
    ACTIVITY = (
        "activity",
        "activity model and convention",
        "difference to another convention of the activities of single ions, or another model, in junctions and at the "
        "membrane alike; common to all cells",
        "test and reference ions of one charge at one ionic strength",
    )
    TEMPERATURE = (
        "temperature",
        "temperature",
        "temperature of the bath; common to all cells",
        "a measured bath temperature",
    )
    CONCENTRATION = (
        "concentration",
        "concentrations",
        "concentrations as made up; common to all cells",
        "solutions made up or assayed more closely",
    )
    EQUILIBRIA = (
        "equilibria",
        "stability constants and pH",
        "constants of the complexes of metals, and the pH as measured; common to all cells",
        "free metal measured with an electrode or dye, or baths without a chelator",
    )
    CAPACITANCE = (
        "capacitance",
        "unknown membrane capacitance",
        "charging current of ramps without a known membrane capacitance or series resistance; common to all cells",
        "ramps in both directions, or columns capacitance_pF and series_resistance_MOhm",
    )
    FILTER = (
        "filter",
        "delay of the low-pass filter",
        "delay of the current of ramps by a low-pass filter of unknown kind; common to all cells",
        "ramps in both directions, slower ramps, or a filter of higher corner",
    )
