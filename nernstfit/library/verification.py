"""Comparison of an experiment folder with the manifest of its run."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from nernstfit.contract import tables
from nernstfit.contract.errors import InputError
from nernstfit.contract.files import MANIFEST, sha256_of, typed
from nernstfit.report.manifest import versions

INPUTS, OUTPUTS = "inputs", "outputs"


def manifest(folder: Path) -> Mapping[str, Any]:
    """Read the manifest of the run in an experiment folder.

    Raises
    ------
    InputError
        Where there is none.
    """
    place = folder / MANIFEST
    try:
        content: Mapping[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{place}: file not found, the run is not complete; complete it with: {typed('run', folder)}"
        ) from None
    except ValueError:
        raise InputError(
            f"{place}: is no JSON; make it anew with: {typed('run', folder, '--forcerun', 'report')}"
        ) from None
    return content


def reasons_against_report(folder: Path) -> list[str]:
    """Return why the results of a folder cannot be reported by this program without a run; none where they can.

    Parameters
    ----------
    folder : Path
        Experiment folder.

    Returns
    -------
    list of str
        Sentences: inputs or result tables that are not those of the run, or another version of the program.

    Raises
    ------
    InputError
        Where there is no manifest.
    """
    content = manifest(folder)
    found = list(changes(folder, content, INPUTS))
    own = {path: content.get(OUTPUTS, {}).get(path, "") for path in tables.paths(tables.RESULT)}
    found += changes(folder, {OUTPUTS: own}, OUTPUTS)
    return found + list(other_versions(folder, content, ("nernstfit",)))


def other_versions(folder: Path, content: Mapping[str, Any], packages: Collection[str] = ()) -> Iterator[str]:
    """Yield a sentence for each program whose version is another than that of the run.

    Parameters
    ----------
    folder : Path
        Experiment folder.
    content : mapping
        Its manifest.
    packages : collection of str
        Programs that are compared; all of the manifest where none is given.
    """
    made_by, present = content.get("versions", {}), versions()
    for package in packages or sorted(made_by):
        before, now = made_by.get(package, "unknown"), present.get(package, "unknown")
        if before != now:
            yield f"{folder / MANIFEST}: the results are of {package} {before}, here is {now}"


def changes(folder: Path, content: Mapping[str, Any], kind: str) -> Iterator[str]:
    """Yield a sentence for each file that is not as the manifest has it.

    Parameters
    ----------
    folder : Path
        Experiment folder.
    content : mapping
        Its manifest.
    kind : str
        `INPUTS` as the run read them, or `OUTPUTS` as it wrote them.
    """
    done = {INPUTS: "read", OUTPUTS: "written"}[kind]
    for path, expected in content.get(kind, {}).items():
        if not expected:  # a recording that could not be read
            continue
        try:
            found = sha256_of(folder / path)
        except OSError as fault:
            yield f"{path}: cannot be opened ({fault.strerror})"
            continue
        if found != expected:
            yield f"{path}: has changed since it was {done}"
