"""Outline of the report: its sections in their order, by name and title, those of the paper first."""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "ratios": "Permeability ratios",
    "iv": "Current-voltage curves",
    "predicted": "Measured and predicted potentials",
    "methods": "Methods",
    "findings": "Errors, warnings and notes",
    "measurements": "Cells and measurements",
    "refused": "Recordings not used, and why",
    "junctions": "Liquid junction potentials",
    "solutions": "Solutions",
    "residuals": "Residuals by bath and by cell",
    "valid": "Tests of the Goldman-Hodgkin-Katz equation",
    "single": "Is one permeability enough?",
    "nernst": "Comparison with Nernst potentials",
    "corrections": "Effect of each correction",
    "factors": "Fitted activity corrections",
    "errors": "Sources of uncertainty",
    "models": "Model comparison",
    "forms": "Ratios as papers print them",
    "intervals": "Intervals by other methods",
    "provenance": "Citation, references, flags, configuration and versions",
}

PAPER = frozenset({"ratios", "iv", "predicted", "methods"})
"""Sections for a paper, at most three printed pages; the others are its supplement."""


def number_of(name: str) -> str:
    """Return `section <number>` as the page numbers it."""
    return f"section\u00a0{list(TITLES).index(name) + 1}"
