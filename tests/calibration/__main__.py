"""`make calibrate`: every row in full, with any seed; fails where a row does."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from calibration.recordings import ROWS, Tally, calibrate

_HEADER = f"{'':48}{'cases':>7}{'other':>7}{'held':>8}{'bias mV':>9}{'spread':>8}{'mean SE':>9}"


def main() -> int:
    """Run the rows whose name holds what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="calibration", description=__doc__)
    parser.add_argument("--cases", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a row's name")
    asked = parser.parse_args()
    rows = [row for row in ROWS if asked.only in row.name]
    print(f"recordings, seed {asked.seed}\n{_HEADER}", flush=True)
    run = partial(_named, cases=asked.cases, seed=asked.seed)
    failed = 0
    with ProcessPoolExecutor(asked.jobs) as pool:
        for tally in pool.map(run, [row.name for row in rows]):
            failed += bool(tally.faults)
            print(_line(tally), flush=True)
    return min(failed, 1)


def _named(name: str, cases: int, seed: int) -> Tally:
    return calibrate(next(row for row in ROWS if row.name == name), cases, seed)


def _line(tally: Tally) -> str:
    others = 1 - tally.reversals / tally.cases
    counts = f"{tally.cases:7}{others:7.1%}{tally.coverage:8.1%}"
    numbers = f"{tally.bias_mV:+9.3f}{tally.rms_mV:8.3f}{tally.mean_se_mV:9.3f}"
    return f"{tally.name:48}{counts}{numbers}  {'; '.join(tally.faults)}"


if __name__ == "__main__":
    sys.exit(main())
