"""Damaged headers: each file ends in a record or in one RecordingError, quickly, in little memory, at home.

Bytes and numbers of real and of written files are changed at random, mostly in the header, and
files are cut off. `NERNSTFIT_FUZZ` sets how many variants are tried.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nernstfit import settings
from nernstfit.abf.points import measure_points
from nernstfit.abf.read import read
from nernstfit.errors import RecordingError

COUNT = int(os.environ.get("NERNSTFIT_FUZZ", "2000"))
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
HEADER_BYTES = 6144
# what a count, a pointer, a scale or an interval may hold in a damaged file: -1, 0, the largest, NaN, inf, -0
HARD_VALUES = [bytes.fromhex(text) for text in ("ffffffff", "00000000", "ffffff7f", "0000c07f", "0000807f", "00000080")]
MOST_SECONDS = 2.0
MOST_BYTES = 1_000_000_000

opened: list[str] = []
listening = False


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if listening and event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])


sys.addaudithook(_listen)


def variants(sources: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Damage the sources at random; the same seed gives the same files."""
    rng = random.Random(seed)
    for _ in range(count):
        content = bytearray(rng.choice(sources))
        last = min(HEADER_BYTES, len(content)) if rng.random() < 0.8 else len(content)
        for _ in range(rng.choice([1, 1, 2, 5, 20])):
            at = rng.randrange(4, last - 4)
            value = rng.choice(HARD_VALUES) if rng.random() < 0.5 else bytes([rng.randrange(256)])
            content[at : at + len(value)] = value
        yield bytes(content[: rng.randrange(len(content))] if rng.random() < 0.1 else content)


def attempt(path: Path, how: settings.Measure) -> str:
    """Read one file and measure every epoch of it that has a letter; what came of it."""
    faults, outcome = [], "read"
    try:
        recording = read(path)
        for letter in "AB":
            with contextlib.suppress(RecordingError):
                measure_points(recording, dataclasses.replace(how, epoch=letter), ())
    except RecordingError as fault:
        faults, outcome = [str(fault)], "refused"
    assert all(path.name in fault and "\n" not in fault for fault in faults)
    return outcome


@pytest.fixture
def how() -> settings.Measure:
    config = {
        "recordings": "r",
        "junction": {"method": "none"},
        "fit": {"reference_ion": "K", "permeant": ["K"]},
    }
    return settings.load(config).measure


def check(folder: Path, sources: list[bytes], how: settings.Measure) -> None:
    global listening  # an audit hook cannot be taken off, only told not to listen
    path, outcomes = folder / "damaged.abf", []
    for number, content in enumerate(variants(sources, COUNT, seed=7)):
        path.write_bytes(content)
        opened.clear()
        begun = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            listening = True
            try:
                outcomes.append(attempt(path, how))
            finally:
                listening = False
        assert time.monotonic() - begun < MOST_SECONDS, number
        elsewhere = [name for name in opened if name.endswith((".abf", ".atf")) and Path(name).parent != folder]
        assert not elsewhere, number
    assert set(outcomes) == {"read", "refused"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MOST_BYTES


def test_damaged_real_files(tmp_path: Path, real_abf: Path, how: settings.Measure) -> None:
    check(tmp_path, [(real_abf / name).read_bytes() for name in SMALL_FILES], how)


def test_damaged_written_files(tmp_path: Path, write_recording: Callable[..., Path], how: settings.Measure) -> None:
    sources = [write_recording(tmp_path / f"{v}.abf", version=v).read_bytes() for v in ("2.6", "1.84")]
    check(tmp_path, sources, how)


@pytest.mark.parametrize("version", ["2.6", "1.84"])
def test_cut_off_at_every_block(tmp_path: Path, write_recording: Callable[..., Path], version: str) -> None:
    content = write_recording(tmp_path / "whole.abf", version=version).read_bytes()
    path = tmp_path / "cut.abf"
    for size in range(0, len(content) - 1, 512):
        path.write_bytes(content[:size])
        with pytest.raises(RecordingError, match=r"cut\.abf"):
            read(path)
