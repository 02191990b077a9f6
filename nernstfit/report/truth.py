"""True permeability ratios of a simulated experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from nernstfit.experiment.records import TRUTH_FILE


def truth_file(paths: Iterable[str]) -> Path | None:
    """Return the file of the true ratios among the inputs of a run; None where it is not simulated."""
    return next((Path(path) for path in paths if Path(path).name == TRUTH_FILE), None)


def true_ratios(path: Path, reference: str) -> Mapping[str, float]:
    """Read true permeabilities relative to the reference; empty where the file has no ratio of it."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    ratios = content.get("ratios", {}) if isinstance(content, dict) else {}
    if reference not in ratios:
        return {}
    return {ion: float(value) / float(ratios[reference]) for ion, value in ratios.items()}
