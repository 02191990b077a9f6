"""Time of reading the windows and the command of all sweeps, against pyabf used plainly; and memory of a large file.

    python benchmarks/read.py [recordings]

Both ways give, for every sweep of every file, the mean current in one window and the command at
its middle, channel 0 and DAC 0. They are timed alternately, file by file, in one run: over
simulated recordings of 17 sweeps of 1000 samples in both formats, and, with NERNSTFIT_REAL_ABF,
over the folder of real recordings. Where pyabf cannot rebuild the command of a file at all, the file is
left out for both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyabf

from nernstfit.abf.command import levels, segments
from nernstfit.abf.read import read
from nernstfit.abf.records import Epoch, Waveform
from nernstfit.abf.write import OutputChannel, write_abf
from nernstfit.errors import RecordingError

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
Way = Callable[[Path], np.ndarray]


def ours(path: Path) -> np.ndarray:
    recording = read(path)
    start, stop = int(0.4 * recording.points), int(0.7 * recording.points)
    command = segments(recording.waveforms[0], recording.sweeps, recording.points)
    channel, middle = recording.channels[0], [(start + stop) // 2]
    return np.array(
        [
            (recording.samples(channel, number, start, stop).mean(), levels(sweep, middle)[0])
            for number, sweep in enumerate(command)
        ]
    )


def plainly(path: Path) -> np.ndarray:
    abf = pyabf.ABF(path)
    start, stop = int(0.4 * abf.sweepPointCount), int(0.7 * abf.sweepPointCount)
    found = []
    for number in abf.sweepList:
        abf.setSweep(number)
        found.append((abf.sweepY[start:stop].mean(), abf.sweepC[(start + stop) // 2]))
    return np.array(found)


def seconds(ways: Sequence[Way], paths: Sequence[Path]) -> list[float]:
    """Time of each way over all files, the least of some repeats, file by file in turn."""
    sums = [0.0] * len(ways)
    for path in paths:
        for number, way in enumerate(ways):
            sums[number] += min(_timed(way, path) for _ in range(REPEATS))
    return sums


def _timed(way: Way, path: Path) -> float:
    begun = time.perf_counter()
    way(path)
    return time.perf_counter() - begun


def simulated(folder: Path, count: int) -> list[Path]:
    rng, channel = np.random.default_rng(1), OutputChannel("IN 0", "pA", 0, 4000.0)
    paths = [folder / f"{number}.abf" for number in range(count)]
    for number, path in enumerate(paths):
        samples = rng.normal(0, 10, (17, 1, 1000))
        write_abf(path, ("2.6", "1.84")[number % 2], samples, [channel], [STEPS], 1e4, 0.5)
    return paths


def readable(folder: Path) -> list[Path]:
    """Real files of which both ways give something."""
    found = []
    for path in sorted(folder.glob("*.abf")):
        try:
            ours(path), plainly(path)
        except (RecordingError, IndexError, ValueError) as fault:
            print(f"  left out: {path.name} ({' '.join(str(fault).split())[:90]})")
            continue
        found.append(path)
    return found


def report(name: str, paths: Sequence[Path]) -> None:
    mine, theirs = seconds([ours, plainly], paths)
    print(f"{name}: {len(paths)} files, {mine:.3f} s, pyabf plainly {theirs:.3f} s, ratio {mine / theirs:.2f}")


def large(folder: Path) -> None:
    """Peak memory of a process that reads every window of a recording of 400 MB."""
    path = folder / "large.abf"
    channel = OutputChannel("IN 0", "pA", 0, 4000.0)
    if os.fork() == 0:  # what writing takes is another process's memory
        write_abf(path, "2.6", np.zeros((200, 1, 1_000_000)), [channel], [STEPS], 1e5, 11.0)
        os._exit(0)
    os.wait()
    done = subprocess.run([sys.executable, __file__, "--window", str(path)], capture_output=True, text=True, check=True)
    print(f"large: {path.stat().st_size / 1e6:.0f} MB on disk, {done.stdout.strip()}")


def one_window(path: Path) -> None:
    begun = time.perf_counter()
    recording = read(path)
    segments(recording.waveforms[0], recording.sweeps, recording.points)
    for sweep in range(recording.sweeps):
        recording.samples(recording.channels[0], sweep, 500_000, 600_000).mean()
    # Not from getrusage: it counts what the parent process took before this program was started.
    (peak_kB,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    print(f"{time.perf_counter() - begun:.2f} s, peak memory {int(peak_kB) * 1.024e-3:.0f} MB")


def main(count: int = 500) -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        paths = simulated(Path(name), count)
        seconds([ours, plainly], paths[:10])
        np.testing.assert_allclose(ours(paths[0]), plainly(paths[0]), rtol=1e-4, atol=1e-3)
        report("simulated", paths)
        if "NERNSTFIT_REAL_ABF" in os.environ:
            report("real", readable(Path(os.environ["NERNSTFIT_REAL_ABF"])))
        large(Path(name))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--window"]:
        one_window(Path(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
