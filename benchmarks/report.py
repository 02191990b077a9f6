"""Time and memory of the report stage, the size of its page, and the cost of one figure of measurements.

    python benchmarks/report.py [recordings ...]

One experiment of 100 simulated recordings goes through every stage before the report. Larger ones are copies of its
cells under other names: in the user's table, the result tables and what ingest hands over, a batch for each copy. Each
report is made in a process of its own; numbers of recordings are multiples of 100, by default 100 and 1000.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from nernstfit.contract import settings, tables
from nernstfit.contract.frames import by_measurement
from nernstfit.experiment import folder as experiments
from nernstfit.figures import recordings
from nernstfit.figures.drawing import PNG_SCALE, png_of
from nernstfit.library import pipeline
from nernstfit.simulate import experiment as simulation
from nernstfit.stages import report

CELLS, BASE = 17, 100  # cells and recordings of the experiment that is copied
BATCHES = Path("results", "ingest")
NAMES = ("measurement", "recording", "cell", "subject")  # columns that a copy has under a name of its own
ROWS, REPEATS = 6, 20  # measurements of the figure that is timed, and how often


def base(folder: Path) -> None:
    """Simulate the experiment that is copied, and run the stages before the report."""
    with mock.patch.object(simulation, "CELLS", CELLS):
        simulation.simulate(folder)
    with contextlib.chdir(folder):
        pipeline.run_stages(experiments.load(settings.read()), "judge")


def copied(source: Path, folder: Path, count: int) -> None:
    """Write an experiment of so many copies, as it is before the report."""
    for part in ("config", "data", BATCHES):
        (folder / part).mkdir(parents=True)
    for name in ("config/config.yaml", "data/solutions.csv", "data/truth.yaml", "results/fit_report.txt"):
        os.link(source / name, folder / name)
    for path in sorted((source / "data").glob("*.abf")):
        for copy in range(count):
            os.link(path, folder / renamed(f"data/{path.name}", copy))
    for name in ("data/recordings.csv", *tables.paths(tables.RESULT)):
        frame = pd.read_csv(source / name, dtype=str, keep_default_na=False)
        is_of_copies = bool({"measurement", "cell"} & set(frame)) or name == tables.WARNINGS.path
        parts = [named_anew(frame, copy) for copy in range(count if is_of_copies else 1)]
        pd.concat(parts).drop_duplicates().to_csv(folder / name, index=False, lineterminator="\n")
    (batch,) = (source / BATCHES).glob("*/")
    for copy in range(count):
        place = folder / BATCHES / f"{copy:04d}"
        place.mkdir()
        for part in ("facts", "traces"):
            frame = pd.read_parquet(batch / f"{part}.parquet")
            named_anew(frame, copy).to_parquet(place / f"{part}.parquet", index=False)


def named_anew(frame: pd.DataFrame, copy: int) -> pd.DataFrame:
    """Return the rows of one copy of the cells."""
    columns = [name for name in NAMES if name in frame]
    return frame.assign(**{name: frame[name].map(lambda old: renamed(old, copy)) for name in columns})


def renamed(name: str, copy: int) -> str:
    """Return the name of a cell, or of its recording, in one copy; that of a solution or a ratio stays."""
    folder, slash, own = name.rpartition("/")
    is_of_cell = own.partition("_")[0].removeprefix("c").isdigit()
    return f"{folder}{slash}c{copy:04d}{own}" if is_of_cell and copy else name


def one() -> None:
    """Make the report in the present folder; prints its time and memory."""
    loaded = experiments.load(settings.read())
    parts = {part: sorted(map(str, BATCHES.glob(f"*/{part}.parquet"))) for part in ("facts", "traces")}
    inputs = {"results": tables.paths(tables.RESULT), "fit_report": "results/fit_report.txt", **parts}
    inputs |= {"tables": loaded.input_files, "kept": [path for part in parts.values() for path in part]}
    outputs = {"report": "results/report.html", "figures": "results/figures", "manifest": "results/manifest.json"}
    begun, clock = time.process_time(), time.perf_counter()
    outputs |= {"methods": "results/methods.txt", "datapackage": "results/datapackage.json", "crate": "crate.json"}
    report.run(inputs, outputs, loaded)
    passed, by_clock = time.process_time() - begun, time.perf_counter() - clock
    sizes = [path.stat().st_size for path in Path(outputs["figures"]).iterdir()]
    page = Path(outputs["report"]).stat().st_size
    print(f"{by_clock:6.1f} s, {passed:.1f} s of processor time, peak memory {peak_MB():4.0f} MB; ", end="")
    print(f"page {page / 1e6:5.2f} MB, {len(sizes)} files of figures with {sum(sizes) / 1e6:.1f} MB")


def peak_MB() -> float:
    """Return the peak memory of this process.

    Not from getrusage: it counts what the parent process took before this program was started.
    """
    (peak_kB,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(peak_kB) * 1.024e-3


def figure(source: Path) -> None:
    """Print the time of one figure of measurements, as SVG and as the PNG that is made of it."""
    (batch,) = (source / BATCHES).glob("*/")
    rows, iv = (tables.load(source / table.path, table) for table in (tables.REVERSAL_POTENTIALS, tables.TABLES["iv"]))
    rows = rows.head(ROWS)
    iv = iv[iv["measurement"].isin(rows["measurement"])]
    traces = pd.read_parquet(batch / "traces.parquet")
    traces = traces[traces["measurement"].isin(rows["measurement"])]
    for name, shown in (("with traces", traces), ("of I-V curves", traces.head(0))):
        given = rows.to_dict("records"), by_measurement(iv), by_measurement(shown)
        written = recordings.measurements_drawn("timed", *given).svg
        as_svg = milliseconds(lambda given=given: recordings.measurements_drawn("timed", *given).svg)
        as_png = milliseconds(lambda written=written: png_of(written, scale=PNG_SCALE))
        print(
            f"a figure of {ROWS} measurements {name}: SVG {as_svg:.0f} ms, its PNG by vl-convert {as_png:.0f} ms, ",
            end="",
        )
        print(f"ratio {as_png / as_svg:.1f}")


def milliseconds(call: Callable[[], object]) -> float:
    """Return the median processor time of a call."""
    call()
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return 1e3 * float(np.median(times))


def apart(script: Path, folder: Path) -> str:
    """Return the line that a benchmark prints of a folder, in a process of its own."""
    command = [sys.executable, str(script.resolve()), "--one"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def main(*counts: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "base")
        base(source)
        figure(source)
        for count in counts or (100, 1000):
            folder = Path(name, str(count))
            copied(source, folder, count // BASE)
            print(f"{count:6} recordings: {apart(Path(__file__), folder)}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        one()
    else:
        main(*map(int, sys.argv[1:]))
