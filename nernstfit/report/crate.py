"""Description of an experiment folder after a run as an RO-Crate (w3id.org/ro/crate/1.2), so that it can be deposited.

It follows the profile Process Run Crate (w3id.org/ro/wfrun/process/0.5): the run is an action, the program its
instrument, the files that were read its objects, those that were written its results. The root is the experiment
folder: only so are recordings and results both within it. No time of the clock and no random name is in it.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd

from nernstfit.contract.files import CRATE_RUN, MANIFEST
from nernstfit.contract.tables import TABLES
from nernstfit.judgement.made import date_of
from nernstfit.report import citation, wording
from nernstfit.report.manifest import NOT_INSTALLED

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

_VERSION = "1.2"  # of RO-Crate
_PROFILE, _PROFILE_NAME, _PROFILE_VERSION = "https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"
_FORMATS = {
    **{".csv": "text/csv", ".tsv": "text/tab-separated-values", ".txt": "text/plain", ".html": "text/html"},
    **{".json": "application/json", ".yaml": "application/yaml", ".js": "text/javascript", ".svg": "image/svg+xml"},
    **{".png": "image/png", ".pdf": "application/pdf"},
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_SPDX = re.compile(r"[A-Za-z0-9.+-]+")


def crate(content: Mapping[str, Any], manifest_sha256: str, facts: pd.DataFrame) -> dict[str, Any]:
    """Describe an experiment folder and its run.

    Parameters
    ----------
    content : mapping
        The manifest of the run: `inputs`, `outputs` (SHA-256 of each path), `versions` and `config`.
    manifest_sha256 : str
        SHA-256 of the manifest itself.
    facts : DataFrame
        As ingest writes them, with the start of each recording; without a row where there are no recordings.

    Returns
    -------
    dict
        JSON-LD, as plain JSON values. Without a known day of the last recording there is no `datePublished`, without
        `license` in the configuration no licence.
    """
    from rocrate.rocrate import ROCrate  # noqa: PLC0415 - slow to import, and a library alone does without

    made, config, version = ROCrate(version=_VERSION), content["config"], content["versions"][citation.NAME]
    root = made.root_dataset
    root.pop("datePublished", None)  # the library's is that of the clock
    root["name"] = config["title"] or wording.UNTITLED
    root["description"] = f"Recordings, solutions and results of a run of {citation.NAME} {version}."
    root["conformsTo"] = _added(made, _PROFILE, "CreativeWork", _PROFILE_NAME, version=_PROFILE_VERSION)
    day = _last_day(facts)
    if day:
        root["datePublished"] = day.isoformat()
    if config["license"]:
        root["license"] = _license(made, config["license"])
    read = _files(made, content["inputs"])
    written = _files(made, {**content["outputs"], MANIFEST.as_posix(): manifest_sha256})
    run = _added(made, CRATE_RUN, "CreateAction", f"Analysis by {citation.NAME} {version}")
    run["instrument"], run["object"], run["result"] = _program(made, content["versions"]), read, written
    root["mentions"] = [run]
    described: dict[str, Any] = made.metadata.generate()
    return described


def _added(made: ROCrate, name: str, kind: str, title: str, **properties: Any) -> Entity:
    """Add a thing that is no file."""
    from rocrate.model.contextentity import ContextEntity  # noqa: PLC0415 - as above

    return made.add(ContextEntity(made, name, {"@type": kind, "name": title, **properties}))


def _files(made: ROCrate, digests: Mapping[str, str]) -> list[Entity]:
    """Add files by their paths, with format, meaning and SHA-256 as far as they are known."""
    meanings = {table.path: table.meaning for table in TABLES.values()}
    found = []
    for path, digest in sorted(digests.items()):
        known = {
            "name": path,
            "encodingFormat": _FORMATS.get(PurePosixPath(path).suffix.lower()),
            "description": meanings.get(path),
            "sha256": digest,
        }
        found.append(made.add_file(dest_path=path, properties={key: value for key, value in known.items() if value}))
    return found


def _program(made: ROCrate, versions: Mapping[str, str]) -> Entity:
    """Add the program, with those that it uses."""
    program = _software(made, citation.NAME, versions[citation.NAME])
    program["description"] = citation.as_text(versions[citation.NAME])
    program["license"] = _license(made, citation.LICENSE)
    others = sorted(name for name, number in versions.items() if name != citation.NAME and number != NOT_INSTALLED)
    program["softwareRequirements"] = [_software(made, name, versions[name]) for name in others]
    return program


def _software(made: ROCrate, name: str, number: str) -> Entity:
    return _added(made, f"#{name}", "SoftwareApplication", name, softwareVersion=number)


def _license(made: ROCrate, text: str) -> Entity | str:
    """Return a licence as a thing with its address, that of SPDX where the text is an identifier; else the words."""
    if re.match("https?://", text):
        return _added(made, text, "CreativeWork", text)
    return _added(made, f"https://spdx.org/licenses/{text}", "CreativeWork", text) if _SPDX.fullmatch(text) else text


def _last_day(facts: pd.DataFrame) -> datetime.date | None:
    """Return the day of the last recording; None where no recording states its own."""
    last = facts["start_s"].max() if len(facts) else math.nan
    return date_of(last) if math.isfinite(last) else None
