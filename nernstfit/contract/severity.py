"""Severity of a finding, the kinds of things that findings are about, and the rules that decide the severity."""

from __future__ import annotations

from nernstfit.contract.terms import Term


class Severity(Term):
    """Weight of a finding, the heaviest first."""

    ERROR = "error", "error", "a number must not be used"
    WARNING = "warning", "warning", "a potential may be wrong by 1 mV, or a ratio by half its interval"
    NOTE = "note", "note", "no result is in doubt, or by less"


class About(Term):
    """Kind of thing that a finding is about."""

    RUN = "run", "run", "the whole run, or one of its groups"
    SOLUTION = "solution", "solution", "a solution by its name"
    JUNCTION = "junction", "junction", "the junction of a bath by its name"
    MEASUREMENT = "measurement", "measurement", "a row of reversal_potentials.csv by the name of its measurement"
    CELL = "cell", "cell", "a cell by its name"
    RATIO = "ratio", "ratio", "a ratio such as K/Na"


ERROR = "always an error"
COMMON_RULES = {
    "of_potential": "a warning from 1 mV on, else a note",
    "of_ratio": "a warning where the ratio changes by half its interval or more, else a note",
    "of_test": "a warning where p, times the number of different deviations tested, is below 1 - fit.confidence and "
    "the effect over the range of the data is 1 mV or more, or half the interval of a ratio; else a note",
}
"""Rules that several findings have, by the names that stand for them in codes.yaml."""
