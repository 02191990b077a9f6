"""Figure of I-V curves by bath, written directly: those of single cells, their mean, and a fitted curve."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from nernstfit.contract.frames import evenly_spaced
from nernstfit.figures import svg
from nernstfit.figures.drawing import Drawing
from nernstfit.figures.layout import Layout
from nernstfit.figures.panels import Axis, Panel, Row, stacked, zero_line
from nernstfit.figures.svg import FloatArray
from nernstfit.figures.theme import ACCENT, CELLS, INK, LETTERS_PX, LOOKS, SOFT, TICK_PX

Curve = tuple[FloatArray, FloatArray]

COLUMNS = 3
"""Panels beside each other: as many as a page holds at the width of a panel."""

# Width and height of a panel, px: three beside each other, with the labels of their axes, are as wide as a page. At
# half the labels have no room, at double a row holds one panel.
_WIDTH_PX, _HEIGHT_PX = 178, 150
# Least width of a panel with its labels, px, below which fewer stand beside each other: that of the potential with its
# error. At half it leaves the panel, at double a column of a journal has one panel in a row.
_LEAST_PX = 170
# Most points of a line: one in 3 px. Half as many cut the bends of a ramp, twice as many double the size of the figure.
_MAX_POINTS = 60
# Widths of lines, px: of cells, of means, of fitted curves on these, of the circle at the zero. At half they are hard
# to see on paper, at double the cells cover each other, and a fitted curve its mean.
_CELL_PX, _MEAN_PX, _FITTED_PX, _CIRCLE_PX = 0.7, 2.6, 1.0, 1.6
# Radii of the marks of a mean and of the circle at the zero, px. At half shapes look alike, at double they touch.
_MARK_PX, _CIRCLE_RADIUS_PX = 3.0, 4.4
# Least distance of the marks of a mean, px: two of their diameters. At half they touch in steep parts, at double a
# panel has 7 of them.
_MARK_PITCH_PX = 12.0
# Space between the curves and the ends of an axis, px: a mark. At half marks cross the frame, at double curves are
# flatter by a tenth.
_ABOVE_PX, _BESIDE_PX = 7, 6
# Height of a line of words, and the space between words and marks, px. At half they touch; at double a panel's head is
# a third of its height.
_LINE_PX, _SPACE_PX = 13, 4
# Decimals of the mean potential of thousands of cells, mV. Half as many may write its standard error as 0.0, twice as
# many go beyond what solutions and junctions are known to.
_MAX_DECIMALS = 3
# Corners of marks by the radius, of the circle's area.
_CORNERS = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle-up": ((0.0, -1.4), (1.3, 0.9), (-1.3, 0.9)),
    "diamond": ((0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)),
    "triangle-down": ((0.0, 1.4), (1.3, -0.9), (-1.3, -0.9)),
}


@dataclass(frozen=True, eq=False)
class IVPanel:
    """Curves of one bath.

    Attributes
    ----------
    group : str
    title : str
        Name of the bath.
    look : int
        Place of the bath among all baths of the run, from 0; it decides colour and shape of the marks.
    curves : mapping of str to Curve
        Of the measurements that are drawn: membrane potential in mV, in ascending order, and relative current.
    n_cells : int
        Cells of which the mean is.
    mean : Curve
    sem : ndarray
        Standard error of the mean; nan where there is none.
    reversal_mV, reversal_sem_mV : float
        Mean reversal potential and its standard error, nan where there is none.
    nernst_mV : mapping of str to float
        Nernst potential of each ion that has one.
    fitted : Curve or None
        The curve of the fitted equation.
    """

    group: str
    title: str
    look: int
    curves: Mapping[str, Curve]
    n_cells: int
    mean: Curve
    sem: FloatArray
    reversal_mV: float
    reversal_sem_mV: float
    nernst_mV: Mapping[str, float] = field(default_factory=dict)
    fitted: Curve | None = None

    @property
    def potential(self) -> str:
        """The mean reversal potential in words."""
        sem = self.reversal_sem_mV
        decimals = min(max(1, -math.floor(math.log10(sem))), _MAX_DECIMALS) if sem > 0 else 1
        error = "" if math.isnan(sem) else f" \N{PLUS-MINUS SIGN} {sem:.{decimals}f}"
        return f"{_signed(self.reversal_mV, decimals)}{error} mV"

    @property
    def number(self) -> str:
        """The number of cells in words."""
        return f"{self.n_cells:,} cell{'s' if self.n_cells > 1 else ''}"


def axes(panels: Iterable[IVPanel]) -> tuple[Axis, Axis]:
    """Return the axes that hold all curves of some panels, at least one, and their zeros."""
    mV, relative = [np.zeros(1)], [np.zeros(1)]
    for panel in panels:
        mV.append(np.array([panel.reversal_mV]))
        for x, y in (*panel.curves.values(), panel.mean, *([panel.fitted] if panel.fitted else [])):
            mV.append(x)
            relative.append(y)
    voltage = Axis.around("membrane potential, mV", mV, _WIDTH_PX, padding=_BESIDE_PX)
    return voltage, Axis.around("relative current", relative, _HEIGHT_PX, is_upright=True, padding=_ABOVE_PX)


def draw_iv_curves(name: str, panels: Sequence[IVPanel], voltage: Axis, current: Axis) -> Drawing:
    """Draw the I-V curves of some baths in panels of the same axes.

    Parameters
    ----------
    name : str
        Name of the figure.
    panels : sequence of IVPanel
        At least one.
    voltage, current : Axis
        As `axes` returns them.

    Returns
    -------
    Drawing
    """
    chart = functools.partial(_svg, panels, voltage, current)
    return Drawing(name, chart, functools.partial(_source, panels))


def _svg(panels: Sequence[IVPanel], voltage: Axis, current: Axis, layout: Layout) -> str:
    columns = layout.columns(len(panels), COLUMNS, _LEAST_PX)
    voltage = replace(voltage, length=layout.panel_px(_WIDTH_PX, columns))
    heads = [_nernst_potentials(panel, voltage) for panel in panels]
    titles = [svg.wrapped(panel.title, LETTERS_PX, voltage.length) for panel in panels]
    lines = max(map(len, titles))
    depth = max(depth for _, depth in heads)
    drawn = [
        _panel(panel, (voltage, current), marks, _Head(title, layout.title_weight, lines, depth))
        for panel, title, (marks, _) in zip(panels, titles, heads, strict=True)
    ]
    rows = [Row(tuple(drawn[i : i + columns]), "") for i in range(0, len(drawn), columns)]
    shows = "; ".join(_described(panel, voltage) for panel in panels)
    return stacked(rows, f"Relative current against membrane potential. {shows}.")


@dataclass(frozen=True)
class _Head:
    """Title of a panel, the weight of its letters, and the lines that the longest title and the names of ions take."""

    title: Sequence[str]
    weight: str
    lines: int
    depth: int

    @property
    def height_px(self) -> float:
        """Height of what stands over the panel."""
        return _SPACE_PX + (self.lines + self.depth) * _LINE_PX

    @property
    def drawn(self) -> str:
        """The title, its last line over the names of the ions."""
        first = _SPACE_PX + LETTERS_PX / 2 - self.height_px + (self.lines - len(self.title)) * _LINE_PX
        lines = (svg.text(words, 0, first + i * _LINE_PX) for i, words in enumerate(self.title))
        return svg.group(lines, font_weight=self.weight)


def _source(panels: Sequence[IVPanel]) -> pd.DataFrame:
    """Return what is drawn: curves of measurements, means, fitted curves, and single potentials at zero current."""
    parts: list[tuple[tuple[str, ...], FloatArray, FloatArray, FloatArray]] = []
    for panel in panels:
        curves = [("measurement", name, *_fewer(curve)) for name, curve in panel.curves.items()]
        curves += [("fitted", "", *panel.fitted)] if panel.fitted else []
        potentials = {"reversal potential": panel.reversal_mV}
        potentials |= {f"Nernst potential of {ion}": mV for ion, mV in panel.nernst_mV.items()}
        curves += [(words, "", np.array([mV]), np.zeros(1)) for words, mV in potentials.items()]
        named = [((panel.group, panel.title, kind, name), x, y, np.full(len(x), np.nan)) for kind, name, x, y in curves]
        parts += [*named, ((panel.group, panel.title, "mean", ""), *panel.mean, panel.sem)]
    counts = [len(x) for _, x, _, _ in parts]
    words = zip(("group", "bath", "drawn", "measurement"), zip(*(part[0] for part in parts), strict=True), strict=True)
    columns = {name: np.repeat(np.array(values, dtype=object), counts) for name, values in words}
    numbers = zip(*(part[1:] for part in parts), strict=True)
    names = ("membrane_potential_mV", "relative_current", "sem_of_relative_current")
    return pd.DataFrame(columns | dict(zip(names, map(np.concatenate, numbers), strict=True)))


def _panel(panel: IVPanel, both: tuple[Axis, Axis], nernst: Sequence[str], head: _Head) -> Panel:
    """Draw one bath."""
    voltage, current = both
    cells = [svg.line(voltage.px(x), current.px(y)) for x, y in map(_fewer, panel.curves.values())]
    fitted = [svg.line(voltage.px(x), current.px(y)) for x, y in ([panel.fitted] if panel.fitted else [])]
    zero = svg.element("circle", cx=voltage.at(panel.reversal_mV), cy=current.at(0), r=_CIRCLE_RADIUS_PX)
    marks = (
        zero_line(voltage, current),
        zero_line(current, voltage),
        svg.group(cells, stroke=CELLS, stroke_width=_CELL_PX),
        *_mean(panel, both),
        svg.group(fitted, stroke=INK, stroke_width=_FITTED_PX, stroke_dasharray="5 3"),
        svg.group([zero], fill="none", stroke=ACCENT, stroke_width=_CIRCLE_PX),
        svg.group(nernst, text_anchor="middle"),
        _numbers(panel, voltage),
        head.drawn,
    )
    return Panel(voltage, current, (), marks, head.height_px)


def _mean(panel: IVPanel, both: tuple[Axis, Axis]) -> Iterator[str]:
    """Yield the mean with a band of its standard error, and its marks."""
    colour, shape = LOOKS[panel.look % len(LOOKS)]
    x, y = (axis.px(values) for axis, values in zip(both, panel.mean, strict=True))
    if not len(x):
        return
    has_error = np.isfinite(panel.sem)
    if has_error.any():
        low, high = (both[1].px(panel.mean[1] + side * panel.sem)[has_error] for side in (-1, 1))
        yield svg.band(x[has_error], low, high, fill=colour, fill_opacity="0.3")
    yield svg.line(x, y, stroke=colour, stroke_width=_MEAN_PX)
    shown = [0]
    for i, at in enumerate(x.tolist()):
        if at - x[shown[-1]] >= _MARK_PITCH_PX:
            shown.append(i)
    yield svg.group((_mark(shape, float(x[i]), float(y[i])) for i in shown), fill=colour)


def _mark(shape: str, x: float, y: float) -> str:
    """Draw a mark."""
    if shape not in _CORNERS:
        return svg.element("circle", cx=x, cy=y, r=_MARK_PX)
    corners = [(x + right * _MARK_PX, y + down * _MARK_PX) for right, down in _CORNERS[shape]]
    return svg.element("path", d=f"M{'L'.join(f'{svg.number(right)} {svg.number(down)}' for right, down in corners)}z")


def _numbers(panel: IVPanel, voltage: Axis) -> str:
    """Write number of cells and potential into the corner that a rising curve leaves free."""
    is_left = voltage.at(panel.reversal_mV) > voltage.length / 2
    x, anchor = (_SPACE_PX, "start") if is_left else (voltage.length - _SPACE_PX, "end")
    first = _LINE_PX if is_left else _HEIGHT_PX - _SPACE_PX - _LINE_PX
    lines = (svg.text(panel.number, x, first, fill=SOFT), svg.text(panel.potential, x, first + _LINE_PX, fill=ACCENT))
    # White around the letters parts them from what they stand on.
    return svg.group(lines, text_anchor=anchor, paint_order="stroke", stroke="white", stroke_width=3)


def _nernst_potentials(panel: IVPanel, voltage: Axis) -> tuple[list[str], int]:
    """Draw a tick with the name of the ion at each Nernst potential within the axis, over the panel's upper end.

    Returns
    -------
    tuple
        The marks, and the number of lines of names: a name that would touch another stands over it.
    """
    marks: list[str] = []
    ends: list[float] = []
    for ion, potential in sorted(_within(panel, voltage).items(), key=lambda each: (each[1], each[0])):
        at, half = voltage.at(potential), svg.width_px(ion, LETTERS_PX) / 2 + 1
        line = next((i for i, end in enumerate(ends) if at - half >= end), len(ends))
        ends[line:] = [at + half, *ends[line + 1 :]]
        foot = -TICK_PX - line * _LINE_PX
        marks.append(svg.rules([(at, TICK_PX, at, foot)], stroke=INK, stroke_width=1))
        marks.append(svg.text(ion, at, foot - _SPACE_PX / 2))
    return marks, len(ends)


def _within(panel: IVPanel, voltage: Axis) -> Mapping[str, float]:
    """Return the Nernst potentials that are within the axis."""
    return {ion: mV for ion, mV in panel.nernst_mV.items() if voltage.low <= mV <= voltage.high}


def _fewer(curve: Curve) -> Curve:
    """Return a curve of few enough points to draw."""
    x, y = curve
    kept = evenly_spaced(len(x), _MAX_POINTS)
    return x[kept], y[kept]


def _described(panel: IVPanel, voltage: Axis) -> str:
    """Return one panel in words."""
    parts = [f"{panel.title}: {panel.number}, reversal potential {panel.potential}"]
    if len(panel.mean[0]):
        (left, right), (first, last) = ((float(values[0]), float(values[-1])) for values in panel.mean)
        ends = (f"{y:.2f} at {x:.0f} mV".replace("-", "\N{MINUS SIGN}") for x, y in ((left, first), (right, last)))
        parts.append(f"mean current from {' to '.join(ends)}")
    if potentials := _within(panel, voltage):
        each = (f"{ion} {_signed(mV)} mV" for ion, mV in potentials.items())
        parts.append(f"Nernst potentials {', '.join(each)}")
    if panel.fitted:
        parts.append(_distance(panel))
    return ", ".join(parts)


def _distance(panel: IVPanel) -> str:
    """Return how far the fitted curve lies from the mean."""
    x, y = panel.mean
    largest = float(np.abs(np.interp(x, *panel.fitted) - y).max()) if panel.fitted and len(x) else 0.0
    return f"fitted curve within {largest:.3f} of the mean"


def _signed(mV: float, decimals: int = 1) -> str:
    """Write a potential."""
    return f"{round(mV, decimals) + 0.0:.{decimals}f}".replace("-", "\N{MINUS SIGN}")
