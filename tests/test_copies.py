"""Copied potentials: what is told of a table with copied values, and nothing where chance made some equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding
from nernstfit.contract.severity import Severity
from nernstfit.judgement.copies import Potential, findings

CELLS, BATHS = [f"c{i}" for i in range(1, 7)], ["control", "K", "Cs", "Li", "NMDG", "low_Cl", "half"]
Table = dict[tuple[str, str], float]
Copy = Callable[[Table], None]


def table(seed: int, step: float = 0.01, copy: Copy = lambda values: None, scatter: float = 1.0) -> Table:
    """Potentials of six cells in seven baths, written in steps; cells differ by an offset and in every bath."""
    rng = np.random.default_rng(seed)
    means = rng.uniform(-60.0, 20.0, len(BATHS)) * (scatter > 0)
    offsets = 1.5 * scatter * rng.standard_normal(len(CELLS))
    exact = means + offsets[:, None] + np.hypot(scatter, 0.4) * rng.standard_normal((len(CELLS), len(BATHS)))
    written = np.round(np.round(exact / step) * step, 6)
    values = {(cell, bath): float(written[i, j]) for i, cell in enumerate(CELLS) for j, bath in enumerate(BATHS)}
    copy(values)
    return values


def told(values: Table, se_mV: float = 0.4) -> list[Finding]:
    return list(
        findings(
            Potential(f"{cell}:{bath}", ("", cell), (bath, "pipette", "whole-cell"), 22.0, mV, se_mV)
            for (cell, bath), mV in values.items()
        )
    )


def column(*cells: str) -> Copy:
    return lambda values: values.update({(cell, "Cs"): values[cell, "K"] for cell in cells})


def cell(*baths: str) -> Copy:
    return lambda values: values.update({("c5", bath): values["c2", bath] for bath in baths})


def filled(*cells: str) -> Copy:
    return lambda values: values.update({(cell, "Li"): values["c1", "Li"] for cell in cells})


def from_above(values: Table) -> None:
    """In each of some cells another value is that of the row above."""
    for cell, row in zip(CELLS, (2, 4, 1, 6, 3), strict=False):
        values[cell, BATHS[row]] = values[cell, BATHS[row - 1]]


@pytest.mark.parametrize(
    ("copy", "step", "words"),
    [
        (column(*CELLS), 0.01, "baths 'Cs' and 'K' have equal potentials in 6 of 6 cells"),
        (column(*CELLS), 0.1, "baths 'Cs' and 'K' have equal potentials in 6 of 6 cells"),
        (column("c2", "c5"), 0.01, "baths 'Cs' and 'K' have equal potentials in 2 of 6 cells"),
        (cell(*BATHS), 0.01, "equal potentials in 7 conditions: copies of one recording?"),
        (cell(*BATHS), 0.1, "equal potentials in 7 conditions: copies of one recording?"),
        (cell(*BATHS[1:5]), 0.01, "cells c2 and c5 have equal potentials in 4 of 7 conditions"),
        (filled(*CELLS), 0.01, "cells have the same potential in bath 'Li'"),
        (filled(*CELLS), 0.1, "cells have the same potential in bath 'Li'"),
        (filled("c3", "c4", "c6"), 0.01, "cells have the same potential in bath 'Li'"),
        (from_above, 0.01, "potentials of one cell in different baths are equal to the last digit"),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_copies_are_told_once(copy: Copy, step: float, words: str, seed: int) -> None:
    (finding,) = told(table(seed, step, copy))
    assert finding.severity is Severity.WARNING
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("step", "scatter"), [(0.01, 1.0), (0.01, 0.0), (0.1, 1.0), (0.1, 0.0), (0.5, 1.0), (1.0, 0.0)]
)
def test_chance_is_told_in_few_sound_tables(step: float, scatter: float) -> None:
    """Where cells differ by their errors alone, and all baths have one mean, the level holds too."""
    n = 100
    assert sum(bool(told(table(seed, step, scatter=scatter))) for seed in range(n)) <= 0.05 * n


def test_potentials_that_are_counted_from_a_bath_are_no_copies() -> None:
    values = {(cell, bath): 0.0 if bath == "control" else mV for (cell, bath), mV in table(1).items()}
    assert told(values) == []


def test_steps_larger_than_the_errors_tell_nothing() -> None:
    assert told(table(1, 1.0, column(*CELLS))) == []
    assert told(table(1, 0.01, column(*CELLS)), se_mV=0.0) == []


@pytest.mark.parametrize(
    ("mV", "se", "severity"),
    [
        (-32.74, 0.4, Severity.WARNING),
        (-32.7, 0.4, Severity.NOTE),  # one pair in ten is equal by chance
        (-32.74, 0.5, None),
        (-32.75, 0.4, None),
    ],
)
def test_a_measurement_that_is_entered_twice_is_told(mV: float, se: float, severity: Severity | None) -> None:
    condition = ("low_Cl", "pipette", "whole-cell")
    step = 0.01 if abs(mV) * 10 % 1 else 0.1
    values = [round(round(value / step) * step, 6) for value in (-32.74, -9.88, -2.57, -7.13)]
    given = [Potential(f"m{i}", ("", f"c{i}"), condition, 22.0, value, 0.4) for i, value in enumerate(values)]
    found = list(findings([*given, Potential("m9", ("", "c0"), condition, 22.0, mV, se)]))
    assert [each.severity for each in found] == ([severity] if severity else [])
    for finding in found:
        assert finding.code is Code.DUPLICATES
        assert "m0 (cell c0, bath low_Cl), m9 (cell c0, bath low_Cl) have equal potentials" in finding.sentence
        assert finding.remedy == "keep one of them"


def test_rows_of_one_recording_in_two_groups_are_no_copies() -> None:
    given = [
        Potential(f"{group}{bath}", (group, "c1"), (bath, "pipette", "whole-cell"), 22.0, mV, 0.1, f"{bath}.abf")
        for bath, mV in (("control", -12.345678), ("K", 3.456789))
        for group in ("before", "after")
    ]
    assert list(findings(given)) == []
