"""I-V curves measured elsewhere, as users run them: which jobs run, and again after a change of one current."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nernstfit.contract import tables
from nernstfit.report import outcome

CONFIG: dict[str, Any] = {
    "iv": "data/iv.csv",
    "junction": {"method": "none"},
    "fit": {"reference_ion": "K", "permeant": ["K", "Na"]},
    "recordings_per_job": 4,
}
SOLUTIONS = "solution,NaCl,KCl\ncontrol,140,5\nhigh_K,5,140\npipette,10,140\n"


def curves() -> list[str]:
    """Rows of three cells in two baths."""
    rng = np.random.default_rng(4)
    return [
        f"c{cell},{bath},pipette,{voltage},{5 * (voltage - zero_mV - cell / 2) + rng.normal(0, 3):.2f}"
        for cell in range(3)
        for bath, zero_mV in (("control", -55.0), ("high_K", 0.5))
        for voltage in range(-100, 61, 10)
    ]


def test_curves_run_like_recordings(tmp_path: Path, run_workflow: Callable[..., Any]) -> None:
    for name in ("config", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "data" / "solutions.csv").write_text(SOLUTIONS)
    table, rows = tmp_path / "data" / "iv.csv", curves()
    table.write_text("\n".join(["cell,bath,pipette,voltage_mV,current_pA", *rows, ""]))
    done = run_workflow(tmp_path)
    assert done.status == 0, done.said
    assert {"ingest", "measure", "fit", "report"} <= done.jobs
    assert "import_reversals" not in done.jobs
    assert set(done.table("reversal_potentials")["verdict"]) == {"reversal"}
    assert next(outcome.of_folder(tmp_path).lines()) == "I-V curves: 6 used, 0 refused, 0 excluded."
    levels = tables.load(tmp_path / "results" / "iv.csv", tables.IV)
    assert len(levels) == len(rows)
    manifest = json.loads((tmp_path / "results" / "manifest.json").read_text())
    assert set(manifest["inputs"]) == {"config/config.yaml", "data/iv.csv", "data/solutions.csv"}
    table.write_text(table.read_text().replace(rows[-1], rows[-1] + "1"))
    again = run_workflow(tmp_path, "--dry-run")
    assert again.status == 0, again.said
    assert {"ingest", "measure", "correct"} <= again.jobs
    assert "solutions" not in again.jobs
    assert re.search(r"^ingest +1$", again.said, re.MULTILINE)  # of two batches
