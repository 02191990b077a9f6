"""`make calibrate`: every row in full, with any seed; fails where a row does."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial

from calibration import batches, ratios, recordings

_RECORDINGS = f"{'':48}{'cases':>7}{'other':>7}{'held':>8}{'bias mV':>9}{'spread':>8}{'mean SE':>9}"
_RATIOS = f"{'':48}{'cases':>7}{'interval':>10}  {'held, least and most':42}{'bias':>8}  verdicts"
_BATCHES = f"{'':48}{'cases':>7}{'told':>8}{'warned':>9}  findings"


def main() -> int:
    """Run the rows whose name holds what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="calibration", description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="per row; coverage is then known to 3 %% (99.9 %%)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a row's name, or of 'recordings' or 'inference'")
    asked = parser.parse_args()
    failed = 0
    with ProcessPoolExecutor(asked.jobs) as pool:
        for title, header, rows, run in _PARTS:
            names = [row.name for row in rows if asked.only in f"{title} {row.name}"]
            if names:
                print(f"{title}, seed {asked.seed}\n{header}", flush=True)
                failed += _printed(pool, partial(run, cases=asked.cases, seed=asked.seed), names)
    return min(failed, 1)


def _printed(pool: Executor, run: Callable[[str], tuple[str, bool]], names: Iterable[str]) -> int:
    failed = 0
    for text, fault in pool.map(run, names):
        failed += fault
        print(text, flush=True)
    return failed


def _recordings(name: str, cases: int, seed: int) -> tuple[str, bool]:
    row = next(row for row in recordings.ROWS if row.name == name)
    tally = recordings.calibrate(row, cases, seed)
    faults = tally.faults(row)
    others = 1 - tally.reversals / tally.cases
    counts = f"{tally.cases:7}{others:7.1%}{tally.coverage:8.1%}"
    numbers = f"{tally.bias_mV:+9.3f}{tally.rms_mV:8.3f}{tally.mean_se_mV:9.3f}"
    return f"{tally.name:48}{counts}{numbers}  {'; '.join(faults)}", bool(faults)


def _ratios(name: str, cases: int, seed: int) -> tuple[str, bool]:
    row = next(row for row in ratios.ROWS if row.name == name)
    tallies = ratios.calibrate(row, cases, seed)
    lines, faults = [], []
    for interval in row.intervals:
        own = [tally for tally in tallies if tally.interval == interval]
        claimed = [tally for tally in own if tally.ion != row.unknown]
        low, high = min(claimed, key=lambda t: t.coverage), max(claimed, key=lambda t: t.coverage)
        bias = max((t.bias for t in claimed), key=abs)
        verdicts = sum((t.verdicts for t in own), Counter[str]())
        shares = ", ".join(f"{verdict} {n / verdicts.total():.1%}" for verdict, n in sorted(verdicts.items()))
        found = [fault for t in own for fault in t.faults(row)]
        held = f"{low.coverage:6.1%} {low.ion:14}{high.coverage:6.1%} {high.ion:14}"
        lines.append(f"{name:48}{cases:7}{interval:>10}  {held:42}{bias:+8.3f}  {shares}  {'; '.join(found)}".rstrip())
        faults += found
    return "\n".join(lines), bool(faults)


def _batches(name: str, cases: int, seed: int) -> tuple[str, bool]:
    row = next(row for row in batches.ROWS if row.name == name)
    tally = batches.calibrate(row, cases, seed)
    faults, codes = tally.faults(row), ", ".join(f"{code} {n / cases:.1%}" for code, n in sorted(tally.codes.items()))
    counts = f"{tally.cases:7}{tally.told / cases:8.1%}{tally.warned / cases:9.1%}"
    return f"{name:48}{counts}  {codes}  {'; '.join(faults)}".rstrip(), bool(faults)


_PARTS = (
    ("recordings", _RECORDINGS, recordings.ROWS, _recordings),
    ("inference", _RATIOS, ratios.ROWS, _ratios),
    ("inference, batches", _BATCHES, batches.ROWS, _batches),
)

if __name__ == "__main__":
    sys.exit(main())
