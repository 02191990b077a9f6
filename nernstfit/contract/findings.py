"""Findings about the tables and the configuration of an experiment that do not stop a run.

Each kind of finding is a member of `InputDoubt`: its value is the code, its sentence and remedy hold places for names
and numbers. A finding is a record of one kind with its values, so that console, tables and report can show the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nernstfit.contract.terms import Term


class Severity(Term):
    """Weight of a finding."""

    WARNING = "warning", "warning", "a result may be wrong"
    NOTE = "note", "note", "no result is in doubt"


class About(Term):
    """Kind of thing that a finding is about."""

    RUN = "run"
    SOLUTION = "solution"
    JUNCTION = "junction"
    CELL = "cell"
    RATIO = "ratio"


class InputDoubt(Term):
    """Doubt about the tables or the configuration, found before the run."""

    OWN_COLUMNS = "own_columns", "columns of your own", "columns of your own, carried along: {columns}"
    SOME_BLANK = (
        "some_blank",
        "some rows without a name",
        "column '{column}': empty in {rows} but not in all: these rows count as one more {column}",
        "fill the column in every row or in none",
    )
    SPELLINGS = (
        "spellings",
        "names that differ in their spelling",
        "column '{column}': {names} differ in case, blanks or signs only, and count as different",
        "spell them alike if they are the same",
    )
    CELL_PER_FILE = (
        "cell_per_file",
        "every row a cell",
        "every row is a cell of its own, although files share a stem ({stems}): {n} cells, or fewer in several baths?",
        "give the rows of one cell the same name in column 'cell'",
    )
    EXCHANGED = (
        "exchanged",
        "bath and pipette exchanged",
        "the bath '{bath}' holds {in_bath}, the pipette '{pipette}' {in_pipette}: are the two exchanged?",
        "exchange columns 'bath' and 'pipette' if so",
    )
    ZEROED_INSIDE = (
        "zeroed_inside",
        "offset zeroed in no bath",
        "{key}: '{name}' is the solution in the {what} and no bath of the table",
        "name the bath in which the electrode offset was zeroed",
    )
    UNUSED_BRIDGE = (
        "unused_bridge",
        "bridge without effect",
        "key 'junction.reference.solution': '{name}' has no effect with type '{kind}'",
        "leave it out, or set type: salt-bridge",
    )
    JUNCTION_SIGN = (
        "junction_sign",
        "sign of a measured junction",
        "key 'junction.measured_mV': bath '{bath}': measured {measured:+.1f} mV, calculated {calculated:+.1f} mV "
        "(bath minus pipette): the sign?",
        "give V_bath - V_pipette",
    )
    ION_ABSENT = (
        "ion_absent",
        "ion in no solution",
        "key 'fit.permeant': {ion} is in no bath and no pipette of the table, so that its ratio is not identifiable",
        "add a bath with {ion}, or leave it out",
    )
    MOLAR_SOLUTION = (
        "molar_solution",
        "a solution in mol/l",
        "the components of solution '{name}' add up to {own:.3g} mM, those of every other one to {others:.3g} or more: "
        "mol/l? give mM",
    )
    OFFSET_VOLTS = (
        "offset_volts",
        "offset of the command in volts",
        "command_offset_mV {values} in {rows}: V? give mV",
    )
    VOLTS = (
        "volts",
        "potentials in volts",
        "every potential is within {largest:g} mV of 0, with standard errors up to {largest_se:g} mV: V? give mV",
    )


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    code : InputDoubt
    about : About
    subject : str
        The thing by its name; '' for the run.
    place : str
        The file in question.
    values : mapping
        For the places in sentence and remedy.
    severity : Severity
    """

    code: InputDoubt
    about: About
    subject: str
    place: str
    values: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = Severity.WARNING

    @property
    def sentence(self) -> str:
        """Return what was found."""
        return self.code.sentence.format(**self.values)

    @property
    def remedy(self) -> str:
        """Return what would settle it; '' where there is nothing to do."""
        return self.code.remedy.format(**self.values)

    def __str__(self) -> str:
        if not self.remedy:
            return f"{self.place}: {self.sentence}"
        is_question = self.sentence.endswith("?")
        remedy = f" {self.remedy[0].upper()}{self.remedy[1:]}" if is_question else f"; {self.remedy}"
        return f"{self.place}: {self.sentence}{remedy}"
