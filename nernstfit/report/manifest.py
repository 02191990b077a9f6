"""Manifest of a run: its inputs, the versions of the programs and the effective configuration."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.files import sha256_of
from nernstfit.experiment.records import Experiment

CONTRACT = 1  # version of the contract that the tables follow
NOT_INSTALLED = "not installed"  # in place of a version
PACKAGES = (
    *("nernstfit", "numpy", "scipy", "pandas", "lmfit", "snakemake", "pyabf"),
    *("altair", "vl-convert-python"),
)


def manifest(experiment: Experiment, input_files: Sequence[str], facts: Sequence[str]) -> dict[str, Any]:
    """Return the manifest of a run.

    Parameters
    ----------
    experiment : Experiment
    input_files : sequence of str
        Paths of the user's tables and configuration.
    facts : sequence of str
        Parquet files of all batches with the digests of the recordings; none where there are no recordings.

    Returns
    -------
    dict
        `contract`, `inputs` (SHA-256 of each path), `versions` and `config`; see `with_outputs`.
    """
    digests = _digests(input_files) | _digests_of_recordings(facts, experiment)
    return {
        "contract": CONTRACT,
        "inputs": dict(sorted(digests.items())),
        "versions": versions(),
        "config": _json_values(experiment.settings.as_dict()),
    }


def with_outputs(content: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return a manifest with the SHA-256 of each file that the run wrote, but for itself.

    Parameters
    ----------
    content : mapping
    paths : iterable of str
        Within the experiment folder.
    """
    return {**content, "outputs": dict(sorted(_digests([Path(path).as_posix() for path in paths]).items()))}


def as_text(content: Mapping[str, Any]) -> str:
    """Return the text of a JSON file, keys in alphabetical order."""
    return json.dumps(content, sort_keys=True, indent=2, allow_nan=False) + "\n"


def _digests(paths: Sequence[str]) -> dict[str, str]:
    return {path: sha256_of(path) for path in paths}


def _digests_of_recordings(facts: Sequence[str], experiment: Experiment) -> dict[str, str]:
    """Return the digests that the recordings, and the stimulus files beside them, had when they were read."""
    if not facts:
        return {}
    read = tables.gather(facts).set_index("measurement")
    own = {row.recording: str(read["sha256"][row.measurement]) for row in experiment.rows if row.recording}
    backgrounds = {r.subtract: str(read["background_sha256"][r.measurement]) for r in experiment.rows if r.subtract}
    stimuli: dict[str, str] = {}
    for text in filter(None, read["stimuli"]):
        stimuli |= json.loads(text)
    return own | backgrounds | stimuli


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that calculate, draw and write."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = NOT_INSTALLED
    return found


def _json_values(value: Any) -> Any:
    """Convert values to those that JSON can hold: an infinite number to its text."""
    if isinstance(value, Mapping):
        return {key: _json_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_values(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
