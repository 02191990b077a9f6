"""Stage 5: the report, its figures, and the manifest that says what they were made from."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from nernstfit.contract import settings, tables
from nernstfit.experiment.records import TRUTH_FILE, Experiment
from nernstfit.experiment.views import stage
from nernstfit.report import build
from nernstfit.report.results import Results

CONTRACT = 1  # version of the contract that the tables follow
READS = ("rows.measurement", "rows.recording", "rows.subtract", "settings", "solutions")
PACKAGES = (
    *("nernstfit", "numpy", "scipy", "pandas", "lmfit", "snakemake"),
    *("altair", "vl-convert-python"),
)


@stage(READS)
def run(inputs: Mapping[str, Any], outputs: Mapping[str, str], experiment: Experiment) -> None:
    """Write the report.

    Parameters
    ----------
    inputs : mapping
        `results`: the result tables of the contract; `facts` and `traces`: Parquet files of all batches, none
        where there are no recordings; `tables`: the user's tables, and `truth.yaml` where they are simulated.
    outputs : mapping
        `report`: an HTML file; `figures`: a folder; `manifest`: a JSON file.
    experiment : Experiment
    """
    truth = next((Path(path) for path in inputs["tables"] if Path(path).name == TRUTH_FILE), None)
    files = [settings.CONFIG_FILE, *inputs["tables"]]
    digests = _digests(files) | _recordings(inputs["facts"], experiment)
    manifest = {
        "contract": CONTRACT,
        "inputs": dict(sorted(digests.items())),
        "versions": _versions(),
        "config": _plain(experiment.settings.as_dict()),
    }
    by_path = {table.path: table for table in tables.TABLES.values()}
    frames = {by_path[path].name: tables.load(path, by_path[path]) for path in inputs["results"]}
    made = build.build(
        Results(
            tables=frames,
            traces=_traces(inputs["traces"]),
            manifest=manifest,
            multivalent=_multivalent(experiment),
            simulated=truth is not None,
            truth=_true_ratios(truth, experiment.settings.fit.reference_ion) if truth else {},
        )
    )
    _write(outputs["report"], made.html)
    _write(outputs["manifest"], json.dumps(manifest, sort_keys=True, indent=2, allow_nan=False) + "\n")
    folder = Path(outputs["figures"])
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.svg"), *folder.glob("*.png")):
        old.unlink()
    for drawing in made.drawings:
        _write(str(folder / f"{drawing.name}.svg"), drawing.svg + "\n")
        (folder / f"{drawing.name}.png").write_bytes(drawing.png)


def _multivalent(experiment: Experiment) -> tuple[str, ...]:
    """Permeant ions of more than one charge."""
    known = experiment.solutions.known
    return tuple(ion for ion in experiment.settings.fit.permeant if abs(known[ion].valence) > 1)


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def _digests(paths: Sequence[str]) -> dict[str, str]:
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


def _recordings(facts: Sequence[str], experiment: Experiment) -> dict[str, str]:
    """Digests of the recordings as they were when they were read."""
    if not facts:
        return {}
    read = tables.gather(facts).set_index("measurement")
    own = {row.recording: str(read["sha256"][row.measurement]) for row in experiment.rows}
    backgrounds = {r.subtract: str(read["background_sha256"][r.measurement]) for r in experiment.rows if r.subtract}
    return own | backgrounds


def _traces(paths: Sequence[str]) -> pd.DataFrame:
    """Traces of all batches; none where the potentials were measured elsewhere."""
    keys = ["measurement", "sweep", "t_ms"]
    return tables.gather(paths).sort_values(keys, ignore_index=True) if paths else pd.DataFrame(columns=keys)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _plain(value: Any) -> Any:
    """Values that JSON can hold: an infinite number as it is written in YAML without its dot."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _true_ratios(path: Path, reference: str) -> dict[str, float]:
    """True permeabilities relative to the reference; empty where there is no truth of it."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    ratios = content.get("ratios", {}) if isinstance(content, dict) else {}
    return (
        {ion: float(value) / float(ratios[reference]) for ion, value in ratios.items()} if reference in ratios else {}
    )
