"""Dependencies of the workflow's rules: code, settings and files. For the Snakefile and the scripts alone.

A rule runs again when one of three things changes: a file that it reads, the fields of the experiment that its
stage declares (READS), or the code that it runs. The fingerprint of these fields is a small file beside the results,
which is written when it changes and which the rule has as an input. So it moves with the results: a folder that was
copied or unpacked without Snakemake's own records is not taken to be up to date after a change of its tables. The
record of a batch holds the content of its recordings too, and that of the report the content of the tables: a file
that was exchanged for another counts, however old.

Each job also writes the SHA-256 of what it wrote. A result that is another when a run is planned, edited by hand or
damaged, is removed then, and made again.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nernstfit.abf.stimulus_names import stimulus_names
from nernstfit.contract.errors import InputError
from nernstfit.contract.files import sha256_of, write_text
from nernstfit.experiment import folder, views
from nernstfit.experiment.records import Experiment

PACKAGE = Path(__file__).parent
INGEST = Path("results/ingest")
"""Folder of what stages hand to each other, and of what a run notes of them."""
RECORDS = INGEST / "reads"
BATCH_RECORD = str(RECORDS / "ingest.{batch}.sha256")
"""Record of one batch, with the wildcard of its rule."""
MADE = INGEST / "made"
"""Folder of the digests of what each job wrote, a file for each job."""
PARTS = ("points", "facts", "traces")
"""Files of a batch."""
MEASURED = (INGEST / "measured.parquet").as_posix()
DIGESTS = Path(".snakemake/nernstfit")
"""Folder of the digests of files by size, inode and times: beside Snakemake's own records, for it is no result."""

# Where a module names another of this package: the forms of an import, and a string that is a dotted name.
_DOTTED = rf"({PACKAGE.name}(?:\.\w+)*)"
_IMPORT = re.compile(rf"^\s*import {_DOTTED}", re.MULTILINE)
_IMPORT_FROM = re.compile(rf"^\s*from {_DOTTED} import (\([^)]*\)|.*)", re.MULTILINE)
_STRING = re.compile(rf"""["']{_DOTTED}["']""")
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class Dependencies:
    """Inputs and parameters of the rules for one experiment.

    Attributes
    ----------
    experiment : Experiment
    home : Path
        Its folder, as seen from where Snakemake works. Paths of rules are within it: Snakemake puts it before them.
    """

    experiment: Experiment
    home: Path = Path()

    @classmethod
    def of_folder(cls, home: Path, config: Mapping[str, Any]) -> Dependencies:
        """Return those of an experiment folder.

        Raises
        ------
        InputError
            With every fault of configuration and tables, one line each.
        """
        if not home.is_dir():
            raise InputError(f"{home}: folder not found, expected that of an experiment")
        try:
            with contextlib.chdir(home):
                return cls(folder.load(config), home)
        except InputError as fault:
            raise InputError(fault.faults if home == Path() else [f"{home}: {each}" for each in fault.faults]) from None

    @property
    def name(self) -> str | None:
        """Name of the experiment in a report of several: its folder; None where Snakemake works in it."""
        return None if self.home == Path() else self.home.as_posix()

    @property
    def input_files(self) -> list[str]:
        """Files from which the experiment was read, but for recordings."""
        with contextlib.chdir(self.home):
            return self.experiment.input_files

    def fingerprint(self, stage: str) -> str:
        """Return the digest of all that a stage reads of the experiment."""
        return views.fingerprint(self.experiment, declared_fields(stage), stage)

    def record(self, stage: str, files: Sequence[str] = ()) -> str:
        """Return the file with the fingerprint of a stage and the content of some files, written where it differs."""
        place, digest = RECORDS / f"{stage}.sha256", self.fingerprint(stage)
        if files:
            content = _listed(digests(files, self.home / DIGESTS / f"{stage}.json", self.home))
            digest = hashlib.sha256(f"{digest}{content}".encode()).hexdigest()
        _record(self.home / place, digest)
        return str(place)

    def record_batches(self) -> None:
        """Write the digest of each batch and of its recordings to `BATCH_RECORD` where it differs.

        For the process that plans the jobs, before it does: Snakemake lists a folder once, so that a file which a
        function of a rule's wildcards writes is missing to it. A job would read every header again.
        """
        for name in self.batches:
            of_batch, place = SimpleNamespace(batch=name), self.home / BATCH_RECORD.format(batch=name)
            cache = self.home / DIGESTS / f"{place.stem}.json"
            content = _listed(digests(self.recordings(of_batch), cache, self.home))
            _record(place, hashlib.sha256(f"{self.batch_fingerprint(of_batch)}{content}".encode()).hexdigest())

    @property
    def batches(self) -> list[str]:
        """Names of the batches of consecutive rows, each of which one ingest job reads."""
        return list(self.batch_sizes)

    @property
    def kept(self) -> list[str]:
        """Files that stages hand to each other and that are no tables of the contract."""
        return [MEASURED, *(ingested(batch, part) for batch in self.batches for part in PARTS)]

    @property
    def measuring(self) -> tuple[str, ...]:
        """Stages that give the potentials: of recordings or I-V curves, or of a table of potentials."""
        return ("ingest", "measure") if self.batches else ("import_reversals",)

    @property
    def batch_sizes(self) -> dict[str, int]:
        """Number of rows of each batch."""
        size = self.experiment.settings.recordings_per_job
        recordings = sum(row.external is None for row in self.experiment.rows)
        return {f"{start // size:04d}": min(size, recordings - start) for start in range(0, recordings, size)}

    def recordings(self, wildcards: Any) -> list[str]:
        """Return the files that the batch `wildcards.batch` reads, each once: recordings, then their stimulus files."""
        rows = batch(self.experiment, wildcards.batch).rows
        recordings = dict.fromkeys(path for row in rows for path in row.files)
        return list(recordings | dict.fromkeys(stimulus_files(recordings, self.home)))

    def batch_fingerprint(self, wildcards: Any) -> str:
        """Return the digest of what ingest reads of the batch `wildcards.batch`."""
        return views.fingerprint(batch(self.experiment, wildcards.batch), declared_fields("ingest"), "ingest")


def ingested(batch: str, part: str) -> str:
    """Return the file with one part of what ingest reads of a batch."""
    return (INGEST / batch / f"{part}.parquet").as_posix()


def run_job(job: Any, run: Callable[[dict[str, Any], dict[str, str], Experiment], None]) -> None:
    """Run a stage as a job of Snakemake, for its script, and note what it wrote.

    Parameters
    ----------
    job : snakemake.script.Snakemake
        Its rule has the record of the stage as the input `reads`, and the file for what it wrote as the output `made`.
        Its paths start where Snakemake works, which is not the experiment folder where another workflow uses this one
        as a module with a prefix. One with the wildcard `batch` has the rows of that batch alone.
    run : callable
        Of the stage.
    """
    inputs, outputs, experiment = _bound(job)
    made, name = Path(outputs.pop("made")), job.wildcards.get("batch")
    run(inputs, outputs, batch(experiment, name) if name else experiment)
    made.parent.mkdir(parents=True, exist_ok=True)
    found = {path: _digest(Path(path)) for path in sorted(outputs.values())}
    write_text(made, json.dumps(found, indent=0) + "\n")


def altered(home: Path) -> list[str]:
    """Return the results of an experiment folder that are not as the jobs wrote them; missing ones are not among them.

    Of the files beside the results, the record of a job is one of them where it cannot be read.
    """
    expected: dict[str, str] = {}
    found: list[str] = []
    for record in sorted((home / MADE).glob("*.json")):
        try:
            expected |= json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found.append(str(MADE / record.name))
    present = [path for path in expected if (home / path).exists()]
    known = digests(present, home / DIGESTS / "results.json", home) if present else {}
    return found + [path for path in present if known[path] != expected[path]]


def discard_altered(home: Path) -> list[str]:
    """Remove the results that are not as the jobs wrote them, so that they are made again; returns their paths."""
    found = altered(home)
    for path in found:
        place = home / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    return found


def _bound(job: Any) -> tuple[dict[str, Any], dict[str, str], Experiment]:
    """Enter the experiment folder of a job; returns its inputs and outputs within it, by name, and the experiment."""
    home = Path(job.input.reads).parents[len(RECORDS.parts)]
    inputs, outputs = (
        {name: _within(home, paths) for name, paths in files.items()} for files in (job.input, job.output)
    )
    os.chdir(home)
    return inputs, outputs, folder.load(job.config)


def _within(home: Path, paths: Any) -> Any:
    """Return a path, or several, as seen from a folder; an absolute one, of a module's code, as it is."""
    if not isinstance(paths, str):
        return [_within(home, path) for path in paths]
    return paths if os.path.isabs(paths) else Path(os.path.relpath(paths, home)).as_posix()


def _record(path: Path, fingerprint: str) -> None:
    content = f"{fingerprint}\n"
    if not path.is_file() or path.read_text(encoding="ascii", errors="replace") != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, content)


def digests(paths: Iterable[str], cache: Path, home: Path) -> dict[str, str]:
    """Return the SHA-256 of some files and folders of an experiment folder; '' of one that cannot be read.

    A file is read again only where its size, inode or one of its times is not as in the cache, which is written then.
    """
    known = _cached(cache)
    found: dict[str, list[Any]] = {}
    for path in paths:
        status = (home / path).stat()
        identity = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        *before, digest = known.get(path, [""])
        if before != identity or (home / path).is_dir():
            digest = _digest(home / path)
        found[path] = [*identity, digest]
    if found != known:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_text(cache, json.dumps(found, indent=0))
    return {path: each[-1] for path, each in found.items()}


def _listed(found: Mapping[str, str]) -> str:
    return "\n".join(f"{found[path]} {path}" for path in sorted(found))


def _cached(path: Path) -> dict[str, list[Any]]:
    """Return the cache of a batch; none where it is not there, or was cut off when it was written."""
    try:
        found: dict[str, list[Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of those in a folder; '' where it cannot be read.

    The row of a recording that cannot be read gives the reason.
    """
    try:
        if path.is_dir():
            files = sorted(each for each in path.iterdir() if not each.name.startswith("."))
            content = "\n".join(f"{sha256_of(each)} {each.name}" for each in files)
            return hashlib.sha256(content.encode()).hexdigest()
        return sha256_of(path)
    except OSError:
        return ""


def stimulus_files(recordings: Iterable[str], home: Path = Path()) -> Iterator[str]:
    """Yield the stimulus files that recordings of an experiment folder name in their headers and that are beside them.

    Of each header only the names are read, some 0.1 ms a recording; a folder is listed where a name was found in it.
    A file that is not there is none: once it appears, the input of the rule is another.
    """
    for place, paths in groupby(sorted(recordings, key=_parent), key=_parent):
        names = {name.lower() for path in paths for name in stimulus_names(home / path)}
        if names:
            beside = sorted(path.name for path in (home / place).iterdir())
            yield from (str(place / name) for name in beside if name.lower() in names)


def _parent(path: str) -> Path:
    return Path(path).parent


def batch(experiment: Experiment, name: str) -> Experiment:
    """Return the experiment with the rows of one batch only."""
    size = experiment.settings.recordings_per_job
    return replace(experiment, rows=experiment.rows[int(name) * size : (int(name) + 1) * size])


@functools.cache
def declared_fields(stage: str) -> tuple[str, ...]:
    """Return the fields that a stage declares, from its source: importing every stage would take seconds."""
    tree = ast.parse((PACKAGE / "stages" / f"{stage}.py").read_text(encoding="utf-8"))
    (fields,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["READS"]
    )
    return tuple(views.expanded(fields, stage))


@functools.cache
def code(stage: str) -> list[str]:
    """Return the files that a stage's module needs: itself, all it imports directly or not, and their data files.

    They are found in the source, so that a rule names as its input exactly what it runs.
    """
    found: dict[Path, None] = {}
    waiting = [PACKAGE / "stages" / f"{stage}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = None
            waiting += _needed(path) if path.suffix == ".py" else ()
    return sorted(map(str, found))


@functools.cache
def _needed(path: Path) -> tuple[Path, ...]:
    """Return the modules that one module imports, and the data beside them.

    Of a package that it imports by name (`from package import subpackage`) or names in a string, as a registry that
    lists a package does, these are all modules. The text is searched, not parsed, which takes a twentieth of the time;
    a docstring that happens to hold an import adds files, which never makes a result stale.
    """
    text = path.read_text(encoding="utf-8")
    imports = [(package, _NAME.findall(names)) for package, names in _IMPORT_FROM.findall(text)]
    imported = [*_IMPORT.findall(text), *(package for package, _ in imports)]
    named = [*_STRING.findall(text), *(f"{package}.{name}" for package, names in imports for name in names)]
    places = [(path.parent, False), *((_place(name), False) for name in imported), *((_place(n), True) for n in named)]
    return tuple(file for place, with_modules in places if place for file in _files(place, with_modules))


def _place(name: str) -> Path | None:
    """Return the place of a dotted name within the package, without the ending; None where it is no such name."""
    package, _, rest = name.partition(".")
    if package != PACKAGE.name or not rest.replace(".", "").isidentifier():
        return None
    return PACKAGE / rest.replace(".", "/")


@functools.cache
def _files(place: Path, with_modules: bool) -> tuple[Path, ...]:
    """Return the module of that name, or the data files of that package, with its modules where they are wanted."""
    module = place.with_suffix(".py")
    content = [path for path in place.iterdir() if path.is_file()] if place.is_dir() else []
    found = (path for path in content if path.suffix != ".pyc" and (with_modules or path.suffix != ".py"))
    return (*([module] if module.is_file() else []), *found)
