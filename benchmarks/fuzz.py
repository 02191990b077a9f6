"""Damages recordings at random, more often than the tests do, and counts those that are read and refused.

    python benchmarks/fuzz.py [count] [seed]

With NERNSTFIT_REAL_ABF, the folder of real recordings, small real files are damaged too.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from test_fuzz import campaign, peak_bytes, real_files, written_files


def main(count: int = 20_000, seed: int = 11) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        sources = written_files(folder) + real_files()
        outcomes = campaign(folder, sources, count, seed)
    kinds = Counter(outcome.kind for outcome in outcomes)
    seconds = sorted(outcome.seconds for outcome in outcomes)
    print(f"{count} damaged variants of {len(sources)} files: {kinds['read']} read, {kinds['refused']} refused")
    print(f"slowest {seconds[-1]:.2f} s, median {seconds[len(seconds) // 2] * 1e3:.1f} ms")
    print(f"peak memory {peak_bytes() / 1e6:.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
