"""Figures of a finished run for a paper: of exactly the width and the lettering asked for, with nothing cut off."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import pandas as pd
import pytest
from click.testing import CliRunner

from nernstfit.commands.main import main
from nernstfit.contract import settings
from nernstfit.experiment import folder as experiments
from nernstfit.figures import paper, source
from nernstfit.figures.layout import Layout
from nernstfit.library import figure as figures
from nernstfit.library import pipeline
from nernstfit.simulate import experiment as simulation

NAME = "{http://www.w3.org/2000/svg}"
LONG = "low chloride, 40 mM NaCl and 110 mM sodium gluconate"
FIGURES = ("by_bath", "corrections", "differences", "error_budget", "iv_curves", "nernst", "predicted", "ratios")
FIGURES = (*FIGURES, "residuals", "slopes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four cells in two groups; one bath has a long name."""
    place = tmp_path_factory.mktemp("run")
    with mock.patch.object(simulation, "CELLS", 4):
        simulation.simulate(place)
    for name in ("solutions", "recordings"):
        path = place / "data" / f"{name}.csv"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False).replace("low_chloride", LONG)
        if name == "recordings":
            frame["group"] = [
                "wild type" if cell in ("c1", "c2") else "a mutant of a long name" for cell in frame["cell"]
            ]
        frame.to_csv(path, index=False)
    with contextlib.chdir(place):
        pipeline.run_stages(experiments.load(settings.read()))
    return place


def drawn(folder: Path, *arguments: str) -> Sequence[Path]:
    done = CliRunner().invoke(main, ["figure", str(folder), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [Path(line) for line in done.output.splitlines()]


def refused(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["figure", str(folder), *arguments], catch_exceptions=False)
    assert done.exit_code == 1
    (sentence,) = done.output.splitlines()
    return sentence


def texts(element: ElementTree.Element, size: float = 0.0) -> Iterator[float]:
    """Sizes of the letters of all texts, in the units of the picture."""
    size = float((element.get("font-size") or str(size)).removesuffix("px"))
    if element.tag == f"{NAME}text" and "".join(element.itertext()).strip():
        yield size
    for child in element:
        yield from texts(child, size)


@pytest.mark.parametrize(
    ("name", "width_mm", "pt"),
    [
        *((name, 85.0, 7.0) for name in (*FIGURES, figures.MEASUREMENT)),
        ("nernst", 180.0, 7.0),
        ("iv_curves", 180.0, 7.0),
        ("measurement", 120.0, 9.0),
        ("ratios", 120.0, 9.0),
    ],
)
def test_a_figure_has_the_width_and_the_letters_that_are_asked_for(
    folder: Path, tmp_path: Path, name: str, width_mm: float, pt: float
) -> None:
    more = ["--measurement", "c1_control"] if name == figures.MEASUREMENT else []
    size = ["--width-mm", f"{width_mm:g}", "--lettering-pt", f"{pt:g}"]
    svg, pdf, png, _ = drawn(folder, name, *more, *size, "--output", str(tmp_path))
    root = ElementTree.fromstring(svg.read_text())
    left, _, width, height = map(float, root.get("viewBox", "").split())
    assert root.get("width") == f"{width_mm:g}mm"
    assert float(root.get("height", "").removesuffix("mm")) == pytest.approx(height * width_mm / width, rel=1e-4)
    assert {round(each * width_mm / width / 25.4 * 72, 4) for each in texts(root)} == {pt}
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf.read_bytes())
    assert [float(side) * 25.4 / 72 for side in box.groups()] == pytest.approx(
        [width_mm, height * width_mm / width], 1e-4
    )
    content = png.read_bytes()
    pixels, pixels_high = struct.unpack(">II", content[16:24])
    per_m = struct.unpack(">I", content[content.index(b"pHYs") + 4 :][:4])[0]
    assert pixels == round(width_mm / 25.4 * 600)
    assert pixels_high == round(height * width_mm / width / 25.4 * 600)
    assert per_m == pytest.approx(600 / 0.0254, abs=1)
    # What is drawn takes the width, but for some tenths of a mm on either side.
    assert -1.0 < left * width_mm / width <= 0


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="no pdftotext here")
@pytest.mark.parametrize("name", FIGURES)
def test_words_lie_within_the_page_and_apart(folder: Path, tmp_path: Path, name: str) -> None:
    (pdf, _) = drawn(folder, name, "--format", "pdf", "--output", str(tmp_path))
    printed = subprocess.run(["pdftotext", "-bbox", pdf, "-"], capture_output=True, text=True, check=True).stdout
    width, height = map(float, re.search(r'<page width="([\d.]+)" height="([\d.]+)"', printed).groups())
    found = re.findall(r'xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>', printed)
    words = [(*map(float, numbers), word) for *numbers, word in found]
    assert len(words) > 10
    for x, y, to_x, to_y, word in words:
        assert 0 <= x < to_x <= width, word
        assert -1.0 <= y < to_y <= height + 1.0, word  # the box of a word has room for accents
    level = [each for each in words if each[3] - each[1] < 9]  # letters of 7 points, not turned
    for number, (x, y, to_x, to_y, word) in enumerate(level):
        for other_x, other_y, other_to_x, other_to_y, other in level[number + 1 :]:
            apart_x = min(to_x, other_to_x) - max(x, other_x)
            apart_y = min(to_y, other_to_y) - max(y, other_y)
            assert apart_x <= 0.2 or apart_y <= 2.5, (word, other)


def test_the_data_are_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    assert {path.stem for path in (folder / "results" / "figures").glob("*.csv")} >= set(FIGURES)
    for name in FIGURES:
        (path,) = (
            each for each in drawn(folder, name, "--format", "svg", "--output", str(tmp_path)) if each.suffix == ".csv"
        )
        assert path.read_bytes() == (folder / "results" / "figures" / f"{name}.csv").read_bytes()


def test_the_manual_has_every_column_of_the_data() -> None:
    page = (Path(__file__).parent.parent / "docs" / "results.md").read_text(encoding="utf-8")
    assert page.endswith("".join(f"| {name} | {meaning} |\n" for name, meaning in source.COLUMNS.items()))


def test_every_figure_of_the_run_can_be_drawn(folder: Path) -> None:
    for name in figures.names(folder)[:-1]:
        assert figures.figure(folder, name).name == name


def test_a_measurement_has_its_trace_and_its_curve(folder: Path, tmp_path: Path) -> None:
    names = ("--measurement", "c1_control", "--measurement", "c2_NMDG")
    written = drawn(folder, "measurement", *names, "--output", str(tmp_path / "new" / "place"))
    assert [path.name for path in written] == [
        f"measurement-c1_control-c2_NMDG.{end}" for end in ("svg", "pdf", "png", "csv")
    ]
    data = pd.read_csv(written[-1])
    assert set(data["measurement"]) == {"c1_control", "c2_NMDG"}
    assert set(data["drawn"]) == {"trace", "I-V curve", "reversal potential"}
    row = pd.read_csv(folder / "results" / "reversal_potentials.csv").set_index("measurement").loc["c1_control"]
    zero = data[(data["drawn"] == "reversal potential") & (data["measurement"] == "c1_control")]
    assert zero["voltage_mV"].to_list() == [row["reversal_mV"]]
    assert "c2_NMDG" in written[0].read_text()


def test_a_format_is_written_if_asked_for(folder: Path, tmp_path: Path) -> None:
    written = drawn(folder, "ratios", "--format", "pdf", "--format", "svg", "--output", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    assert {path.suffix for path in written} == {".pdf", ".svg", ".csv"}


def test_two_processes_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """The converter has the resources of a PDF in an order that differs between processes."""
    for name in ("iv_curves", "predicted"):
        written = []
        for number in range(4):
            place = tmp_path / str(number)
            command = [sys.executable, "-m", "nernstfit", "figure", str(folder), name, "--output", str(place)]
            given = os.environ | {"PYTHONHASHSEED": str(number), "PYTHONPATH": os.pathsep.join(sys.path)}
            subprocess.run(command, check=True, capture_output=True, env=given)
            written.append({path.name: path.read_bytes() for path in place.iterdir()})
        assert len(written[0]) == 4 * (1 + ("iv_curves", "predicted").index(name))
        assert all(each == written[0] for each in written[1:])


def test_what_cannot_be_drawn_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    told = refused(folder, "predictd")
    assert "there is no figure 'predictd'; the nearest name is 'predicted', the run has by_bath, corrections" in told
    assert told.endswith("slopes, measurement")
    assert refused(folder, "measurement").startswith("--measurement: got none, expected one or more")
    assert refused(folder, "ratios", "--measurement", "c1_control") == (
        "--measurement: expected none with the figure 'ratios'"
    )
    assert "the nearest name is 'c1_control'" in refused(folder, "measurement", "--measurement", "c1_contrl")
    assert refused(folder, "ratios", "--width-mm", "8.5").startswith(
        "--width-mm: got 8.5, expected a number from 20 to"
    )
    assert "has no room on 20 mm with letters of 9 pt" in refused(
        folder, "ratios", "--width-mm", "20", "--lettering-pt", "9"
    )
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(folder, "ratios", "--output", str(tmp_path / "file" / "below"))
    assert "the run is not complete" in refused(tmp_path, "ratios")


def test_a_figure_is_laid_out_until_it_fits(folder: Path) -> None:
    drawing = figures.figure(folder, "nernst")
    for width_mm in (60.0, 85.0, 114.0, 180.0):
        width_px = width_mm / 25.4 * 72 / 7 * 11
        svg = paper._laid_out(drawing, width_px)
        taken = paper._size(svg)[0]
        assert width_px - 4 <= taken <= width_px
    assert paper._size(drawing.draw(Layout(width_px, width_px)))[0] > width_px
