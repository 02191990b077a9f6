"""Time and memory of the fit stage, by the number of measurements in one group.

    python benchmarks/fit_stage.py [measurements ...]

The experiment is that of benchmarks/report.py: copies of the cells of a simulated one, under other names. Their
potentials are drawn anew from the model, each cell with its own ln P and offset. Each fit is made in a process of its
own; numbers of measurements are multiples of 100, by default 500, 1000, 2000, 4000 and 10000.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import report

from nernstfit.contract import settings, tables
from nernstfit.experiment import folder as experiments
from nernstfit.permeability.groups import groups
from nernstfit.permeability.inference.model_selection import candidates
from nernstfit.simulate import experiment as simulation
from nernstfit.stages import fit

DEFAULT = (500, 1000, 2000, 4000, 10000)


def drawn_anew() -> None:
    """Replace the potentials in the present folder by ones drawn from the model."""
    loaded, rng = experiments.load(settings.read()), np.random.default_rng(1)
    table = tables.load(tables.REVERSAL_POTENTIALS.path, tables.REVERSAL_POTENTIALS)
    (group,) = groups(table, {row.measurement: row for row in loaded.rows})
    model = candidates(loaded.settings)[0]
    data = group.observations.under(loaded.solutions, model.permeant, model.activity)
    of_cells = simulation.LN_P_SD * rng.standard_normal((len(data.cell_names), len(data.ions)))
    ln_p = np.log([simulation.TRUE_RATIOS[ion] for ion in data.ions])
    potential_mV = data.at_deviation(of_cells[data.cell_index], data.potential_mV).predict(ln_p)
    potential_mV += simulation.OFFSET_SD_MV * rng.standard_normal(len(data.cell_names))[data.cell_index]
    potential_mV += data.se_mV * rng.standard_normal(data.size)
    change_mV = dict(zip(data.measurements, potential_mV - data.potential_mV, strict=True))
    for column in ("raw_mV", "corrected_mV"):
        table[column] = table[column] + table["measurement"].map(change_mV)
    rows = table.to_dict("records")
    tables.write(tables.REVERSAL_POTENTIALS.path, tables.REVERSAL_POTENTIALS, rows)


def one() -> None:
    """Fit the experiment in the present folder; prints time and memory."""
    loaded = experiments.load(settings.read())
    outputs = {name: f"results/{name}" for name in (*fit.TABLES, fit.REPORT)}
    begun, clock = time.process_time(), time.perf_counter()
    fit.run({"reversals": tables.REVERSAL_POTENTIALS.path}, outputs, loaded)
    passed, by_clock = time.process_time() - begun, time.perf_counter() - clock
    print(f"{by_clock:6.1f} s, {passed:.1f} s of processor time, peak memory {report.peak_MB():4.0f} MB")


def main(*counts: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "base")
        report.base(source)
        for count in counts or DEFAULT:
            folder = Path(name, str(count))
            report.copied(source, folder, count // report.BASE)
            with contextlib.chdir(folder):
                drawn_anew()
            print(f"{count:6} measurements: {report.apart(Path(__file__), folder)}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        one()
    else:
        main(*map(int, sys.argv[1:]))
