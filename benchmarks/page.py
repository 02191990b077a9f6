"""Time in which a browser opens the report, its size, and that of the files beside it.

    python benchmarks/page.py [recordings ...]

Experiments are those of report.py, by default of 500 and 5000 recordings. Chromium is that of NERNSTFIT_BROWSER, or one
on the path. Open: from the request to the page whose tables can be searched, median of several; the same for the same
page without its script, and until a row, by a link from outside, shows its traces.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import report
from playwright.sync_api import Browser, sync_playwright

COUNTS = (500, 5000)
REPEATS = 5
BROWSER = os.environ.get("NERNSTFIT_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
READY, OPENED = "html[data-ready]", "#measurement-{} + tr .opened svg"


def seconds(browser: Browser, address: str, selector: str) -> float:
    """Return the median time until a page holds an element."""
    times = []
    for _ in range(REPEATS):
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        begun = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_selector(selector, state="attached")
        times.append(time.perf_counter() - begun)
        page.close()
    return float(np.median(times))


def show(browser: Browser, folder: Path, count: int) -> None:
    """Print sizes and times of one report."""
    page = folder / "results" / "report.html"
    beside = sum(path.stat().st_size for path in page.parent.glob("figures/details_*.js"))
    ready = seconds(browser, page.as_uri(), READY)
    opened = seconds(browser, f"{page.as_uri()}#measurement-{count // 2}", OPENED.format(count // 2))
    text = page.read_text(encoding="utf-8")
    plain = page.with_name("plain.html")
    plain.write_text(re.sub(r'<script>"use strict".*?</script>', "", text, flags=re.DOTALL), encoding="utf-8")
    without = seconds(browser, plain.as_uri(), "script#datatables")
    print(
        f"{count:6} recordings: page {page.stat().st_size / 1e6:.2f} MB, beside it {beside / 1e6:.2f} MB; opens in "
        f"{ready:.2f} s ({ready / without:.1f} of the page without its script), at a measurement in {opened:.2f} s",
        flush=True,
    )


def main(*counts: int) -> None:
    """Make the reports and open them."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        source = Path(name, "base")
        report.base(source)
        for count in counts or COUNTS:
            folder = Path(name, str(count))
            report.copied(source, folder, count // report.BASE)
            command = [sys.executable, str(Path(report.__file__).resolve()), "--one"]
            subprocess.run(command, cwd=folder, capture_output=True, check=True)
            show(browser, folder, count)
        browser.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
