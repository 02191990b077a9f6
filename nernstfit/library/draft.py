"""Draft of an experiment folder: tables with what the recordings say, and a configuration with questions.

Nothing is guessed that would be a wrong number: a cell or bath that no name tells stays blank, and a recording of which
no row can be proposed is excluded with the reason, until somebody enters its epoch and takes the reason away.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nernstfit.abf import proposals, read
from nernstfit.contract import settings
from nernstfit.contract.errors import InputError, RecordingError
from nernstfit.contract.schema import schema
from nernstfit.contract.table_files import SHEET_SIGN
from nernstfit.experiment.records import RECORDINGS
from nernstfit.library.bath_names import Guess
from nernstfit.library.names import guess
from nernstfit.library.workbook import RECORDINGS_SHEET, SOLUTIONS_SHEET, Sheet, workbook

_WORKBOOK = "data/experiment.xlsx"
_PLACES = {
    "csv": ("data/recordings.csv", "data/solutions.csv"),
    "xlsx": (f"{_WORKBOOK}{SHEET_SIGN}{RECORDINGS_SHEET}", f"{_WORKBOOK}{SHEET_SIGN}{SOLUTIONS_SHEET}"),
}
_FIRST = ("recording", "cell", "bath", "pipette")
_NOTES = {
    "protocol": "Epoch with the letter, the kind and the levels of its steps or ramps",
    "comment": "Comment and tags of the recording",
    "remark": "Doubts, which are to be confirmed or mended; the program does not read them",
}
_LAST = ("configuration", "series_resistance_MOhm", "compensation_percent", "capacitance_pF", "exclude", *_NOTES)
_OTHER_TABLES = ("reversals", "iv")
_COMPONENTS = (
    *("NaCl", "KCl", "CsCl", "NMDG-Cl", "K-gluconate", "CaCl2", "MgCl2", "MgATP", "EGTA", "HEPES", "glucose"),
    *("pH", "titrant"),
)
_QUESTIONS = """\
# The experiment in this folder: `nernstfit check` names what is still to be answered, `nernstfit run` analyses it.
# Every key behind a `#` has the default that stands there.
recordings: @recordings
solutions: @solutions

# whole-cell, outside-out, inside-out or two-electrode
configuration: whole-cell

# Temperature of the bath in degrees Celsius, where a row gives none.
temperature_C: 22

junction:
  # What connects the ground to the bath: a salt bridge and its solution, {type: salt-bridge, solution: bridge}; a bare
  # Ag/AgCl pellet, {type: pellet}; or a compartment that does not change, {type: none}?
  reference:
  # In which bath was the offset of the electrode zeroed? `same` where it was zeroed anew in every bath.
  zeroed_in:
  # Was a junction potential subtracted already, by the amplifier or its program? Its value in mV.
  already_corrected_mV: 0
@junction

fit:
  # The ion to which the ratios refer, and all ions that may pass, like [K, Na, Cl].
  reference_ion:
  permeant:
@fit

"""


@dataclass(frozen=True)
class Draft:
    """Draft of an experiment folder.

    Attributes
    ----------
    rows : tuple of mapping
        Of the table of recordings: column to text.
    baths : tuple of str
        Names of baths that were guessed.
    """

    rows: tuple[Mapping[str, str], ...]
    baths: tuple[str, ...]

    @property
    def tables(self) -> tuple[Sheet, Sheet]:
        """Return the tables of recordings and of solutions."""
        solutions = [{"solution": name} for name in (*self.baths, "pipette")]
        solutions.append({"solution": "bridge", "KCl": "3000"})
        named = ["measurement"] if any("measurement" in row for row in self.rows) else []
        columns = [*_FIRST, *named, *_measured(self.rows), *_LAST]
        return (
            Sheet(RECORDINGS_SHEET, columns, self.rows),
            Sheet(SOLUTIONS_SHEET, ["solution", *_COMPONENTS], solutions),
        )

    def files(self, kind: str) -> dict[str, bytes]:
        """Return the content of each file of the folder, by its path there; `kind` is that of the tables."""
        configuration = _configuration(*_PLACES[kind]).encode()
        if kind == "xlsx":
            tables = {_WORKBOOK: workbook(self.tables, _NOTES)}
        else:
            tables = dict(zip(_PLACES[kind], map(_csv, self.tables), strict=True))
        return {**tables, settings.CONFIG_FILE: configuration}

    @property
    def remarks(self) -> list[tuple[str, list[str]]]:
        """Return each remark with the recordings of its rows, the rarest first."""
        recordings: dict[str, list[str]] = {}
        for row in self.rows:
            if row["remark"]:
                recordings.setdefault(row["remark"], []).append(row["recording"])
        return sorted(recordings.items(), key=lambda item: len(item[1]))

    @property
    def doubtful(self) -> int:
        """Return the number of rows that are to be completed or confirmed."""
        return sum(bool(row["remark"]) for row in self.rows)


def draft(files: Mapping[str, Path]) -> Draft:
    """Draft the tables of an experiment.

    Parameters
    ----------
    files : mapping of str to Path
        Path of each recording within the experiment folder's data/, with `/`, and where it is now.
    """
    names = sorted(files, key=_natural)
    guesses = dict(zip(names, guess([PurePosixPath(name) for name in names]), strict=True))
    first: dict[str, str] = {}
    rows = _with_remarks([each for name in names for each in _rows(name, files[name], guesses[name], first)])
    return Draft(tuple(_with_names(rows)), tuple(dict.fromkeys(each.bath for each in guesses.values() if each.bath)))


def found_in(folder: Path) -> dict[str, Path]:
    """Return the recordings in a folder and its subfolders, by their path there, with `/`.

    Raises
    ------
    InputError
        Where there is none.
    """
    found = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix.lower() == ".abf" and path.is_file() and not path.name.startswith(".")
    }
    if not found:
        raise InputError(f"{folder}: contains no file that ends in .abf")
    return found


def write(folder: Path, files: Mapping[str, Path], made: Draft, link: bool = False, kind: str = "csv") -> list[str]:
    """Write a draft and the recordings into an experiment folder; nothing that exists is overwritten.

    Parameters
    ----------
    folder : Path
    files : mapping of str to Path
        As for `draft`.
    made : Draft
    link : bool
        Links to the recordings in place of copies.
    kind : str
        Of the tables: `csv`, or `xlsx` for one workbook of all.

    Returns
    -------
    list of str
        Paths in the folder of the tables, then of the configuration.

    Raises
    ------
    InputError
        Where one of the files exists; nothing is written then.
    """
    recordings = {f"data/{name}": path for name, path in files.items()}
    drafted = made.files(kind)
    targets = [folder / name for name in (*drafted, *recordings)]
    if existing := [path for path in targets if path.exists() or path.is_symlink()]:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise InputError(f"{existing[0]}: exists already{more}, expected a folder without it: nothing was written")
    for path in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
    for name, path in recordings.items():
        if link:
            os.symlink(path.resolve(), folder / name)
        else:
            shutil.copy2(path, folder / name)
    for name, content in drafted.items():
        (folder / name).write_bytes(content)
    return list(drafted)


def _with_remarks(rows: Sequence[tuple[Mapping[str, str], Sequence[str]]]) -> list[dict[str, str]]:
    """Return the rows with their doubts as remarks; what is to be asked of every row is in the first remark alone."""
    remarks = [list(dict.fromkeys(doubts)) for row, doubts in rows]
    # Of a recording that cannot be read there is no question.
    asked = [own for own, (row, _) in zip(remarks, rows, strict=True) if own or not row.get("exclude")]
    of_all = [doubt for doubt in asked[0] if all(doubt in own for own in asked)] if len(asked) > 1 else []
    for own in asked:
        own[:] = [doubt for doubt in own if doubt not in of_all]
    if of_all:
        asked[0].insert(0, f"All rows: {'; '.join(of_all)}")
    return [dict(row) | {"remark": "; ".join(own)} for own, (row, _) in zip(remarks, rows, strict=True)]


def _with_names(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows, where default names of measurements repeat with names that have the folders in front."""
    default = [RECORDINGS.default_name(row) for row in rows]
    if len(set(default)) == len(rows):
        return list(rows)
    paths = [PurePosixPath(row["recording"]).relative_to("data") for row in rows]
    suffixes = [name.removeprefix(path.stem) for name, path in zip(default, paths, strict=True)]
    stems = [path.with_suffix("") for path in paths]
    names = [f"{stem}{suffix}" for stem, suffix in zip(stems, suffixes, strict=True)]
    if len(set(names)) < len(rows):  # a.abf and a.ABF in one folder
        names = [f"{path}{suffix}" for path, suffix in zip(paths, suffixes, strict=True)]
    return [row | {"measurement": name} for row, name in zip(rows, names, strict=True)]


def _rows(name: str, path: Path, guessed: Guess, first: dict[str, str]) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yield the rows of one recording, with the doubts about each.

    The first recording of each content is kept in `first`, by its SHA-256.
    """
    row = {"recording": f"data/{name}", "cell": guessed.cell, "bath": guessed.bath, "pipette": "pipette"}
    try:
        opened = read.open_recording(path)
        recording = opened.recording
        proposed = proposals.proposals(recording, settings.default_measure())
    except RecordingError as fault:
        yield row | {"exclude": str(fault)}, []
        return
    row["comment"], doubts = "; ".join(_comments(recording)), list(guessed.doubts)
    if (original := first.setdefault(opened.sha256, name)) != name:
        doubts.insert(0, f"same content as data/{original}; exclude one of the two where it is a copy")
    curves = [each for each in proposed if each.columns and each.kind is not proposals.Kind.PULSE]
    chosen = curves or [each for each in proposed if each.columns]
    if len(chosen) > 1:
        names = ", ".join(dict.fromkeys(each.epoch for each in chosen))
        doubts.append(f"epochs of this recording: {names}; keep the row of the current that is to be measured")
    for each in chosen:
        yield row | dict(each.columns) | {"protocol": _shape(each)}, [*doubts, *each.remarks]
    if not chosen:
        reasons = "; ".join(_shape(each) for each in proposed) or "there is no epoch"
        doubts.append("no window is proposed: enter epoch and window, and take the reason in column exclude away")
        yield row | {"exclude": f"no window is proposed: {reasons}"}, doubts


def _shape(proposal: proposals.Proposal) -> str:
    """Return what an epoch looks like."""
    return f"{proposal.epoch}: {proposal.kind}, {proposal.sentence}"


def _comments(recording: read.Recording) -> Iterator[str]:
    """Yield what the experimenter wrote into a recording."""
    if recording.comment.strip():
        yield " ".join(recording.comment.split())
    if recording.tags:
        yield "tags: " + ", ".join(" ".join(str(tag).split()) for tag in recording.tags)


def _measured(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the columns of `measure` that some row has, in the order of the configuration."""
    used = {name for row in rows for name in row}
    return [name for name in schema()["properties"]["measure"]["properties"] if name in used]


def _csv(table: Sheet) -> bytes:
    """Return a table as text."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, table.columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table.rows)
    return stream.getvalue().encode()


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return the sort value of a name: numbers by size, so that 9 comes before 10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]


def _configuration(recordings: str, solutions: str) -> str:
    """Return the configuration: the questions, and every other key as a comment with its default and its meaning."""
    text, others = _QUESTIONS.replace("@recordings", recordings).replace("@solutions", solutions), []
    for name, rule in schema()["properties"].items():
        keys = rule.get("properties", {})
        lines = [_commented(key, of_key, "  ") for key, of_key in keys.items() if f"  {key}:" not in text]
        if f"\n@{name}\n" in text:
            text = text.replace(f"@{name}", "\n".join(lines))
        elif keys:
            sign = "" if any(_is_written(of_key) for of_key in keys.values()) else "# "
            others += ["", f"{sign}{name}:  # {_first_sentence(rule)}", *lines]
        elif f"\n{name}:" not in text and name not in _OTHER_TABLES:
            others.insert(0, _commented(name, rule, ""))
    return text + "\n".join(others) + "\n"


def _commented(key: str, rule: Mapping[str, Any], indent: str) -> str:
    """Return a key as a comment; one whose default has changed as a key, so that the folder does not rest on it."""
    default = rule.get("default")
    shown = "null" if default is None else str(default).lower() if isinstance(default, bool) else default
    unit = f" ({rule['unit']})" if "unit" in rule else ""
    sign = "" if _is_written(rule) else "# "
    return f"{indent}{sign}{key}: {shown}  # {_first_sentence(rule)}{unit}"


def _is_written(rule: Mapping[str, Any]) -> bool:
    """Return True for a key that the draft gives in so many words: its default was another one."""
    return "was" in rule


def _first_sentence(rule: Mapping[str, Any]) -> str:
    return str(rule.get("description", "")).split(". ")[0].rstrip(".").replace("\n", " ")
