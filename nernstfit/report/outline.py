"""Outline of the report: its sections in their order, by name and title."""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "ratios": "Permeability ratios",
    "iv": "Current-voltage curves",
    "forms": "Ratios as papers print them",
    "predicted": "Measured and predicted potentials",
    "valid": "Tests of the Goldman-Hodgkin-Katz equation",
    "single": "Is one permeability enough?",
    "nernst": "Comparison with Nernst potentials",
    "corrections": "Effect of each correction",
    "factors": "Fitted activity corrections",
    "errors": "Sources of uncertainty",
    "models": "Model comparison",
    "measurements": "Recordings and I-V curves, by cell",
    "refused": "Recordings not used, and why",
    "junctions": "Liquid junction potentials",
    "solutions": "Solutions",
    "findings": "Errors, warnings and notes",
    "methods": "Methods paragraph",
}


def number_of(name: str) -> str:
    """Return `section <number>` as the page numbers it."""
    return f"section\u00a0{list(TITLES).index(name) + 1}"
