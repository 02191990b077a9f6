"""The report in a browser: what opens, searches, sorts, filters and prints, and that nothing else is loaded or run.

Chromium is that of NERNSTFIT_BROWSER, or one on the path; without either these tests are skipped.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from unittest import mock

import pytest
from experiments import run_stages

from nernstfit.report import blocks, details
from nernstfit.simulate import experiment as simulation

playwright = pytest.importorskip("playwright.sync_api")

BROWSER = os.environ.get("NERNSTFIT_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-sync"),
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium: set NERNSTFIT_BROWSER to the path of one")

GROUPS = {"c1": "<b>wild type</b>", "c2": "<b>wild type</b>", "c3": "mutant & co", "c4": "single"}
MARKUP = "c2 <img src=x onerror=alert(1)>"
Page = "playwright.Page"


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    # Fonts of its own: those that figures are drawn with, which other tests leave in the environment, are too few.
    environment = {name: value for name, value in os.environ.items() if name != "FONTCONFIG_FILE"}
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=list(FLAGS), env=environment)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run an experiment of three groups, one of a single cell, with markup in names and recordings that are refused."""
    folder = tmp_path_factory.mktemp("trouble")
    with mock.patch.object(simulation, "CELLS", 4):
        simulation.simulate(folder)
    place = folder / "data" / "recordings.csv"
    with place.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    (folder / rows[3]["recording"]).write_bytes(b"no recording")
    for row in rows:
        row["group"] = GROUPS[row["cell"]]
        row["cell"] = MARKUP if row["cell"] == "c2" else row["cell"]
        row["series_resistance_MOhm"] = "60" if row["cell"] == "c3" else row["series_resistance_MOhm"]
    with place.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run_stages(folder)
    return folder / "results" / "report.html"


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demonstration")
    simulation.simulate(folder)
    run_stages(folder)
    return folder / "results" / "report.html"


class Reader:
    """A page that is open, with everything that it asked for and complained of."""

    def __init__(self, browser: object, path: Path, fragment: str = "", **look: object) -> None:
        self.page = browser.new_context(**look).new_page()  # type: ignore[attr-defined]
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{path.as_uri()}{fragment}")
        self.page.wait_for_selector("html[data-ready]")

    def rows(self, within: str = "table[data-opens]") -> list[str]:
        return self.page.locator(f"{within} tbody tr[id]").all_inner_texts()

    def table(self) -> object:
        return self.page.locator(".dt-container", has=self.page.locator("table[data-opens]"))

    def cell(self, column: str) -> list[str]:
        """Texts of one column of the table of measurements, as far as it shows them."""
        titles = [text.strip() for text in self.page.locator("table[data-opens] thead th").all_inner_texts()]
        place = [" ".join(title.split()) for title in titles].index(column) + 1
        return self.page.locator(f"table[data-opens] tbody tr[id] td:nth-child({place})").all_inner_texts()

    def choose(self, name: str, value: str) -> None:
        label = self.table().locator(".filters label", has_text=re.compile(f"^{name}"))  # type: ignore[attr-defined]
        label.locator("select").select_option(value)


@pytest.fixture(scope="module")
def of_long_tables(trouble: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of the same experiment with the rows of its tables as JSON, as longer ones have them."""
    folder = tmp_path_factory.mktemp("long") / "copy"
    shutil.copytree(trouble.parents[1], folder)
    with mock.patch.multiple(blocks, _MAX_ROWS_AS_HTML=3, _FIRST_ROWS=2):
        run_stages(folder)
    return folder / "results" / "report.html"


@pytest.fixture(params=["trouble", "of_long_tables"])
def read(chromium: object, request: pytest.FixtureRequest) -> Iterator[Reader]:
    page = request.getfixturevalue(request.param)
    reader = Reader(chromium, page, viewport={"width": 1100, "height": 900})
    yield reader
    reader.page.context.close()
    assert reader.faults == []
    assert {url for url in reader.requests if not url.startswith("blob:")} == {page.as_uri()}


def test_the_first_screen_has_ratios_and_warnings(read: Reader) -> None:
    for selector in (".ratios li", ".ratios a.warning"):
        box = read.page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] < 900


def test_markup_in_names_stays_text(read: Reader) -> None:
    assert read.page.locator("img, b").count() == 0
    assert any(MARKUP in text for text in read.rows())
    read.page.locator("table[data-opens] tbody tr", has_text=MARKUP).first.click()
    read.page.wait_for_selector(".opened svg")
    assert MARKUP in read.page.locator(".opened").inner_text()
    assert read.page.locator(".opened img").count() == 0


def test_a_row_opens_and_closes_by_mouse_and_by_key(read: Reader) -> None:
    row = read.page.locator("table[data-opens] tbody tr[id]").first
    row.click()
    assert read.page.locator(".opened svg").get_attribute("aria-label").endswith("mV")
    assert "junction" in read.page.locator(".opened").inner_text()
    link = row.locator("a").first
    assert link.get_attribute("aria-expanded") == "true"
    link.focus()
    read.page.keyboard.press("Enter")
    assert read.page.locator(".opened").count() == 0
    assert link.get_attribute("aria-expanded") == "false"


def test_a_refused_recording_opens_with_its_reason(read: Reader) -> None:
    read.choose("verdict", "unreadable")
    (text,) = read.rows()
    assert "c1" in text
    read.page.locator("table[data-opens] tbody tr[id]").click()
    assert "unreadable: " in read.page.locator(".opened").inner_text()
    assert read.page.locator(".opened svg").count() == 0


def test_rows_beside_the_table_are_those_of_the_page(trouble: Path, of_long_tables: Path, chromium: object) -> None:
    shown = []
    for page in (trouble, of_long_tables):
        reader = Reader(chromium, page)
        tables = reader.page.locator("table.searchable").all()
        shown.append([each.evaluate("table => table.tBodies[0].innerHTML.replace(/\\n/g, '')") for each in tables])
        reader.page.context.close()
    assert shown[0] == shown[1]
    assert of_long_tables.read_text(encoding="utf-8").count('"cells":') > 1


def test_figures_are_enlarged_and_moved(read: Reader) -> None:
    read.page.locator("table[data-opens] tbody tr[id]").first.click()
    svg = read.page.locator(".opened svg")
    whole = svg.get_attribute("viewBox")
    read.page.get_by_role("button", name="enlarge the figure").click()
    enlarged = svg.get_attribute("viewBox")
    assert float(enlarged.split()[2]) == pytest.approx(float(whole.split()[2]) / 1.25)
    box = svg.bounding_box()
    read.page.mouse.move(box["x"] + 100, box["y"] + 50)
    read.page.mouse.down()
    read.page.mouse.move(box["x"] + 60, box["y"] + 50)
    read.page.mouse.up()
    assert float(svg.get_attribute("viewBox").split()[0]) > float(enlarged.split()[0])
    read.page.get_by_role("button", name="show the whole figure").click()
    assert svg.get_attribute("viewBox") == whole


def test_measurements_are_searched_filtered_and_sorted(read: Reader) -> None:
    read.choose("bath", "lithium")
    assert set(read.cell("bath")) == {"lithium"}
    read.choose("group", GROUPS["c3"])
    assert read.cell("cell") == ["c3"]
    read.choose("bath", "")
    read.choose("group", "")
    read.table().locator("input[type=search]").fill("c4_")  # type: ignore[attr-defined]
    assert set(read.cell("cell")) == {"c4"}
    read.table().locator("input[type=search]").fill("")  # type: ignore[attr-defined]
    title = read.page.locator("table[data-opens] thead th", has_text="corrected")
    title.click()
    playwright.expect(title).to_have_attribute("aria-sort", "ascending")
    shown = [float(text.replace("\u2212", "-")) for text in read.cell("corrected") if text != "—"]
    assert len(shown) > 15
    assert shown == sorted(shown)


def test_the_worst_series_resistance_is_found(read: Reader) -> None:
    cells = read.page.locator("table.searchable", has=read.page.locator("tr#cell-1"))
    title = cells.locator("thead th", has_text="series")
    for order in ("ascending", "descending"):
        title.click()
        playwright.expect(title).to_have_attribute("aria-sort", order)
    first = cells.locator("tbody tr").first.inner_text()
    assert "c3" in first
    assert "\t18\t" in first  # of 60 megohm 30 % are not compensated


def test_a_link_leads_to_its_row_on_any_page_of_the_table_and_through_filters(read: Reader) -> None:
    last = read.page.evaluate("document.querySelectorAll('tr[id^=measurement-]').length")
    read.choose("bath", "lithium")
    read.page.evaluate("location.hash = 'measurement-1'")
    read.page.wait_for_selector("#measurement-1 + tr .opened")
    assert "measurement-1" in read.page.url
    assert last > 0


@pytest.mark.parametrize("figure", ["predicted", "residuals"])
def test_a_point_of_a_figure_leads_to_its_measurement(read: Reader, figure: str) -> None:
    point = read.page.locator(f"#figure-{figure} [data-to]").last
    to = point.get_attribute("data-to")
    point.locator("path").click()
    read.page.wait_for_selector(f"#{to} + tr .opened")
    assert read.page.url.endswith(f"#{to}")


def test_the_bath_that_deviates_most_is_told_with_its_largest_residual(read: Reader) -> None:
    first, last = (read.page.locator("#residuals tbody tr").nth(place).locator("td") for place in (0, -1))
    farthest, nearest = (float(row.nth(2).inner_text().replace("\u2212", "-")) for row in (first, last))
    assert abs(farthest) >= abs(nearest)
    link = first.last.locator("a")
    assert first.first.inner_text() in link.inner_text()
    link.click()
    read.page.wait_for_selector(f"{link.get_attribute('href')} + tr .opened")


def test_a_link_from_outside_opens_its_row(chromium: object, trouble: Path) -> None:
    reader = Reader(chromium, trouble, "#measurement-20")
    reader.page.wait_for_selector("#measurement-20 + tr .opened svg")
    assert reader.page.locator("#measurement-20").is_visible()
    assert reader.faults == []
    reader.page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(chromium: object, trouble: Path, scheme: str) -> None:
    """By the rules of axe-core."""
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    reader = Reader(chromium, trouble, color_scheme=scheme, bypass_csp=True)
    reader.page.locator("table[data-opens] tbody tr[id]").first.click()
    reader.page.wait_for_selector(".opened svg")
    reader.page.evaluate(axe)
    found = reader.page.evaluate("axe.run()")["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []
    reader.page.context.close()


def test_nothing_is_wider_than_a_telephone(chromium: object, trouble: Path) -> None:
    reader = Reader(chromium, trouble, viewport={"width": 390, "height": 800})
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 390
    reader.page.context.close()


def test_details_of_many_measurements_come_from_files_beside_the_page(
    chromium: object, trouble: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trouble.parents[1], folder)
    with mock.patch.multiple(details, _MAX_IN_PAGE=5, _PER_FILE=1):
        run_stages(folder)
    path = folder / "results" / "report.html"
    reader = Reader(chromium, path, "#measurement-12")
    reader.page.wait_for_selector("#measurement-12 + tr .opened svg")
    files = [url for url in reader.requests if not url.startswith("blob:") and url != path.as_uri()]
    assert files == [(folder / "results" / "figures" / "details_001.js").as_uri()]
    assert reader.faults == []
    (folder / "results" / "figures" / "details_000.js").unlink()
    reader.page.locator("#measurement-1 a").first.click()
    reader.page.wait_for_selector("#measurement-1 + tr .opened")
    assert "details_000.js is not beside this page" in reader.page.locator("#measurement-1 + tr .opened").inner_text()
    reader.page.context.close()


def test_the_paper_part_prints_on_three_pages_and_the_supplement_where_it_is_asked_for(
    chromium: object, demonstration: Path
) -> None:
    reader = Reader(chromium, demonstration)
    assert pages(reader) <= 3
    reader.page.evaluate("document.documentElement.dataset.prints = 'all'")
    assert pages(reader) > 6
    reader.page.context.close()


def pages(reader: Reader) -> int:
    """Number of the pages of A4 on which the page prints."""
    pdf = reader.page.pdf(format="A4", prefer_css_page_size=True)
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))
