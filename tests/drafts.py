"""Answers to the questions that a draft of the demonstration leaves."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]


def answered(folder: Path) -> dict[str, Any]:
    """Answer the questions of a draft of the demonstration; returns the configuration."""
    shutil.copy(PROJECT / "data" / "solutions.csv", folder / "data" / "solutions.csv")
    place = folder / "config" / "config.yaml"
    text = place.read_text()
    for question, answer in {
        "  reference:\n": "  reference: {type: salt-bridge, solution: bridge}\n",
        "  zeroed_in:\n": "  zeroed_in: control\n",
        "  reference_ion:\n": "  reference_ion: Na\n",
        "  permeant:\n": "  permeant: [Na, K, Cs, Li, NMDG, Cl]\n",
    }.items():
        assert text.count(question) == 1
        text = text.replace(question, answer)
    place.write_text(text)
    content: dict[str, Any] = yaml.safe_load(text)
    return content
