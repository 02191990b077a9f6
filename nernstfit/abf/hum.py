"""Hum: periodic disturbances of the current, as by the mains, and the error that they leave in a mean.

A standard error counts noise that averages out. A sinusoid of frequency f does not within a window of T: of its
amplitude the mean keeps |sinc(f T)|, nothing over whole periods. Lines are looked for in all levels of whole sweeps,
which are longer than any window: a line is far above the spectrum on both sides of it. What is locked to the sweeps, as
where the mains trigger them, is one error of all sweeps; the rest differs from sweep to sweep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.abf import noise
from nernstfit.abf.command import Segment
from nernstfit.abf.records import Line
from nernstfit.abf.windows import Source
from nernstfit.contract.frames import evenly_spaced

FloatArray = NDArray[np.float64]
_Pieces = tuple[tuple[int, int], ...]  # first sample and end of each settled level of a sweep

# Rate in Hz to which sweeps are averaged before their spectrum is taken. A window of 5 ms keeps 6 % of a line at half
# of it. With half, lines of 500 Hz are not seen in windows of few ms; with double only the time grows.
_RATE_HZ = 2000.0
# Most sweeps from which the spectrum is taken, and averaged samples of each. With half, a hum of a third of a standard
# deviation is lost in short sweeps; with double only the time grows.
_MAX_SWEEPS, _MAX_SAMPLES = 16, 4096
# Time after a step of the command that is left out, in ms, and the largest part of a piece: the capacitive transient.
# With half, the rest of slow transients raises the spectrum; with double, short levels count less.
_TRANSIENT_MS, _MAX_TRANSIENT = 5.0, 0.25
# Degree of the trend of a level. With half, tails raise the low end of the spectrum; with double, a line of 50 Hz
# within a level of 40 ms is lost in the trend.
_DEGREE = 3
# Shortest piece in samples for each coefficient of its trend. With half, nothing but noise is left of it; with double,
# levels of 8 ms are left out.
_SAMPLES_PER_COEFFICIENT = 8
# Half-widths of the neighbourhood of a line in steps of the padded spectrum, two for each period in a sweep: within the
# first lies the line itself. With half of the second, chance among few neighbours makes lines; with double, a slope of
# the spectrum hides them.
_LINE_STEPS, _NEIGHBOUR_STEPS = 5, 24
# Fewest neighbours on either side of a line: of 50 Hz in sweeps of 100 ms. With half, the beginning of the spectrum of
# slow noise counts as a line; with double, sweeps need 150 ms.
_MIN_NEIGHBOURS = 5
# Fewest periods of a line in a sweep: fewer are the course of a current, such as that of an agonist. With half, these
# count as hum; with double, 50 Hz in sweeps of 100 ms do not.
_MIN_PERIODS = 4.0
# Relative variance of the power of a line between the sweeps, beyond that by noise, above which it is a response whose
# size follows the level: that of sizes uniform from 0 is 0.8. With half, hum in noise that changes is passed over; with
# double, such responses count as hum. Fewest sweeps that tell it: of three, half of the responses do not differ so.
_MAX_UNLIKE, _MIN_SWEEPS = 0.35, 4
# Normal deviate of the power of a line over its neighbours. Chance exceeds it in one of thousands of recordings, whose
# spectra have hundreds of places; with half, in most; with double, lines of twice the amplitude are not seen.
_LINE_Z = 6.0
# Averaged samples of a sweep up to which the frequency of a line is sharpened, and places to either side and their
# distance in periods per sweep: first around the top of the spectrum, then around the best of these. With half of the
# samples, lines in sweeps of 1 s are off by a tenth of a period; with double only the time grows. With half of the
# first reach, 50 Hz in levels of 40 ms are called 57 Hz; with double other lines are found.
_SHORT_SAMPLES, _SHARPENING = 2048, ((5, 0.5), (3, 0.125))
# Least part of a line's power that the trends of the levels leave. With half, the rest of a tail is fitted by a line of
# many times its size; with double, 50 Hz in levels of 40 ms are lost.
_MIN_LEFT = 0.3
# Least agreement of a line in a part of the sweeps with that in the rest: 1 for the same amplitude and phase, 0 for
# chance. A tail, a transient or a bend is in one part only. With half, some of these count as lines; halfway to 1, a
# line of small amplitude is lost in the noise of short sweeps.
_MIN_AGREEMENT = 0.6
# Least share of a part in what all of them hold of a line, from which it is compared. With half, the noise of a short
# level decides; with double, levels of a sixth of the sweep are not compared.
_MIN_SHARE = 0.15
# Determinant of two waves over that of independent ones, below which they are one wave. Rounding leaves 1e-15; half or
# twice of it decides nothing between.
_SINGULAR = 1e-10
# Most lines: the mains and their harmonics. With half the third is not in the error; double changes nothing where no
# further line is found.
_MAX_LINES = 4


def lines(source: Source) -> tuple[Line, ...]:
    """Find the lines in the spectrum of the current of all sweeps, the strongest first.

    Parameters
    ----------
    source : Source
    """
    factor = max(1, int(source.recording.rate_Hz // _RATE_HZ))
    rate_Hz, length = source.recording.rate_Hz / factor, min(source.recording.points // factor, _MAX_SAMPLES)
    sweeps = [source.sweeps[i] for i in evenly_spaced(len(source.sweeps), _MAX_SWEEPS)]
    pieces = [tuple(_pieces(source.command[sweep], factor, length, rate_Hz)) for sweep in sweeps]
    current = np.array([_averaged(source, sweep, length, factor) for sweep in sweeps])
    whole = np.isfinite(current).all(axis=1) & [bool(each) for each in pieces]
    pieces = [each for each, is_whole in zip(pieces, whole.tolist(), strict=True) if is_whole]
    found: list[Line] = []
    residual = _settled(current[whole], pieces)
    while len(pieces) and len(found) < _MAX_LINES and (peak := _strongest(residual, rate_Hz)):
        ratio = peak[1]
        frequency_Hz = _sharpened(residual, pieces, peak[0] / rate_Hz) * rate_Hz
        waves = _waves(frequency_Hz / rate_Hz, length, pieces)
        is_brief = frequency_Hz * length < _MIN_PERIODS * rate_Hz
        if is_brief or not _is_left(waves, pieces[0]) or _agreement(residual, waves, pieces[0]) < _MIN_AGREEMENT:
            break
        parts = _amplitudes(*_products(residual, waves))
        if not _is_alike(parts, ratio):
            break
        found.append(_line(frequency_Hz, parts, ratio))
        residual = residual - (parts[:, None, :] @ waves)[:, 0]
    return tuple(found)


def with_hum(source: Source) -> Source:
    """Return a source with its hum.

    Parameters
    ----------
    source : Source
    """
    return replace(source, hum=lines(source))


def shared_and_own(
    found: Sequence[Line], duration_s: FloatArray, t_s: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the standard errors of means by hum of unknown phase.

    Parameters
    ----------
    found : sequence of Line
    duration_s, t_s : ndarray, shape (points,)
        Duration and middle of what is averaged, the latter from the start of the sweep.

    Returns
    -------
    cosine_pA, sine_pA : ndarray, shape (points,)
        Errors that all sweeps share, by the two parts of a sinusoid of the frequency of the line that counts most.
    own_pA : ndarray, shape (points,)
        Standard error that each sweep has of its own.
    """
    zero = np.zeros(len(t_s))
    if not found:
        return zero, zero, zero
    locked, own = (
        np.sqrt(sum((getattr(line, part) * line.kept(duration_s)) ** 2 / 2 for line in found))
        for part in ("locked_pA", "own_pA")
    )
    phase = 2 * math.pi * _worst(found, duration_s).frequency_Hz * t_s
    return locked * np.cos(phase), locked * np.sin(phase), own


def left(found: Sequence[Line], duration_s: FloatArray) -> dict[str, float]:
    """Return what means keep of hum, under the names of a reading: nan where there is none.

    Parameters
    ----------
    found : sequence of Line
    duration_s : ndarray
        Durations of the means.
    """
    values = [math.nan] * 3
    if found:
        worst = _worst(found, duration_s)
        values = [worst.frequency_Hz, worst.amplitude_pA, math.hypot(*(_kept_pA(line, duration_s) for line in found))]
    return dict(zip(("hum_Hz", "hum_pA", "hum_left_pA"), values, strict=True))


def _worst(found: Sequence[Line], duration_s: FloatArray) -> Line:
    """Return the line of which means keep most."""
    return max(found, key=lambda line: _kept_pA(line, duration_s))


def _kept_pA(line: Line, duration_s: FloatArray) -> float:
    return line.amplitude_pA * float(line.kept(duration_s).mean())


def _pieces(command: Sequence[Segment], factor: int, length: int, rate_Hz: float) -> Iterator[tuple[int, int]]:
    """Yield the settled levels of a sweep, in averaged samples; the bends of a ramp's current would count as lines."""
    for part in command:
        if not part.is_level:
            continue
        start, stop = -(-part.start // factor), min(part.stop // factor, length)
        start += round(min(_TRANSIENT_MS * rate_Hz / 1e3, _MAX_TRANSIENT * (stop - start)))
        if stop - start >= _SAMPLES_PER_COEFFICIENT * (_DEGREE + 1):
            yield start, stop


def _averaged(source: Source, sweep: int, length: int, factor: int) -> FloatArray:
    """Return the current of one sweep, each `factor` neighbours averaged."""
    current = source.recording.current_pA(source.channel, sweep, 0, length * factor)
    return current if factor == 1 else np.asarray(current.reshape(length, factor).mean(axis=1))


def _settled(current: FloatArray, pieces: Sequence[_Pieces]) -> FloatArray:
    """Return sweeps without the trend of each piece, 0 outside of the pieces; shape (sweeps, samples)."""
    settled = np.zeros_like(current)
    for same in set(pieces):
        rows = np.array([i for i, each in enumerate(pieces) if each == same])
        for start, stop in same:
            settled[rows, start:stop] = noise.detrended(current[rows, start:stop], _DEGREE)[0]
    return settled


def _strongest(residual: FloatArray, rate_Hz: float) -> tuple[float, float] | None:
    """Return the frequency in Hz of the line that is furthest above its neighbours, and its power over theirs."""
    size = noise.fast_size(2 * residual.shape[1])
    power = (np.abs(np.fft.rfft(residual, size)) ** 2).mean(axis=0)
    first, last = _LINE_STEPS + _MIN_NEIGHBOURS, len(power) - _NEIGHBOUR_STEPS - 1
    inner = power[first:last]
    at = first + np.flatnonzero((inner > power[first - 1 : last - 1]) & (inner >= power[first + 1 : last + 1]))
    if not len(at):
        return None
    beside = np.lib.stride_tricks.sliding_window_view(power, _NEIGHBOUR_STEPS - _LINE_STEPS)
    above = np.median(beside[at + _LINE_STEPS + 1], axis=1)
    is_few = at < _NEIGHBOUR_STEPS
    few = [float(np.median(power[: k - _LINE_STEPS])) for k in at[is_few].tolist()]
    below = np.concatenate((few, np.median(beside[at[~is_few] - _NEIGHBOUR_STEPS], axis=1)))
    floor = np.maximum(above, below)
    ratio = power[at] / np.where(floor > 0, floor, math.inf)
    best = int(ratio.argmax())
    if ratio[best] < _least_ratio(len(residual)):
        return None
    k = int(at[best])
    left, middle, right = power[k - 1 : k + 2].tolist()
    # The top of a parabola through the three.
    return (k + 0.5 * (left - right) / (left - 2 * middle + right)) * rate_Hz / size, float(ratio[best])


def _least_ratio(sweeps: int) -> float:
    """Return the power over the median of its neighbours that is a line, by Wilson and Hilferty's approximation."""
    width = 2 / (9 * 2 * sweeps)
    return ((1 - width + _LINE_Z * math.sqrt(width)) / (1 - width)) ** 3


def _waves(cycles: float, length: int, pieces: Sequence[_Pieces]) -> FloatArray:
    """Return cosine and sine of some cycles per sample without the trend of each piece, as the sweeps are.

    Shape (sweeps, 2, samples), or (1, 2, samples) where all sweeps have the same pieces.
    """
    phase = 2 * math.pi * cycles * np.arange(length)
    both = np.array([np.cos(phase), np.sin(phase)])
    of_pieces = {each: _settled(both, [each, each]) for each in set(pieces)}
    return np.array([of_pieces[each] for each in (pieces if len(of_pieces) > 1 else pieces[:1])])


def _sharpened(residual: FloatArray, pieces: Sequence[_Pieces], cycles: float) -> float:
    """Return the cycles per sample that fit best near those at the top of the spectrum.

    The trends of short levels take a part of a line with them, and move its top.
    """
    length = residual.shape[1]
    if length > _SHORT_SAMPLES:
        return cycles

    def fitted(each: float) -> float:
        waves = _waves(each, length, pieces)
        normal, moment = _products(residual, waves)
        return float((_amplitudes(normal, moment) * moment).sum()) if _is_left(waves, pieces[0]) else 0.0

    for steps, distance in _SHARPENING:
        places = cycles + distance * np.arange(-steps, steps + 1) / length
        cycles = max(places.tolist(), key=fitted)
    return cycles


def _is_left(waves: FloatArray, pieces: _Pieces) -> bool:
    """Return True where the trends of the levels leave enough of a line to be known by."""
    return float((waves[0] ** 2).sum()) > _MIN_LEFT * sum(stop - start for start, stop in pieces)


def _products(residual: FloatArray, waves: FloatArray, part: slice = slice(None)) -> tuple[FloatArray, FloatArray]:
    """Return the products of two waves with one another, and with every sweep, over a part of the samples."""
    own = waves[..., part]
    return own @ own.transpose(0, 2, 1), (own @ residual[:, part, None])[..., 0]


def _amplitudes(normal: FloatArray, moment: FloatArray) -> FloatArray:
    """Return the amplitudes of two waves in every sweep by least squares, shape (sweeps, 2); 0 where there is none."""
    a, b, c = normal[..., 0, 0], normal[..., 0, 1], normal[..., 1, 1]
    determinant = a * c - b * b
    if (determinant <= _SINGULAR * a * c).any():
        return np.asarray((np.linalg.pinv(normal) @ moment[..., None])[..., 0])
    one, two = moment[..., 0], moment[..., 1]
    return np.stack([c * one - b * two, a * two - b * one], axis=-1) / determinant[..., None]


def _agreement(residual: FloatArray, waves: FloatArray, pieces: _Pieces) -> float:
    """Return the least agreement of a line in one part of the sweeps with that in the rest.

    Parts are the first half of what is settled, and the pieces that hold enough of the line.
    """
    filled = np.cumsum((waves**2).sum(axis=(0, 1)))
    middle = int(np.searchsorted(filled, filled[-1] / 2))
    normal, moment = _products(residual, waves)
    agreements = []
    for start, stop in [(0, middle), *pieces]:
        share = float(filled[stop - 1] - filled[start]) / float(filled[-1])
        if _MIN_SHARE < share < 1 - _MIN_SHARE:
            own = _products(residual, waves, slice(start, stop))
            agreements.append(_likeness(_amplitudes(*own), _amplitudes(normal - own[0], moment - own[1])))
    return min(agreements, default=0.0)


def _is_alike(parts: FloatArray, ratio: float) -> bool:
    """Return True where amplitudes have one size in all sweeps but for noise, whatever their phase.

    The power of noise beside it is that of the line over `ratio`: the power of their sum has the variance of a Rice
    distribution.
    """
    power = (parts**2).sum(axis=1)
    if len(power) < _MIN_SWEEPS:
        return True
    by_noise = 1 / ratio
    expected = by_noise**2 + 2 * (1 - by_noise) * by_noise
    return float(power.var(ddof=1)) <= (_MAX_UNLIKE + expected) * float(power.mean()) ** 2


def _likeness(first: FloatArray, second: FloatArray) -> float:
    """Return twice the product over the sum of the squares: less where amplitudes differ, as where phases do."""
    squares = float((first**2).sum() + (second**2).sum())
    return 2 * float((first * second).sum()) / (squares or math.inf)


def _line(frequency_Hz: float, parts: FloatArray, ratio: float) -> Line:
    """Return a line from the amplitudes of cosine and sine in every sweep, without what its neighbours have too."""
    mean, square = parts.mean(axis=0), float((parts**2).sum(axis=1).mean())
    by_noise = square / ratio
    locked = max(0.0, float(mean @ mean) - by_noise / len(parts))
    return Line(frequency_Hz, math.sqrt(locked), math.sqrt(max(0.0, square - by_noise - locked)))
