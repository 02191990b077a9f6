"""Small recordings and experiment folders, written by the project's own ABF writer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nernstfit.abf.records import Epoch, Tag, Waveform
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

RATE_HZ = 10_000.0
POINTS = 400
SWEEPS = 11
# before: samples 0-5; A: 6-105; B: 106-305, -100 to +100 mV; C: 306-355; after: 356-399
STEPS = Waveform(
    number=0,
    name="Cmd 0",
    unit="mV",
    holding=-20.0,
    source="epochs",
    epochs=(
        Epoch("A", "step", -20.0, 0.0, 100, 0),
        Epoch("B", "step", -100.0, 20.0, 200, 0),
        Epoch("C", "step", -20.0, 0.0, 50, 0),
    ),
    keeps_last_level=False,
)
CURRENT = OutputChannel("IN 0", "pA", 0, 4000.0)
LEVELS = tuple(-100.0 + 20.0 * sweep for sweep in range(SWEEPS))

CONFIG: Mapping[str, Any] = {
    "recordings": "data/recordings.csv",
    "junction": {"method": "none"},
    "fit": {"reference_ion": "K", "permeant": ["K", "Na"]},
}
SOLUTIONS = "solution,NaCl,KCl,glucose\ncontrol,140,5,10\nhigh_K,5,140,10\npipette,10,140,\n"
RECORDINGS = "recording,cell,bath,pipette\ndata/a.abf,c1,control,pipette\ndata/b.abf,c1,high_K,pipette\n"


# The interpreters that a workflow starts, ten a run, need not compile the package each for itself; nor need the next
# run of the tests rewrite their assertions again, which takes longer than to collect them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Files whose tests share a finished run: one worker runs them. Any other file is a group of its own.
SHARING = ("test_demonstration.py", "test_declarations.py", "test_tutorial.py")
# Single tests of these take many seconds and share nothing. Given out one by one, at the end, they leave all workers
# ending together. Doing so with every test took the scheduler 3 ms each, which grow with the square of their number.
DIVIDED = ("test_calibration.py", "test_inference.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put runs of the workflow first, which take longest, and tests that fill up the rest of the time last."""
    items.sort(key=lambda item: (item.path.name in DIVIDED, item.path.parent.name != "workflow"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give tests to the workers file by file in the order above, but those of `DIVIDED` one by one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            if Path(file).name in DIVIDED:
                return nodeid
            return "shared" if Path(file).name in SHARING else file

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.fixture
def steps() -> Waveform:
    """One waveform: in epoch B sweep i is at -100 + 20 i mV; holding and the other epochs at -20 mV."""
    return STEPS


@pytest.fixture
def current_channel() -> OutputChannel:
    return CURRENT


@pytest.fixture(scope="session")
def write_recording() -> Callable[..., Path]:
    """Write a recording whose current in epoch B is a function of the level, and nothing elsewhere."""

    def write(
        path: Path,
        current_pA: Callable[[float], float] = lambda level: 5.0 * (level + 30.0),
        noise_pA: float = 2.0,
        version: str = "2.6",
        channels: Sequence[OutputChannel] = (CURRENT,),
        waveforms: Sequence[Waveform] = (STEPS,),
        samples: np.ndarray | None = None,
        sweep_interval_s: float = 0.5,
        tags: Sequence[Tag] = (),
    ) -> Path:
        if samples is None:
            samples = np.random.default_rng(3).normal(0.0, noise_pA, (SWEEPS, len(channels), POINTS))
            for sweep, level in enumerate(LEVELS):
                samples[sweep, 0, 106:306] += current_pA(level)
        write_abf(path, version, EpisodicRecording(samples, channels, waveforms, RATE_HZ, sweep_interval_s, tags))
        return path

    return write


@pytest.fixture
def config() -> Callable[..., dict[str, Any]]:
    """Return the least configuration, some keys changed; a dotted name reaches into a section, None removes."""

    def changed(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        made: dict[str, Any] = {
            key: dict(value) if isinstance(value, Mapping) else value for key, value in CONFIG.items()
        }
        for name, value in (changes or {}).items():
            *sections, key = name.split(".")
            place = made
            for section in sections:
                place = place.setdefault(section, {})
            if value is None:
                place.pop(key, None)
            else:
                place[key] = value
        return made

    return changed


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_recording: Callable[..., Path]
) -> Callable[..., Path]:
    """Make an experiment folder and enter it; tables are given as text."""

    def make(recordings: str | None = RECORDINGS, solutions: str | None = SOLUTIONS) -> Path:
        (tmp_path / "data").mkdir(exist_ok=True)
        for name, text in (("recordings", recordings), ("solutions", solutions)):
            if text is not None:
                (tmp_path / "data" / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
        for name in ("a", "b"):
            write_recording(tmp_path / "data" / f"{name}.abf")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return make


@pytest.fixture(scope="session")
def real_abf() -> Path:
    """Folder of the public recordings of other laboratories."""
    folder = os.environ.get("NERNSTFIT_REAL_ABF")
    if not folder:
        pytest.skip("NERNSTFIT_REAL_ABF is unset: it names the folder of real recordings")
    return Path(folder)


@pytest.fixture(scope="session")
def real_cases(real_abf: Path) -> Path:
    """Folder of the recordings that went wrong once, beside that of the public recordings."""
    return real_abf.parent / "cases"
