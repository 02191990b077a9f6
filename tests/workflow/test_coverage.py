"""Simulated experiments with other seeds: the intervals hold the truth as often as they say."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import pytest
import yaml

from nernstfit.contract import settings, tables
from nernstfit.contract.terms import RatioVerdict
from nernstfit.experiment import folder as experiments
from nernstfit.permeability.analysis import GroupFits
from nernstfit.permeability.groups import groups
from nernstfit.permeability.inference.model_selection import candidates
from nernstfit.permeability.inference.ratios import Ratio
from nernstfit.simulate.experiment import simulate
from nernstfit.stages import correct, ingest, measure, solutions

SEEDS = range(int(os.environ.get("SEED", "1")), int(os.environ.get("SEED", "1")) + 40)
LEAST = 33


def configured_ratios(folder: Path) -> dict[str, Ratio]:
    """Run the stages up to the corrected potentials in this process, and fit the configured model to them."""
    experiment = experiments.load(settings.read())
    results = folder / "results"
    results.mkdir()

    def paths(*names: str) -> dict[str, str]:
        return {name: str(results / f"{name}.csv") for name in names}

    read = paths("points", "facts", "traces")
    ingest.run({}, read, experiment)
    gathered = {name: [path] for name, path in read.items()}
    measure.run(gathered, paths("measured", "iv"), experiment)
    solutions.run({}, paths("solutions", "junctions"), experiment)
    correct.run(paths("measured", "junctions"), paths("reversals"), experiment)
    reversals = tables.load(results / "reversals.csv", tables.REVERSAL_POTENTIALS)
    (group,) = groups(reversals, {row.measurement: row for row in experiment.rows})
    fits = GroupFits(group, experiment.solutions, experiment.settings)
    return {ratio.ion: ratio for ratio in fits.result(candidates(experiment.settings)[0]).ratios}


def test_intervals_hold_the_truth_in_33_of_40(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: Counter[str] = Counter()
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        simulate(folder, seed)
        monkeypatch.chdir(folder)
        truth = yaml.safe_load((folder / "data" / "truth.yaml").read_text())["ratios"]
        for ion, ratio in configured_ratios(folder).items():
            above = math.isnan(ratio.low) or ratio.low <= truth[ion]
            below = math.isnan(ratio.high) or truth[ion] <= ratio.high
            held[ion] += above and below and ratio.verdict != RatioVerdict.NOT_IDENTIFIABLE
    assert set(held) == {"K", "Cs", "Li", "NMDG", "Cl"}
    assert min(held.values()) >= LEAST, dict(held)
