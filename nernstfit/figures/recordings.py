"""Figures of recordings, written directly: current traces, I-V curves, and whole sweeps."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from nernstfit.contract.frames import Columns, by_measurement, evenly_spaced
from nernstfit.contract.terms import PotentialVerdict
from nernstfit.figures import svg
from nernstfit.figures.drawing import Drawing
from nernstfit.figures.layout import PAGE, Layout
from nernstfit.figures.panels import Axis, Legend, Panel, Row, stacked, zero_line
from nernstfit.figures.svg import FloatArray
from nernstfit.figures.theme import ACCENT, FAINT, LEVELS, WINDOW

# Most sweeps drawn of one recording, spread evenly: more overlap in a panel of 130 px; half as many miss the shape of
# the I-V curve. Twice as many double the size of the report's traces.
MAX_SWEEPS = 7
# Distance across and along an axis within which a level is not drawn beside the one before, px: less than the radius of
# a symbol, which covers its place. A ramp has hundreds of levels: at half its SVG is twice as large, at double the
# symbols have gaps.
_COVERED_PX = 2.5
# Two-sided 95 % quantile of the normal distribution, for the error bars of a current.
_NORMAL_95 = 1.959964
# Widths of lines, px: of traces, of curves and error bars, of the circle at the crossing. At half they are hard to see
# on paper, at double they cover each other.
_TRACE_PX, _CURVE_PX, _CIRCLE_PX = 0.7, 1.2, 1.6
# Radii of symbols, px: of a level and of the crossing, which encloses a level. At half they are hard to see on paper,
# at double levels cover each other.
_LEVEL_RADIUS_PX, _CIRCLE_RADIUS_PX = 2.6, 4.4
# Widths of the axes of a trace and of a curve on a page, px, and the least width of one with its labels, below which
# they stand below each other. At half the labels have no room, at double the two exceed a page.
_TRACE_WIDTH_PX, _IV_WIDTH_PX, _LEAST_PX = 330, 280, 300
# Space between marks and the upper and lower, left and right ends of an axis, px: a symbol and its line. At half they
# cross the axis, at double the curve is flatter by a tenth.
_ABOVE_PX, _BESIDE_PX = 8, 6


@dataclass(frozen=True)
class _Sweep:
    """Trace of one sweep in the order of time; arrays of shape (bins,)."""

    t_ms: FloatArray
    command_mV: FloatArray
    low_pA: FloatArray
    high_pA: FloatArray
    from_ms: FloatArray
    to_ms: FloatArray

    @property
    def level_mV(self) -> float:
        """Command in the middle of the window."""
        middle = (self.from_ms + self.to_ms) / 2
        return float(self.command_mV[np.argmin(np.abs(self.t_ms - middle))])


def draw_measurements(name: str, rows: pd.DataFrame, iv: pd.DataFrame, traces: pd.DataFrame) -> Drawing:
    """Draw measurements one below the other: current traces on the left, the I-V curve on the right.

    Parameters
    ----------
    name : str
        Name of the figure.
    rows : DataFrame
        Rows of reversal_potentials.csv that have an I-V curve, at least one.
    iv : DataFrame
        Rows of iv.csv.
    traces : DataFrame
        As ingest writes them; measurements without any show the I-V curve alone.

    Returns
    -------
    Drawing
    """
    return measurements_drawn(name, rows.to_dict("records"), by_measurement(iv), by_measurement(traces))


def measurements_drawn(
    name: str, rows: Sequence[Mapping[Any, Any]], curves: Mapping[str, Columns], recorded: Mapping[str, Columns]
) -> Drawing:
    """Draw measurements from data that are divided by measurement already; parameters as of `measurement_rows`."""

    def draw(layout: Layout) -> str:
        return stacked(measurement_rows(rows, curves, recorded, layout), described(rows, recorded))

    return Drawing(name, draw, functools.partial(_source, rows, curves, recorded))


def described(rows: Iterable[Mapping[Any, Any]], recorded: Collection[str]) -> str:
    """Return in words what a figure of measurements shows: each one's name, bath, and potential or verdict."""
    parts = []
    for row in rows:
        kind = "current traces and I-V curve" if row["measurement"] in recorded else "I-V curve"
        verdict = PotentialVerdict(row["verdict"])
        is_found = verdict is PotentialVerdict.REVERSAL
        outcome = f"zero at {row['reversal_mV']:.1f} mV".replace("-", "\u2212") if is_found else verdict.label
        bath = f" in {row['bath']}" if row["bath"] else ""
        parts.append(f"{row['measurement']}{bath}: {kind}, {outcome}")
    return "; ".join(parts)


def measurement_rows(
    rows: Iterable[Mapping[Any, Any]],
    curves: Mapping[str, Columns],
    recorded: Mapping[str, Columns],
    layout: Layout = PAGE,
) -> list[Row]:
    """Return the row of panels of each measurement; two rows where they have no room beside each other.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of reversal_potentials.csv that have an I-V curve.
    curves, recorded : mapping of str to Columns
        Rows of iv.csv, and traces as ingest writes them, by measurement.
    layout : Layout
    """
    shown: list[Row] = []
    columns = layout.columns(2, 2, _LEAST_PX)
    widths = layout.panel_px(_TRACE_WIDTH_PX, columns), layout.panel_px(_IV_WIDTH_PX, columns)
    for row in rows:
        curve = curves[row["measurement"]]
        panels = [_iv_panel(row, curve, widths[1])]
        if row["measurement"] in recorded:
            panels.insert(0, _trace_panel(recorded[row["measurement"]], curve, widths[0]))
        verdict = PotentialVerdict(row["verdict"])
        suffix = "" if verdict is PotentialVerdict.REVERSAL else f" — {verdict.label}"
        # A recording that is measured by itself has no bath.
        title, subtitle = (row["bath"], row["measurement"]) if row["bath"] else (row["measurement"], "")
        shown.append(Row(tuple(panels[:columns]), f"{title}{suffix}", subtitle, layout=layout))
        shown += [Row((panel,), "") for panel in panels[columns:]]
    return shown


def draw_sweeps(traces: pd.DataFrame) -> Drawing:
    """Draw whole sweeps of one recording: current above, command below.

    Parameters
    ----------
    traces : DataFrame
        As ingest writes them, of one measurement.

    Returns
    -------
    Drawing
    """
    (recorded,) = by_measurement(traces).values()
    sweeps = _sweeps(recorded)
    colours = dict(zip(sweeps, _colours(np.array([*sweeps], dtype=float), min(sweeps), max(sweeps)), strict=True))
    time = Axis.around("time, ms", [sweep.t_ms for sweep in sweeps.values()], 640)
    extremes = [values for sweep in sweeps.values() for values in (sweep.low_pA, sweep.high_pA)]
    current = Axis.around("current, pA", [*extremes, np.zeros(1)], 240, is_upright=True, padding=_ABOVE_PX)
    levels = [sweep.command_mV for sweep in sweeps.values()]
    command = Axis.around("command, mV", levels, 140, is_upright=True, padding=_ABOVE_PX)
    bands, lines = _bands([*sweeps.values()], time, current, [*colours.values()]), []
    for number, sweep in sweeps.items():
        x, y = time.px(sweep.t_ms), command.px(sweep.command_mV)
        lines.append(svg.steps(x, y, stroke=colours[number], stroke_width=_CURVE_PX))
    panels = Panel(time, current, (), (zero_line(current, time), *bands)), Panel(time, command, (), tuple(lines))
    legend = Legend("sweep", tuple((str(number), colour) for number, colour in colours.items()))
    title = str(traces["measurement"].iloc[0])
    shows = f"{title}: current and command against time, sweeps {', '.join(map(str, sweeps))}"
    page = stacked([Row(panels[:1], title, legend=legend), Row(panels[1:], "")], shows)
    return Drawing("recording", lambda _: page, lambda: traces)


def _trace_panel(traces: Columns, iv: Columns, width_px: int) -> Panel:
    """Draw the current of some sweeps against time, the window in grey."""
    sweeps = list(_shown_sweeps(traces).values())
    window = np.array([sweeps[0].from_ms[0], sweeps[0].to_ms[0]])
    time = Axis.around("time, ms", [*(sweep.t_ms for sweep in sweeps), window], width_px)
    current = Axis("current, pA", *_current_range_pA(sweeps, iv), 130, is_upright=True)
    colours = _colours(np.array([sweep.level_mV for sweep in sweeps]), iv["command_mV"].min(), iv["command_mV"].max())
    bands = _bands(sweeps, time, current, colours)
    start, stop = time.px(window).tolist()
    shade = svg.element("rect", x=start, y=0, width=stop - start, height=current.length, fill=WINDOW)
    return Panel(time, current, (shade,), (zero_line(current, time), *bands))


def _bands(sweeps: Sequence[_Sweep], time: Axis, current: Axis, colours: Sequence[str]) -> list[str]:
    """Draw the lowest and the highest current against time, cut off at the ends of the axis."""
    t_ms, low, high = (
        np.concatenate([getattr(sweep, name) for sweep in sweeps]) for name in ("t_ms", "low_pA", "high_pA")
    )
    starts = np.cumsum([0, *(len(sweep.t_ms) for sweep in sweeps[:-1])])
    # An upright axis has its high values at small distances.
    x, upper, lower, firsts = svg.thinned(time.px(t_ms), current.px(high), current.px(low), starts)
    ends = (0, current.length)
    paths = svg.outlines(x, lower.clip(*ends), upper.clip(*ends), firsts)
    return [
        svg.element("path", d=path, fill=colour, stroke=colour, stroke_width=_TRACE_PX)
        for path, colour in zip(paths, colours, strict=True)
    ]


def _iv_panel(row: Mapping[Any, Any], iv: Columns, width_px: int) -> Panel:
    """Draw the current against the voltage with the reversal potential."""
    mV, pA, command = (iv[name].astype(float) for name in ("voltage_mV", "current_pA", "command_mV"))
    half = _NORMAL_95 * iv["se_pA"].astype(float)
    crossing = np.array([row["reversal_mV"]] if row["verdict"] == PotentialVerdict.REVERSAL else [], dtype=float)
    zero = np.zeros(1)
    voltage = Axis.around("voltage, mV", [mV, crossing, zero], width_px, padding=_BESIDE_PX)
    current = Axis.around("current, pA", [pA - half, pA + half, zero], 130, is_upright=True, padding=_ABOVE_PX)
    marks = [zero_line(voltage, current), zero_line(current, voltage)]
    for x in voltage.px(crossing).tolist():
        upright = (x, 0, x, current.length)
        marks.append(svg.rules([upright], stroke=ACCENT, stroke_width=_CURVE_PX, stroke_dasharray="4 3"))
    across, up = voltage.px(mV), current.px(pA)
    marks.append(svg.line(across, up, stroke=FAINT, stroke_width=_CURVE_PX))
    low, high = current.px(pA - half), current.px(pA + half)
    colours = _colours(command, command.min(), command.max())
    for level in _shown_levels(across, up):
        x, colour = float(across[level]), colours[level]
        marks.append(svg.rules([(x, low[level], x, high[level])], stroke=colour, stroke_width=_CURVE_PX))
        marks.append(svg.element("circle", cx=x, cy=up[level], r=_LEVEL_RADIUS_PX, fill=colour))
    for x in voltage.px(crossing).tolist():
        circle = svg.element("circle", cx=x, cy=current.at(0), r=_CIRCLE_RADIUS_PX)
        marks.append(svg.group([circle], fill="none", stroke=ACCENT, stroke_width=_CIRCLE_PX))
    return Panel(voltage, current, (), tuple(marks))


def _sweeps(traces: Columns) -> dict[int, _Sweep]:
    """Return the sweeps of one recording by their numbers, in ascending order."""
    order = np.lexsort((traces["t_ms"], traces["sweep"]))
    numbers, starts = np.unique(traces["sweep"][order], return_index=True)
    names = [each.name for each in fields(_Sweep)]
    columns = [np.split(traces[name][order].astype(float), starts[1:]) for name in names]
    return {int(number): _Sweep(*values) for number, *values in zip(numbers, *columns, strict=True)}


def _shown_sweeps(traces: Columns) -> dict[int, _Sweep]:
    """Return the sweeps of one recording that are drawn, by their numbers."""
    recorded = list(_sweeps(traces).items())
    return dict(recorded[number] for number in evenly_spaced(len(recorded), MAX_SWEEPS))


def _source(
    rows: Sequence[Mapping[Any, Any]], curves: Mapping[str, Columns], recorded: Mapping[str, Columns]
) -> pd.DataFrame:
    """Return what is drawn of measurements: traces, I-V curves and reversal potentials."""
    parts = []
    for row in rows:
        name = row["measurement"]
        for sweep, trace in (_shown_sweeps(recorded[name]) if name in recorded else {}).items():
            values = {column: getattr(trace, column) for column in ("t_ms", "command_mV", "low_pA", "high_pA")}
            parts.append(pd.DataFrame(values).assign(measurement=name, drawn="trace", sweep=sweep))
        curve = pd.DataFrame({column: curves[name][column] for column in ("voltage_mV", "current_pA", "se_pA")})
        parts.append(curve.assign(measurement=name, drawn="I-V curve", command_mV=curves[name]["command_mV"]))
        if row["verdict"] == PotentialVerdict.REVERSAL:
            zero = {"measurement": name, "drawn": "reversal potential", "voltage_mV": row["reversal_mV"]}
            parts.append(pd.DataFrame([zero | {"current_pA": 0.0}]))
    traces = ["sweep", "t_ms", "low_pA", "high_pA"] if recorded else []
    columns = ["measurement", "drawn", *traces, "command_mV", "voltage_mV", "current_pA", "se_pA"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def _shown_levels(x: FloatArray, y: FloatArray) -> list[int]:
    """Select the levels that are drawn: all that no symbol before them covers, wherever their current lies."""
    shown = [0]
    for level, place in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        if max(abs(place[0] - x[shown[-1]]), abs(place[1] - y[shown[-1]])) > _COVERED_PX:
            shown.append(level)
    return shown


def _colours(values: FloatArray, low: float, high: float) -> list[str]:
    """Return the colours of values on a scale between two others."""
    scale = np.array([list(bytes.fromhex(colour[1:])) for colour in LEVELS], dtype=float)
    parts = (values - low) / (high - low) if high > low else np.zeros(len(values))
    places = parts.clip(0, 1) * (len(LEVELS) - 1)
    mixed = [np.interp(places, np.arange(len(LEVELS)), channel) for channel in scale.T]
    return [f"#{bytes(each).hex()}" for each in np.rint(mixed).astype(np.uint8).T.tolist()]


def _current_range_pA(sweeps: Sequence[_Sweep], iv: Columns) -> tuple[float, float]:
    """Return the range of the current axis: that of the I-V curve and a margin, so that transients are cut off."""
    low, high = min(float(iv["current_pA"].min()), 0.0), max(float(iv["current_pA"].max()), 0.0)
    noise = np.concatenate([sweep.high_pA - sweep.low_pA for sweep in sweeps])
    more = max(0.25 * (high - low), float(np.median(noise)), 1e-6)
    return low - more, high + more
