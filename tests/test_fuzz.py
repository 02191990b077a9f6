"""Damaged files: each ends in a record or in one RecordingError, quickly, in little memory, at home.

Bytes and numbers of real and of written files are changed at random, in the header, in the table
of sections and in the sections; files are cut off, and pieces are lost. `benchmarks/fuzz.py` tries
more of them.
"""

from __future__ import annotations

import dataclasses
import os
import random
import resource
import struct
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nernstfit.abf.command import in_millivolts, levels, segments
from nernstfit.abf.describe import describe
from nernstfit.abf.points import measure_points
from nernstfit.abf.read import Recording, read
from nernstfit.abf.records import Epoch, Tag, UserList, Waveform
from nernstfit.contract import settings
from nernstfit.contract.errors import RecordingError
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

COUNT = 600
SMALL_FILES = (
    "abf-v1.abf",
    "abf-v2.abf",
    "2018_11_16_sh_0006.abf",
    "20917009.abf",
    "21416007.abf",
    "pclamp11_4ch_abf1.abf",
    "130618-1-12.abf",
    "171116sh_0013.abf",
)
NAME = "damaged.abf"
HEADER_BYTES = 6144
# what a count, a pointer, a scale or an interval may hold in a damaged file: -1, 0, 1, the largest, NaN, inf, -0
HARD_VALUES = [
    bytes.fromhex(text)
    for text in ("ffffffff", "00000000", "01000000", "ffffff7f", "0000c07f", "0000807f", "00000080", "ffff", "0000")
]
MAX_SECONDS = 2.0
MAX_BYTES = 1_000_000_000

opened: list[str] = []
listening = False


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if listening and event == "open" and isinstance(arguments[0], (str, Path)):
        name = str(arguments[0])
        if not name.endswith((".py", ".pyc", ".so")):  # modules that are imported when first used
            opened.append(name)


sys.addaudithook(_listen)


# Files to damage


def written_files(folder: Path) -> list[bytes]:
    """Files of both formats with whatever our writer can put into them, and one that plays itself."""
    epochs = (
        Epoch("A", "step", -20.0, 5.0, 100, 1),
        Epoch("B", "ramp", 100.0, 20.0, 150, 0),
        Epoch("D", "step", -20.0, 0.0, 50, 0),
    )
    first = Waveform(0, NAME, "mV", -20.0, "epochs", epochs, True, UserList(21, (-100.0, -50.0, 0.0), False))
    second = Waveform(1, "Cmd 1", "V", 0.02, "epochs", epochs[:1], False, UserList(31, (10.0, 20.0), True))
    channels = [OutputChannel("I", "nA", 3, 40.0, 5.0, "voltage"), OutputChannel("V", "mV", 0, 200.0)]
    samples = np.random.default_rng(3).normal(0, 9, (7, 2, 400))
    made = []
    for version in ("2.6", "1.84"):
        for data_format in ("int16", "float32"):
            named = first if version == "2.6" else dataclasses.replace(first, name="Cmd 0")
            tags = [Tag(1.2, 2, "drug"), Tag(3.0, 6, "wash")]
            recording = EpisodicRecording(samples, channels, [named, second], 1e4, 0.5, tags, data_format)
            write_abf(folder / NAME, version, recording)
            made.append((folder / NAME).read_bytes())
    return [*made, _playing_itself(made[0])]


def _playing_itself(content: bytes) -> bytes:
    changed = bytearray(content)
    dac = struct.unpack_from("<I", content, 76 + 16 * 2)[0] * 512
    struct.pack_into("<hhff", changed, dac + 42, 2, 0, 0.5, -60.0)
    struct.pack_into("<i", changed, dac + 118, *struct.unpack_from("<i", content, dac + 24))
    return bytes(changed)


def real_files() -> list[bytes]:
    folder = os.environ.get("NERNSTFIT_REAL_ABF")
    return [(Path(folder) / name).read_bytes() for name in SMALL_FILES] if folder else []


# Damage


def variants(sources: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Damage the sources at random; the same seed gives the same files."""
    rng = random.Random(seed)
    for _ in range(count):
        content = bytearray(rng.choice(sources))
        for _ in range(rng.choice([1, 1, 2, 5, 20])):
            at = _place(content, rng)
            value = rng.choice(HARD_VALUES) if rng.random() < 0.5 else rng.randbytes(rng.choice([1, 1, 2, 4]))
            content[at : at + len(value)] = value
        if rng.random() < 0.1:
            del content[rng.randrange(len(content)) :]
        elif rng.random() < 0.03:
            at = rng.randrange(len(content))
            del content[at : at + rng.choice([1, 2, 512])]
        yield bytes(content)


def _place(content: bytearray, rng: random.Random) -> int:
    """Where to damage: in an ABF2 mostly the table of sections, or an entry of a section that is no samples."""
    last = min(HEADER_BYTES, len(content)) - 4
    chance = rng.random()
    if chance < 0.1:
        return rng.randrange(4, len(content) - 4)
    if content[:4] == b"ABF2" and chance < 0.4:
        return rng.randrange(4, 400)
    if content[:4] == b"ABF2" and chance < 0.8:
        block, size, count = struct.unpack_from("<IIi", content, 76 + 16 * rng.choice([0, 1, 2, 5, 6, 9, 11, 15]))
        start, length = block * 512, size * min(count, 4)
        if 4 <= start < len(content) - length - 4 and length > 0:
            return rng.randrange(start, start + length)
    return rng.randrange(4, last)


# What is tried


@dataclass(frozen=True)
class Outcome:
    """What came of one file."""

    kind: str
    seconds: float
    fault: str


def attempt(path: Path, how: settings.Measure) -> Outcome:
    """Read one file, rebuild every command, take some samples, describe it, measure two epochs."""
    global listening  # an audit hook cannot be taken off, only told not to listen
    opened.clear()
    begun = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        listening = True
        try:
            kind, fault = _attempt(path, how)
        finally:
            listening = False
    return Outcome(kind, time.monotonic() - begun, fault)


def _attempt(path: Path, how: settings.Measure) -> tuple[str, str]:
    try:
        recording = read(path)
    except RecordingError as fault:
        return "refused", str(fault)
    said = [*_use(recording), *describe(recording, how)]
    for letter in ("A", "B", "auto"):
        try:
            measure_points(recording, dataclasses.replace(how, epoch=letter), ())
        except RecordingError as fault:
            said.append(str(fault))
    assert not [line for line in said if "\n" in line]
    return "read", ""


def _use(recording: Recording) -> Iterator[str]:
    """Rebuild every command and take some samples; what is said against a command."""
    for waveform in recording.waveforms:
        try:
            command = segments(waveform, recording.sweeps, recording.points)
        except RecordingError as fault:
            yield str(fault)
            continue
        assert len(command) == recording.sweeps
        assert all(sweep[0].start == 0 and sweep[-1].stop == recording.points for sweep in command)
        levels(command[-1], np.arange(0, recording.points, 1 + recording.points // 100))
        if waveform.unit in ("mV", "V"):
            in_millivolts(waveform)
    for channel in recording.channels:
        assert len(recording.samples(channel, recording.sweeps - 1, 0, 50)) == min(50, recording.points)
    assert all(0 <= tag.sweep < recording.sweeps for tag in recording.tags)


def default_how() -> settings.Measure:
    return settings.load(
        {"recordings": "r", "junction": {"method": "none"}, "fit": {"reference_ion": "K", "permeant": ["K"]}}
    ).measure


def campaign(folder: Path, sources: Sequence[bytes], count: int, seed: int) -> list[Outcome]:
    """Try `count` damaged files in one folder; fail at the first that does not end as it should."""
    path, how, outcomes = folder / NAME, default_how(), []
    for content in sources:
        path.write_bytes(content)
        assert attempt(path, how).kind == "read"  # what is damaged is a recording, and every module is imported
    for number, content in enumerate(variants(sources, count, seed)):
        path.write_bytes(content)
        outcome = attempt(path, how)
        assert outcome.kind == "read" or outcome.fault.startswith(f"{NAME}: "), (number, outcome)
        assert "\n" not in outcome.fault, (number, outcome)
        assert outcome.seconds < MAX_SECONDS, (number, outcome)
        assert {Path(name).parent for name in opened} <= {folder}, (number, opened)
        outcomes.append(outcome)
    return outcomes


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_damaged_files_are_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    outcomes = campaign(tmp_path, written_files(tmp_path) + real_files(), COUNT, seed=7)
    kinds = Counter(outcome.kind for outcome in outcomes)
    assert min(kinds["read"], kinds["refused"]) > COUNT / 10
    assert len({outcome.fault for outcome in outcomes}) > 30  # many kinds of damage were met
    assert peak_bytes() < MAX_BYTES


@pytest.mark.parametrize("version", ["2.6", "1.84"])
def test_cut_off_at_every_block(tmp_path: Path, write_recording: Callable[..., Path], version: str) -> None:
    content = write_recording(tmp_path / "whole.abf", version=version).read_bytes()
    path = tmp_path / "cut.abf"
    for size in range(0, len(content) - 1, 512):
        path.write_bytes(content[:size])
        with pytest.raises(RecordingError, match=r"cut\.abf"):
            read(path)
