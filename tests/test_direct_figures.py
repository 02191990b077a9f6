"""Figures that are written directly: what is drawn lies where the axes say, whatever the data and the names are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from experiments import complete

from nernstfit.contract.tables import TABLES
from nernstfit.figures import drawing, panels, recordings, svg
from nernstfit.figures.theme import ACCENT, LETTERS_PX, LEVELS, TITLE_LIMIT_PX, WINDOW
from nernstfit.figures.ticks import linear_ticks

NAME = "{http://www.w3.org/2000/svg}"
HALF_A_TENTH = 0.05 + 1e-9  # positions are written in tenths of a pixel
REVERSAL = {"verdict": "reversal", "reversal_mV": -22.5, "bath": "low Na"}


class NoConverter:
    """Makes no PNG: of that, and of its bytes, tests/test_report.py asks."""

    @staticmethod
    def svg_to_png(_svg: str, scale: float) -> bytes:
        return b"%g" % scale


@pytest.fixture(autouse=True)
def no_png(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "vl_convert", NoConverter)


def row(measurement: str = "one", **values: object) -> dict[str, object]:
    return complete(TABLES["reversal_potentials"], {"measurement": measurement, **REVERSAL, **values})


def curve(mV: np.ndarray, pA: np.ndarray, measurement: str = "one") -> pd.DataFrame:
    columns = {"measurement": measurement, "command_mV": mV, "voltage_mV": mV, "current_pA": pA, "se_pA": 2.0}
    return pd.DataFrame(columns)


def traces(sweeps: int = 3, bins: int = 160, measurement: str = "one") -> pd.DataFrame:
    """Steps to different levels between 20 and 80 ms of 100, sampled without noise."""
    t = np.linspace(0.0, 100.0, bins, endpoint=False)
    parts = []
    for sweep in range(sweeps):
        level = np.where((t >= 20) & (t < 80), -80.0 + 40 * sweep, -60.0)
        pA = 5 * (level + 22.5)
        parts.append(
            pd.DataFrame({"sweep": sweep, "t_ms": t, "command_mV": level, "low_pA": pA - 3, "high_pA": pA + 3})
        )
    return pd.concat(parts, ignore_index=True).assign(measurement=measurement, from_ms=50.0, to_ms=70.0)


LEVELS_MV = np.arange(-80.0, 41.0, 20.0)
IV = curve(LEVELS_MV, 5 * (LEVELS_MV + 22.5))


def drawn(rows: list[dict[str, object]], iv: pd.DataFrame = IV, courses: pd.DataFrame | None = None) -> str:
    given = traces() if courses is None else courses
    return recordings.draw_measurements("some", pd.DataFrame(rows), iv, given).svg


class Parsed:
    """A panel that is read back: its marks in the units of the axes, by the labels of the ticks alone."""

    def __init__(self, group: ElementTree.Element) -> None:
        self.group = group
        across, up, self.titles = (list(each) for each in group.findall(f"{NAME}g[@text-anchor]"))
        self.across = self._scale([(float(each.get("x")), number(each.text)) for each in across])
        # A label stands below its tick by half the height of a digit.
        below = 0.36 * 11
        self.up = self._scale([(float(each.get("y")) - below, number(each.text)) for each in up])

    @staticmethod
    def _scale(ticks: list[tuple[float, float]]) -> tuple[float, float]:
        """Slope and value at 0 px, of the outermost ticks."""
        (first, low), (last, high) = ticks[0], ticks[-1]
        slope = (high - low) / (last - first)
        return slope, low - slope * first

    def value(self, scale: tuple[float, float], px: float) -> float:
        return scale[0] * px + scale[1]

    def tolerance(self, scale: tuple[float, float]) -> float:
        """Value of the tenth of a pixel to which ticks and marks are written."""
        return abs(scale[0]) * 0.25

    def circles(self) -> list[tuple[float, float]]:
        every = self.group.iter(f"{NAME}circle")
        return [
            (self.value(self.across, float(each.get("cx"))), self.value(self.up, float(each.get("cy"))))
            for each in every
        ]

    def bands(self) -> list[list[tuple[float, float]]]:
        every = [each for each in self.group.iter(f"{NAME}path") if each.get("d").endswith("z")]
        return [
            [(self.value(self.across, x), self.value(self.up, y)) for x, y in points(each.get("d"))] for each in every
        ]


def number(label: str | None) -> float:
    return float(str(label).replace(",", "").replace("\u2212", "-"))


def points(data: str) -> Iterator[tuple[float, float]]:
    """Positions of a path of M, L and relative l."""
    at = (0.0, 0.0)
    for command, written in re.findall(r"([MLl])([^MLlz]*)", data):
        values = list(map(float, written.split()))
        for x, y in zip(values[::2], values[1::2], strict=True):
            at = (at[0] + x, at[1] + y) if command == "l" else (x, y)
            yield at


def parsed(text: str) -> list[Parsed]:
    root = ElementTree.fromstring(text)
    return [Parsed(each) for each in root.iter(f"{NAME}g") if each.findall(f"{NAME}g[@text-anchor='end']")]


def test_levels_and_crossing_lie_where_the_axes_say() -> None:
    _, panel = parsed(drawn([row()]))
    *levels, crossing = panel.circles()
    x, y = panel.tolerance(panel.across), panel.tolerance(panel.up)
    assert [each[0] for each in levels] == pytest.approx(LEVELS_MV.tolist(), abs=x)
    assert [each[1] for each in levels] == pytest.approx(IV["current_pA"].tolist(), abs=y)
    assert crossing == (pytest.approx(-22.5, abs=x), pytest.approx(0, abs=y))
    assert [each.text for each in panel.titles] == ["voltage, mV", "current, pA"]


def test_traces_and_window_lie_where_the_axes_say() -> None:
    panel, _ = parsed(drawn([row()]))
    x, y = panel.tolerance(panel.across), panel.tolerance(panel.up)
    for sweep, band in enumerate(panel.bands()):
        inside = [pA for t, pA in band if 19.8 < t < 79.7]
        expected = 5 * (-80 + 40 * sweep + 22.5)
        assert (min(inside), max(inside)) == (pytest.approx(expected - 3, abs=y), pytest.approx(expected + 3, abs=y))
        assert min(t for t, _ in band) == pytest.approx(0, abs=x)
    (window,) = panel.group.findall(f"{NAME}rect[@fill='{WINDOW}']")
    start, width = float(window.get("x")), float(window.get("width"))
    assert panel.value(panel.across, start) == pytest.approx(50, abs=x)
    assert panel.value(panel.across, start + width) == pytest.approx(70, abs=x)
    assert [each.text for each in panel.titles] == ["time, ms", "current, pA"]


def test_a_trace_has_the_colour_of_its_level() -> None:
    panel, other = parsed(drawn([row()]))
    bands = [each.get("fill") for each in panel.group.iter(f"{NAME}path") if each.get("d").endswith("z")]
    levels = [each.get("fill") for each in other.group.findall(f"{NAME}circle")]
    assert bands == [levels[0], levels[2], levels[4]]
    assert (levels[0], levels[-1]) == (LEVELS[0], LEVELS[-1])


def test_no_crossing_is_drawn_where_there_is_none() -> None:
    text = drawn([row(verdict="no_crossing", reversal_mV=None)])
    assert ACCENT not in text
    assert "low Na — no crossing" in text


def test_a_measurement_without_traces_shows_its_curve_alone() -> None:
    assert [panel.titles[0].text for panel in parsed(drawn([row()], courses=traces().iloc[:0]))] == ["voltage, mV"]


def test_panels_of_all_rows_stand_below_each_other() -> None:
    iv = pd.concat([IV, curve(LEVELS_MV, 5000 * LEVELS_MV, "two")])
    text = drawn([row(), row("two")], iv, pd.concat([traces(), traces(measurement="two")]))
    lefts = [re.match(r"translate\((\S+)", each.group.get("transform"))[1] for each in parsed(text)]
    assert lefts[:2] == lefts[2:]
    assert len(set(lefts)) == 2


@pytest.mark.parametrize("name", ['<b>&amp; "it\'s"</b>', "]]><script>", "\x01\x0b", "K⁺ µM 日本"])
def test_a_name_stays_text(name: str) -> None:
    text = drawn([row(bath=name)])
    shown = re.sub("[\x01\x0b]", "\ufffd", name)
    root = ElementTree.fromstring(text.encode())
    assert shown in [each.text for each in root.iter(f"{NAME}text")]
    assert shown in root.get("aria-label")
    assert {each.tag.removeprefix(NAME) for each in root.iter()} == {"svg", "g", "rect", "path", "circle", "text"}


@pytest.mark.parametrize("name", ["WM" * 200, "a bath of many words " * 20])
def test_a_long_name_goes_on_in_a_further_line_where_the_page_ends(name: str) -> None:
    root = ElementTree.fromstring(drawn([row(bath=name.strip())]))
    lines = list(itertools.takewhile(lambda words: words != "one", (each.text for each in root.iter(f"{NAME}text"))))
    assert len(lines) > 1
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert set(" ".join(lines).split()) <= set(name.split()) or " " not in name
    assert max(svg.width_px(words, LETTERS_PX) for words in lines) <= TITLE_LIMIT_PX < float(root.get("width"))
    short = ElementTree.fromstring(drawn([row(bath="short")]))
    assert float(root.get("height")) > float(short.get("height")) + 11 * (len(lines) - 1)


def test_a_page_has_room_for_a_title_that_is_wider_than_its_panels() -> None:
    name = "a name of forty letters, or of a few more"
    text = drawn([row(bath=name * 2)], courses=traces().iloc[:0])
    assert float(ElementTree.fromstring(text).get("width")) > svg.width_px(name * 2, LETTERS_PX)


def test_a_figure_says_in_words_what_it_shows() -> None:
    iv = pd.concat([IV, curve(LEVELS_MV, 5 * LEVELS_MV, "two")])
    root = ElementTree.fromstring(drawn([row(), row("two", verdict="no_crossing", reversal_mV=None)], iv))
    assert root.get("role") == "img"
    assert root.get("aria-label") == (
        f"{IV['measurement'].iloc[0]} in low Na: current traces and I-V curve, zero at \u221222.5 mV; "
        "two in low Na: I-V curve, no crossing"
    )


def test_no_id_is_in_a_figure() -> None:
    assert not re.search(r"\bid=|url\(", drawn([row()]))


def test_the_bytes_do_not_depend_on_the_order_of_traces() -> None:
    shuffled = traces().sample(frac=1, random_state=1)
    assert drawn([row()], courses=shuffled) == drawn([row()])


def test_an_artefact_of_one_sample_is_drawn_whatever_the_number_of_samples() -> None:
    course = traces(sweeps=1, bins=20_000)
    course.loc[course.index[9_001], ["low_pA", "high_pA"]] = 140.0
    text = drawn([row()], courses=course)
    panel, _ = parsed(text)
    (band,) = panel.bands()
    assert max(pA for _, pA in band) == pytest.approx(140, abs=panel.tolerance(panel.up))
    assert len(band) < 2 * 331


def test_thinning_keeps_the_extremes_of_each_pixel() -> None:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 300, 5000))
    low, high = np.sort(rng.normal(size=(2, 5000)), axis=0)
    thin_x, thin_low, thin_high, _ = svg.thinned(x, low, high, np.array([0]))
    assert np.floor(thin_x).tolist() == sorted(set(np.floor(x)))
    for at, least, most in zip(thin_x, thin_low, thin_high, strict=True):
        inside = np.floor(x) == np.floor(at)
        assert (least, most) == (low[inside].min(), high[inside].max())
    *once, _ = svg.thinned(thin_x, thin_low, thin_high, np.array([0]))
    assert all(np.array_equal(a, b) for a, b in zip(once, (thin_x, thin_low, thin_high), strict=True))


def test_traces_are_thinned_and_drawn_together_as_each_alone() -> None:
    rng = np.random.default_rng(2)
    traces = [
        np.array([np.sort(rng.uniform(0, 300, n)), *np.sort(rng.normal(size=(2, n)), axis=0)]) for n in (1, 700, 90)
    ]
    traces[1][1:, 300:500] = [[-0.5], [0.5]]  # level
    starts = np.array([0, 1, 701])
    *pooled, firsts = svg.thinned(*np.concatenate(traces, axis=1), starts)
    alone = [svg.thinned(*trace, np.array([0]))[:3] for trace in traces]
    assert all(
        np.array_equal(np.concatenate(each), all_) for each, all_ in zip(zip(*alone, strict=True), pooled, strict=True)
    )
    paths = svg.outlines(*pooled, firsts)
    assert paths == [svg.outlines(*each, np.array([0]))[0] for each in alone]
    for path, (x, low, high) in zip(paths, alone, strict=True):
        found = np.array(list(points(path)))
        outline = np.array([*zip(x, low, strict=True), *zip(x[::-1], high[::-1], strict=True)])
        assert len(found) <= len(outline)
        assert all(np.abs(outline - each).max(axis=1).min() <= HALF_A_TENTH + 1e-6 for each in found)
        assert np.ptp(found[:, 0]) == pytest.approx(np.ptp(x), abs=2 * HALF_A_TENTH)


def test_a_level_that_departs_from_a_ramp_is_drawn() -> None:
    mV = np.linspace(-100, 60, 400)
    pA = 2.0 * mV + 45
    pA[[7, 200, 399]] += 60
    iv = curve(mV, pA)
    (panel,) = parsed(drawn([row()], iv, traces().iloc[:0]))
    *levels, _ = panel.circles()
    assert 50 < len(levels) < 150
    for each in (7, 200, 399):
        nearest = min(levels, key=lambda level: abs(level[0] - mV[each]) + abs(level[1] - pA[each]))
        assert nearest == (
            pytest.approx(mV[each], abs=panel.tolerance(panel.across)),
            pytest.approx(pA[each], abs=panel.tolerance(panel.up)),
        )


@pytest.mark.parametrize("pA", [np.zeros(1), np.full(1, 3e-7), np.full(1, -4e6)], ids=["zero", "small", "large"])
def test_a_single_level_has_axes(pA: np.ndarray) -> None:
    iv = curve(np.zeros(1), pA).assign(se_pA=0.0)
    text = drawn([row(verdict="no_crossing")], iv, traces(sweeps=1, bins=1))
    assert "nan" not in text
    assert len(ElementTree.fromstring(text).findall(f".//{NAME}circle")) == 1


@pytest.mark.parametrize("span", [1e-6, 0.03, 1.0, 1.9, 4.3, 160.0, 999.0, 1e5])
@pytest.mark.parametrize(("length", "is_upright"), [(130, True), (330, False)])
def test_an_axis_is_labelled_at_round_values_that_have_room(span: float, length: int, is_upright: bool) -> None:
    for low in (-1e6, -104.2, -3.0, 0.0, 0.1, 7e-7, 23.4, 5e5):
        axis = panels.Axis("x", low, low + span, length, is_upright)
        places, labels = zip(*axis.ticks, strict=True)
        values = [number(label) for label in labels]
        assert len(values) >= 2
        assert low - 1e-9 * span <= values[0] < values[-1] <= low + span * (1 + 1e-9)
        step = f"{values[1] - values[0]:.3e}"
        assert re.fullmatch(r"[125]\.000e.*", step) or abs(low) > 1e5 * span
        assert places == pytest.approx([axis.at(value) for value in values], abs=1e-3 * length)
        apart = min(abs(b - a) for a, b in itertools.pairwise(places))
        assert apart >= (15 if is_upright else max(svg.width_px(label, 11) for label in labels) + 4)


def test_labels_are_written_with_a_minus_sign_and_thousands() -> None:
    assert linear_ticks(-2000.0, 1000.0, lambda step, _: step >= 1000)[1] == [
        "\u22122,000",
        "\u22121,000",
        "0",
        "1,000",
    ]
    assert linear_ticks(-0.1, 0.15, lambda step, _: step >= 0.1)[1] == ["\u22120.1", "0.0", "0.1"]


@pytest.mark.parametrize(
    ("value", "written"),
    [(-0.04, "0"), (0.05, "0"), (12.0, "12"), (-3.26, "-3.3"), (1e4, "10000"), (np.float64(7), "7")],
)
def test_a_position_is_written_in_tenths(value: float, written: str) -> None:
    assert svg.number(value) == written


def test_positions_of_a_path_are_not_moved_by_the_steps_between_them() -> None:
    rng = np.random.default_rng(1)
    x, y = np.sort(rng.uniform(0, 330, 900)), rng.uniform(0, 130, 900)
    found = np.array(list(points(ElementTree.fromstring(svg.line(x, y)).get("d"))))
    assert np.abs(found - np.column_stack([x, y])).max() <= HALF_A_TENTH + 1e-6


def test_a_line_of_steps_keeps_each_height_up_to_the_next() -> None:
    path = ElementTree.fromstring(svg.steps(np.array([0.0, 2.0, 5.0, 9.0]), np.array([1.0, 1.0, 4.0, 4.0])))
    found = list(points(path.get("d")))
    assert [(round(x, 6), round(y, 6)) for x, y in found] == [(0, 1), (5, 1), (5, 4), (9, 4)]


def test_whole_sweeps_have_current_command_and_a_legend() -> None:
    text = recordings.draw_sweeps(traces()).svg
    current, command = parsed(text)
    assert len(current.bands()) == 3
    assert [each.text for each in (*current.titles, *command.titles)][1::2] == ["current, pA", "command, mV"]
    root = ElementTree.fromstring(text)
    squares = [each.get("fill") for each in root.iter(f"{NAME}rect")][1:]
    assert squares == [LEVELS[0], LEVELS[2], LEVELS[4]]
    assert {"sweep", "0", "1", "2"} <= {each.text for each in root.iter(f"{NAME}text")}
    heights = {round(command.value(command.up, y)) for each in lines(command) for _, y in points(each)}
    assert heights == {-80, -60, -40, 0}


def lines(panel: Parsed) -> list[str]:
    every = [each for each in panel.group.findall(f"{NAME}path") if each.get("fill") == "none"]
    return [each.get("d") for each in every]


def test_a_colour_between_two_levels_is_between_their_colours() -> None:
    first, second = (bytes.fromhex(each[1:]) for each in LEVELS[:2])
    between = "#" + bytes((a + b + 1) // 2 for a, b in zip(first, second, strict=True)).hex()
    found = bytes.fromhex(recordings._colours(np.ones(1), 0, 8)[0][1:])
    assert np.abs(np.array(list(found)) - list(bytes.fromhex(between[1:]))).max() <= 1
    assert recordings._colours(np.array([-5.0, 9.0]), 0, 8) == [LEVELS[0], LEVELS[-1]]
    assert recordings._colours(np.array([3.0, 3.0]), 3, 3) == [LEVELS[0]] * 2
