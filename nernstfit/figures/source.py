"""Source data of figures: what is drawn, as a CSV file of the name of the figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nernstfit.contract import tables
from nernstfit.contract.findings import NO_GROUP

if TYPE_CHECKING:
    from nernstfit.figures.drawing import Drawing

COLUMNS: Mapping[str, str] = {
    "drawn": "What the row is in the figure, such as `bath`, `fitted`, `cell`, `mean`, `true ratio`",
    "group": "Group of the cells",
    "groups": "The two groups that are compared",
    "cell": "Name of the cell, in a figure of several groups with its group",
    "measurement": "Name of the measurement",
    "bath": "Name of the bath",
    "ion": "Ion",
    "reference": "Reference ion",
    "step": "Last correction that was made",
    "source": "Source of the variance",
    "verdict": "Verdict on the ratio",
    "ratio": "Permeability of the ion relative to that of the reference",
    "ratio_of_ratios": "Ratio of one group divided by that of the other",
    "low": "Lower end of the interval of the ratio",
    "high": "Upper end of the interval of the ratio",
    "significant": "Whether the difference is significant after Holm's correction",
    "percent_of_variance": "Part of the source in the variance of ln P, percent",
    "activity_mM": "Activity of the ion in the bath, mM",
    "potential_mV": "Mean corrected reversal potential in the bath, mV",
    "corrected_mV": "Corrected reversal potential, mV",
    "predicted_mV": "Predicted reversal potential, mV",
    "measured_mV": "Measured reversal potential, corrected, mV",
    "residual_mV": "Measured minus predicted potential, mV",
    "offset_mV": "Fitted electrode offset of the cell, mV",
    "driving_force_mV": "Measured minus Nernst potential, mV",
    "membrane_potential_mV": "Membrane potential, mV",
    "relative_current": "Outward current divided by the largest of the cell in any bath",
    "sem_of_relative_current": "Standard error of the mean over cells",
    "sweep": "Number of the sweep, from 0",
    "t_ms": "Time from the start of the sweep, ms",
    "low_pA": "Lowest current around this time, pA",
    "high_pA": "Highest current around this time, pA",
    "command_mV": "Command potential, mV",
    "voltage_mV": "Voltage of the I-V curve, mV",
    "current_pA": "Current of the I-V curve, pA",
    "se_pA": "Standard error of the current, pA",
}
"""Every column that a figure's data may have, with its meaning and unit."""


def write(path: Path, drawing: Drawing) -> None:
    """Write the source data of a figure.

    Raises
    ------
    UndeclaredContent
        For a column that is not declared: a fault of the code.
    """
    frame = drawing.source()
    undeclared = [name for name in frame if name not in COLUMNS]
    if undeclared:
        raise tables.UndeclaredContent(f"{drawing.name}.csv: {undeclared} not declared in figures/source.py")
    if "group" in frame:
        frame = frame.assign(group=frame["group"].replace(NO_GROUP, ""))
    tables.write_columns(path, frame.to_dict("list"))
