"""Columns in another unit than the declared one: for every column with a unit, and every unit of its kind."""

import re

import pytest

from nernstfit.contract import headers, tables

# Of each declared unit: other units, and what one of these is in the declared one (SI prefixes, NIST SP 811).
OTHERS = {
    "mV": {"V": 1e3, "uV": 1e-3, "\u00b5V": 1e-3},
    "pA": {"nA": 1e3, "uA": 1e6, "mA": 1e9, "A": 1e12, "fA": 1e-3},
    "MOhm": {"kOhm": 1e-3, "GOhm": 1e3, "ohm": 1e-6, "k\u03a9": 1e-3},
    "pF": {"nF": 1e3, "fF": 1e-3, "F": 1e12, "uF": 1e6},
    "s": {"ms": 1e-3, "min": 60, "h": 3600, "us": 1e-6},
    "ms": {"s": 1e3, "us": 1e-3, "min": 6e4},
    "percent": {"fraction": 100},
    "mmHg": {"kPa": 7.50062, "hPa": 0.750062, "mbar": 0.750062, "atm": 760},
    "g/mol": {"kDa": 1e3, "kg_per_mol": 1e3},
    "kJ/mol": {"kcal_per_mol": 4.184, "J_per_mol": 1e-3},
    "cm3/mol": {"l_per_mol": 1e3},
    "angstrom": {"nm": 10, "pm": 0.01},
}
INPUTS = {name: table for name, table in tables.TABLES.items() if table.kind == tables.INPUT}
WITH_UNIT = [
    (name, column.name, column.unit)
    for name, table in INPUTS.items()
    for column in table.columns.values()
    if column.unit and headers._split(column.name)[1]
]


def meant(table: str, typed: str) -> headers.Meant | None:
    return next(headers.misspelt([typed], {name: of.also for name, of in INPUTS[table].columns.items()}), None)


def test_every_unit_of_a_column_name_is_known() -> None:
    # A name that gives no unit at its end: the fault of another unit would say nothing of the values.
    without = {
        column.name
        for table in INPUTS.values()
        for column in table.columns.values()
        if column.unit and not headers._split(column.name)[1]
    }
    assert not without
    assert {unit for *_, unit in WITH_UNIT} <= {*OTHERS, "C"}


@pytest.mark.parametrize(("table", "known", "unit"), WITH_UNIT)
def test_values_in_another_unit_are_to_be_converted(table: str, known: str, unit: str) -> None:
    own = re.sub(r"_(kJ|g|cm3)_per_mol$|_[^_]+$", "", known)
    assert own != known
    for other, factor in OTHERS.get(unit, {}).items():
        for typed in (f"{own}_{other}", f"{own.replace('_', ' ')} ({other})"):
            found = meant(table, typed)
            assert found is not None, typed
            assert (found.known, found.is_same_unit) == (known, False), typed
            told = re.search(r" (times|divided by) ([\d.,]+\d)\)", found.advice)
            assert told is not None, found.advice
            number = float(told[2].replace(",", ""))
            assert (number if told[1] == "times" else 1 / number) == pytest.approx(factor, rel=1e-5), typed
            assert "Rename" not in str(found)


@pytest.mark.parametrize(
    ("typed", "told"),
    [("temperature_K", "those in K less 273.15"), ("temperature (\u00b0F)", "those in \u00b0F less 32, times 5/9")],
)
def test_temperatures_are_converted_by_a_difference(typed: str, told: str) -> None:
    for table in ("recordings", "reversals"):
        found = meant(table, typed)
        assert found is not None
        assert f"in C ({told})" in found.advice


def test_a_unit_of_another_quantity_has_no_factor() -> None:
    found = meant("reversals", "se_nA")
    assert found is not None
    assert not found.is_same_unit
    assert "in mV, not in nA" in found.advice


@pytest.mark.parametrize("typed", ["I_h", "I_K", "I_Na", "V_h", "path_A", "file_M", "n_A"])
def test_names_that_only_look_like_units_are_columns_of_the_users_own(typed: str) -> None:
    assert not any(meant(table, typed) for table in INPUTS)


@pytest.mark.parametrize("typed", ["I_pA", "I (pA)", "voltage (mV)", "Vm_mV", "millivolts"])
def test_the_same_unit_in_another_spelling_is_a_new_name_only(typed: str) -> None:
    found = meant("iv_input", typed)
    assert (found is None) == (typed == "millivolts")
    assert found is None or "Rename it, or" in str(found)
