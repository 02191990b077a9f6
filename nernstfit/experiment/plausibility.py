"""Faults of an experiment that is sound in form but cannot be meant: other units, a reference ion in no solution."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from nernstfit.contract.expressions import Expression, ions_by_parameter
from nernstfit.contract.numbers import CONCENTRATION
from nernstfit.contract.settings import CONFIG_FILE, FitSettings, Settings
from nernstfit.contract.terms import JunctionMethod, ReferenceElectrode
from nernstfit.experiment.records import ExternalReversal, Row
from nernstfit.experiment.solution_table import MAX_MOLAR
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import NEW_ZERO, Condition

# Part of the ions of the most concentrated bath below which a salt bridge is taken for one in mol/l: 150 mM KCl in sea
# water has a quarter, every bridge in mol/l a fiftieth or less. At half, a bridge of 30 M would pass beside 300 mM; at
# double, 150 mM KCl would be refused with marine baths. A bridge filled with a bath is not judged.
_MIN_OF_BATH = 0.2
# Concentration from which a salt can be that of a bridge: below, the number is not one in mol/l either. At half or
# double only the wording for bridges of less than 0.1 mM changes.
_MAIN_MM = 50.0
# Factor within which the ions of a bridge are those of a bath with which it is filled. At half (1.05) its rounding
# would count; at double (1.2) another mixture of the same salts could be taken for its filling.
_FILLED = 1.1

# Concentration of a solution over the least of those that have at least so many mM, below which it is in mol/l (a
# thousandth). With half, a solution of 0.3 (mol/l) beside a dilute one of 20 mM passes; with double, a
# rinse of 1 mM beside baths of 30 mM is doubted.
_MOLAR_PART, _MIN_OTHERS_MM = 0.02, 20.0
# Offset in mV up to which it is one in volts: no amplifier is set to less, and an offset in volts is not larger. At
# half, -0.15 V would pass; at double nothing else is doubted. Other offsets must be larger by a factor: with half of
# it, 0.1 beside 6 mV is doubted; with double, -0.07 beside -10 mV is not.
_MAX_VOLTS, _MIN_RATIO = 0.2, 100.0
# Voltage in mV, and current in pA, up to which all levels of I-V curves are in volts or amperes: curves span tens of
# mV, and no amplifier resolves 1 fA. With half, levels of up to 1 V pass; double refuses no table of a laboratory.
_MAX_LEVEL_MV, _MAX_LEVEL_PA = 1.0, 1e-3
# End of a window in ms after the start of its epoch before which no membrane is charged, so that it is one in seconds:
# five time constants of 10 pF behind 20 MOhm. At half, a window of .5 to .9 s passes; at double, the peaks of fast
# sodium currents are doubted.
_MIN_END_MS = 1.0
# Standard error in mV up to which a table of such potentials is in volts: no recording has as little in all of its
# levels. At half, 15 mV of error in volts would pass; at double no table of a laboratory is refused either.
_MAX_SE_VOLTS = 0.02
# Probability that true zeros lie as near to 0, by their standard errors, as potentials in volts beside errors in mV. At
# half, two potentials of 100 mV with errors of 3 mV pass; at double, tables of zeros are doubted twice as often.
_CHANCE = 1e-3
# Largest junction potential in mV of a configuration in which they are in volts: none is measured to as little, and
# none in volts is larger. At half, -30 mV in volts passes; at double, a measured 0.1 mV is doubted.
_MAX_JUNCTION_VOLTS = 0.05


def molar_solutions(
    settings: Settings, solutions: Solutions, conditions: Iterable[Condition]
) -> Iterator[tuple[str, float, float]]:
    """Yield solutions that alone are in mol/l: name, sum of all components in mM, and the least sum of the others.

    Others are those with at least as much as any solution in mM.

    Parameters
    ----------
    settings : Settings
    solutions : Solutions
        Of which those that no row uses are not judged, the bridge apart.
    conditions : iterable of Condition
        Those of the rows.
    """
    total = {
        name: float(solutions.given_mM[i].sum() + solutions.uncharged_mM[i])
        for i, name in enumerate(solutions.names)
        if name not in solutions.incomplete
    }
    used = (_used(conditions, total) or total.keys()) | ({_bridge(settings)} & total.keys())
    others = min((total[name] for name in used if total[name] >= _MIN_OTHERS_MM), default=0.0)
    for name in sorted(used):
        if not settings.dilute_solutions and 0 < total[name] < _MOLAR_PART * others:
            yield name, total[name], others


def windows_in_seconds(rows: Iterable[Row]) -> list[Row]:
    """Return the rows whose window ends so soon after its epoch begins that its times are rather in seconds."""
    return [row for row in rows if row.measure.to_ms is not None and 0 < row.measure.to_ms < _MIN_END_MS]


def offsets_in_volts(rows: Iterable[Row]) -> list[Row]:
    """Return the rows whose offset of the command is in volts: all offsets are that small, or all others far larger.

    Parameters
    ----------
    rows : iterable of Row
    """
    given = [row for row in rows if row.measure.command_offset_mV]
    small = [row for row in given if abs(row.measure.command_offset_mV) <= _MAX_VOLTS]
    largest = max((abs(row.measure.command_offset_mV) for row in small), default=0.0)
    others = [abs(row.measure.command_offset_mV) for row in given if row not in small]
    return small if all(other > _MIN_RATIO * largest for other in others) else []


def level_faults(settings: Settings, rows: Iterable[Row]) -> Iterator[str]:
    """Yield the faults of I-V curves measured elsewhere whose voltages are in volts, or currents in amperes.

    Parameters
    ----------
    settings : Settings
    rows : iterable of Row
    """
    given = [row.levels for row in rows if row.levels is not None]
    for quantity, values, limit, unit, words in (
        ("voltages", [each for levels in given for each in levels.command_mV], _MAX_LEVEL_MV, "mV", "millivolts"),
        ("currents", [each for levels in given for each in levels.current_pA], _MAX_LEVEL_PA, "pA", "picoamperes"),
    ):
        largest = max(map(abs, values), default=0.0)
        if 0 < largest <= limit:
            base = "volts" if unit == "mV" else "amperes"
            got = f"got {quantity} of at most {largest:g} {unit} in all rows"
            yield f"{settings.table}: {got}, expected {words}: they are in {base}"


def volt_faults(settings: Settings, rows: Iterable[Row]) -> Iterator[str]:
    """Yield the faults of potentials in volts: those measured elsewhere, with their errors or without, and junctions.

    Parameters
    ----------
    settings : Settings
    rows : iterable of Row
    """
    given = [row.external for row in rows if row.external is not None and not row.exclude]
    largest = max((abs(each.reversal_mV) for each in given), default=0.0)
    largest_se = max((each.se_mV for each in given), default=0.0)
    if 0 < largest <= _MAX_VOLTS and largest_se <= _MAX_SE_VOLTS:
        yield (
            f"{settings.table}: got potentials of at most {largest:g} mV with standard errors of at most "
            f"{largest_se:g} mV in all rows, expected millivolts: they are in volts"
        )
    elif 0 < largest <= _MAX_VOLTS and _are_below_errors([each for each in given if each.reversal_mV]):
        yield (
            f"{settings.table}: got potentials of at most {largest:g} mV in all rows, far below their standard errors "
            f"of up to {largest_se:g} mV, expected millivolts: the potentials are in volts"
        )
    for key, sizes_mV in _junctions_mV(settings).items():
        if sizes_mV and max(sizes_mV) <= _MAX_JUNCTION_VOLTS:
            yield (
                f"{CONFIG_FILE}: {key}: got at most {max(sizes_mV):g} mV, expected millivolts: it is in volts; write 0 "
                "where there is no junction potential"
            )


def _junctions_mV(settings: Settings) -> dict[str, list[float]]:
    """Return the sizes of the junction potentials that are given, without those of 0, by their key."""
    junction = settings.junction
    given = {"measured_mV": junction.measured_mV.values(), "already_corrected_mV": [junction.already_corrected_mV]}
    return {f"junction.{key}": [abs(each) for each in values if each] for key, values in given.items()}


def _are_below_errors(given: Sequence[ExternalReversal]) -> bool:
    """Return True where potentials about 0 are so much smaller than their errors that chance does not do it."""
    largest = max(abs(each.reversal_mV) / each.se_mV for each in given)
    return (math.sqrt(2 / math.pi) * largest) ** len(given) < _CHANCE  # of normal deviates, all below the largest


def amount_faults(settings: Settings, solutions: Solutions, conditions: Iterable[Condition]) -> Iterator[str]:
    """Yield the faults of amounts that are in mol/l, unless the configuration insists on them.

    Parameters
    ----------
    settings : Settings
    solutions : Solutions
        Of which those that could be read in part only are not judged.
    conditions : iterable of Condition
        Those of the rows.
    """
    if settings.dilute_solutions:
        return
    insist = f"; if it is meant: dilute_solutions: true in {CONFIG_FILE}"
    bridge, given = _bridge(settings), list(conditions)
    amounts = {
        name: [*solutions.given_mM[i][solutions.given_mM[i] > 0], *filter(None, [solutions.uncharged_mM[i]])]
        for i, name in enumerate(solutions.names)
        if name not in solutions.incomplete
    }
    used = _used(given, amounts) or amounts.keys() - {bridge}
    others = [amount for name in used for amount in amounts[name]]
    if others and max(others) < MAX_MOLAR:
        of_all = [amount for name, of_name in amounts.items() if name != bridge for amount in of_name]
        of = "" if max(of_all) < MAX_MOLAR else " in a bath or pipette"
        yield f"{settings.solutions}: every concentration{of} is below {MAX_MOLAR:g} mM: mol/l? give mM{insist}"
    elif bridge in amounts and solutions.given_mM[solutions.names.index(bridge)].any():
        yield from (f"{fault}{insist}" for fault in _bridge_faults(settings, solutions, bridge, given))


def _used(conditions: Iterable[Condition], names: Collection[str]) -> set[str]:
    """Return those of some solutions that are in a bath or a pipette, be it the bath of the zero."""
    return {name for c in conditions for name in (c.bath, c.pipette, c.zeroed_in) if name in names}


def _bridge(settings: Settings) -> str:
    """Return the name of the solution in the salt bridge; '' where there is none."""
    reference = settings.junction.reference
    if settings.junction.method == JunctionMethod.NONE or reference is None:
        return ""
    return str(reference.solution or "") if reference.type == ReferenceElectrode.SALT_BRIDGE else ""


def _bridge_faults(
    settings: Settings, solutions: Solutions, bridge: str, conditions: Iterable[Condition]
) -> Iterator[str]:
    """Yield the fault of a bridge that is far more dilute than the baths which it touches."""
    touched = {name for c in conditions for name in (c.bath, c.zeroed_in)} | {settings.junction.zeroed_in}
    baths = [
        solutions.given_mM[i]
        for i, name in enumerate(solutions.names)
        if name in touched - {NEW_ZERO} and name not in solutions.incomplete
    ]
    own = solutions.given_mM[solutions.names.index(bridge)]
    most = max((float(bath.sum()) for bath in baths), default=0.0)
    if own.sum() >= _MIN_OF_BATH * most or any(_is_filled_with(own, bath) for bath in baths):
        return
    concentration = float(own.max())
    is_molar = 1000 * concentration >= _MAIN_MM and 1000 * concentration in CONCENTRATION
    meant = f"; {concentration:g} M is {1000 * concentration:g}" if is_molar else ""
    yield (
        f"{settings.solutions}: the bridge '{bridge}' holds {concentration:g} mM{meant} (its baths hold up to "
        f"{most:g} mM of ions)"
    )


def _is_filled_with(bridge: np.ndarray, bath: np.ndarray) -> bool:
    """Return True where two solutions have the same ions in the same amounts."""
    return bool(np.all((bridge <= _FILLED * bath) & (bath <= _FILLED * bridge)))


def reference_faults(settings: Settings, solutions: Solutions, conditions: Iterable[Condition]) -> Iterator[str]:
    """Yield the fault of a reference ion that no bath and no pipette holds, and for which no held ratio stands."""
    given, ion, fit = list(conditions), settings.fit.reference_ion, settings.fit
    named = ions_by_parameter(fit.permeant)
    held = [named[name] for name, keys in fit.parameters.items() if keys.get("vary") is False]
    if given and absent_ions([ion, *held], solutions, given) == [ion, *held]:
        yield (
            f"{CONFIG_FILE}: key 'fit.reference_ion': got '{ion}', which is in no bath and no pipette of "
            f"{settings.table}; expected one that is"
        )


def ions_of_parameters(fit: FitSettings) -> frozenset[str]:
    """Return the ions whose ratio fit.parameters holds, ties to others, or ties others to."""
    named = ions_by_parameter(fit.permeant)
    held = {name for name, keys in fit.parameters.items() if keys.get("vary") is False or "expr" in keys}
    others = {name for keys in fit.parameters.values() if "expr" in keys for name in Expression(keys["expr"]).names}
    return frozenset(named[name] for name in held | others)


def absent_ions(ions: Iterable[str], solutions: Solutions, conditions: Iterable[Condition]) -> list[str]:
    """Return those ions that are in no solution of some conditions."""
    names = [ion.name for ion in solutions.ions]
    present: set[str] = set()
    for condition in set(conditions):
        for solution in filter(None, (condition.bath, condition.pipette)):
            row = solutions.row(solution, condition.temperature_C)
            present |= {name for name, c in zip(names, row.tolist(), strict=True) if c > 0}
    return [ion for ion in ions if ion not in present]
