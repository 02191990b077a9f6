"""Time of measuring recordings, beside the plain use of pyabf in the same run; and memory of a large file.

    python benchmarks/measure.py [recordings]

The plain way loads a file, steps through its sweeps with setSweep, takes the mean of sweepY and the
middle of sweepC in a window, and interpolates the zero with numpy. Beside it stand two ways of this
project: the same windows and commands alone; and all of a measurement, with both estimators and
every error. They are timed in turn, file by file, over simulated recordings of 17 sweeps of 1000 samples in
both formats and, with NERNSTFIT_REAL_ABF, over the real recordings that all three can use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyabf

from nernstfit.abf.command import levels, segments
from nernstfit.abf.points import measure_points
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.abf.select import current_and_command
from nernstfit.contract import settings
from nernstfit.contract.errors import RecordingError
from nernstfit.contract.settings import Measure
from nernstfit.reversal import classify, curve
from nernstfit.simulate.abf_writer import write_abf
from nernstfit.simulate.recording import EpisodicRecording, OutputChannel

REPEATS = 3
STEPS = Waveform(
    *(0, "Cmd 0", "mV", -70.0, "epochs"),
    (
        Epoch("A", "step", -70.0, 0.0, 100, 0),
        Epoch("B", "step", -100.0, 10.0, 700, 0),
        Epoch("C", "step", -70.0, 0.0, 100, 0),
    ),
    keeps_last_level=False,
)
HOW = settings.default_measure()
# What is measured of a real file, where it leaves a choice.
REAL = {
    "14o16001_vc_pair_step": replace(HOW, epoch="D", channel=0),
    "171116sh_0012": replace(HOW, epoch="B"),
    "171116sh_0013": replace(HOW, epoch="after", from_fraction=0.47, to_fraction=1.0),
    "20917009": replace(HOW, epoch="F", from_ms=4.0, to_ms=10.0),
    "21416007": replace(HOW, epoch="H", from_ms=4.0, to_ms=10.0),
    "21618001": replace(HOW, epoch="B"),
    "user-list-durations": replace(HOW, epoch="B"),
    "abf2load_example": replace(HOW, epoch="B"),
    "DM1_0002": replace(HOW, epoch="C"),
}
Way = Callable[[Path, Measure], object]


def plainly(path: Path, how: Measure) -> float:
    """Load all, walk through the sweeps, interpolate."""
    abf = pyabf.ABF(path)
    start, stop = int(0.4 * abf.sweepPointCount), int(0.7 * abf.sweepPointCount)
    current, command = [], []
    for number in abf.sweepList:
        abf.setSweep(number)
        current.append(abf.sweepY[start:stop].mean())
        command.append(abf.sweepC[(start + stop) // 2])
    order = np.argsort(current)
    return float(np.interp(0.0, np.array(current)[order], np.array(command)[order]))


def windows(path: Path, how: Measure) -> np.ndarray:
    """Means and commands of the same windows."""
    recording = read(path)
    start, stop = int(0.4 * recording.points), int(0.7 * recording.points)
    channel, waveform = current_and_command(recording, how)
    command = segments(waveform, recording.sweeps, recording.points)
    middle = [(start + stop) // 2]
    current = recording.block_pA(channel, range(recording.sweeps), start, stop).mean(axis=1)
    return np.stack([current, [levels(sweep, middle)[0] for sweep in command]])


def measured(path: Path, how: Measure) -> classify.Result:
    """All of a measurement: points with their errors, both estimators, the verdict."""
    points = measure_points(read(path), how, ()).points[0]
    pieces = bool(points.point.any())
    speed = curve.speed(points.command_mV, points.t_ms, points.point) if pieces else None
    iv = curve.average(points.command_mV, points.current_pA, points.se_pA, 2.0, speed)
    return classify.find(iv, how.max_interval_mV, how.min_span_mV, how.estimator)


WAYS: tuple[Way, ...] = (windows, measured, plainly)


def seconds(ways: Sequence[Way], paths: Sequence[Path]) -> list[float]:
    """Time of each way over all files, the least of some repeats, file by file in turn."""
    sums = [0.0] * len(ways)
    for path in paths:
        for number, way in enumerate(ways):
            sums[number] += min(_timed(way, path) for _ in range(REPEATS))
    return sums


def _timed(way: Way, path: Path) -> float:
    begun = time.perf_counter()
    way(path, REAL.get(path.stem, HOW))
    return time.perf_counter() - begun


def simulated(folder: Path, count: int) -> list[Path]:
    rng, channel = np.random.default_rng(1), OutputChannel("IN 0", "pA", 0, 4000.0)
    paths = [folder / f"{number}.abf" for number in range(count)]
    current = 8.0 * (-100.0 + 10.0 * np.arange(17) + 12.0)
    for number, path in enumerate(paths):
        samples = rng.normal(0, 10, (17, 1, 1000)) + current[:, None, None]
        write_abf(path, ("2.6", "1.84")[number % 2], EpisodicRecording(samples, [channel], [STEPS], 1e4, 0.5))
    return paths


def usable(folder: Path) -> list[Path]:
    """Real files that every way can use."""
    found = []
    for path in sorted(folder.glob("*.abf")):
        try:
            for way in WAYS:
                way(path, REAL.get(path.stem, HOW))
        except (RecordingError, IndexError, ValueError) as fault:
            print(f"  left out: {path.name} ({' '.join(str(fault).split())[:90]})")
            continue
        found.append(path)
    return found


def report(name: str, paths: Sequence[Path]) -> None:
    window, whole, plain = seconds(WAYS, paths)
    print(f"{name}: {len(paths)} files; pyabf plainly {plain:.3f} s")
    print(f"  windows and commands {window:.3f} s, ratio {window / plain:.2f}")
    print(f"  measured with both estimators and errors {whole:.3f} s, ratio {whole / plain:.2f}")


def large(folder: Path) -> None:
    """Peak memory of a process that measures a recording of 400 MB."""
    path = folder / "large.abf"
    channel = OutputChannel("IN 0", "pA", 0, 4000.0)
    protocol = replace(STEPS, epochs=(Epoch("A", "step", -100.0, 1.0, 900_000, 0),))
    if os.fork() == 0:  # what writing takes is another process's memory
        samples = np.broadcast_to(5.0 * np.arange(-100.0, 100.0)[:, None, None], (200, 1, 1_000_000))
        write_abf(path, "2.6", EpisodicRecording(samples, [channel], [protocol], 1e5, 11.0))
        os._exit(0)
    os.wait()
    done = subprocess.run([sys.executable, __file__, "--one", str(path)], capture_output=True, text=True, check=True)
    print(f"large: {path.stat().st_size / 1e6:.0f} MB on disk, {done.stdout.strip()}")


def one(path: Path) -> None:
    begun = time.perf_counter()
    found = measured(path, HOW)
    # Not from getrusage: it counts what the parent process took before this program was started.
    (peak_kB,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    passed = time.perf_counter() - begun
    print(
        f"{found.verdict} at {found.potential_mV:.2f} mV, {passed:.2f} s, peak memory {int(peak_kB) * 1.024e-3:.0f} MB"
    )


def main(count: int = 500) -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        paths = simulated(Path(name), count)
        seconds(WAYS, paths[:10])
        assert abs(measured(paths[0], HOW).potential_mV - plainly(paths[0], HOW)) < 0.5
        report("simulated", paths)
        if "NERNSTFIT_REAL_ABF" in os.environ:
            report("real", usable(Path(os.environ["NERNSTFIT_REAL_ABF"])))
        large(Path(name))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(Path(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
