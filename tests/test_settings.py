"""The configuration: schema and records agree, defaults fill, every fault is named."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from nernstfit.contract import schema, settings, terms
from nernstfit.contract.errors import InputError

Config = Callable[..., dict[str, Any]]

FULL = {
    "junction.method": "henderson",
    "junction.zeroed_in": "control",
    "junction.reference": {"type": "salt-bridge", "solution": "bridge"},
}
JSON_TYPES = {
    "string": str,
    "number": float,
    "integer": int,
    "boolean": bool,
    "null": type(None),
    "array": tuple,
    "object": Mapping,
}


def faults(config: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        settings.load(config)
    assert all("\n" not in fault for fault in caught.value.faults)
    assert all(fault.startswith("config/config.yaml: ") for fault in caught.value.faults)
    return caught.value.faults


def only_fault(config: Mapping[str, Any]) -> str:
    found = faults(config)
    assert len(found) == 1, found
    return found[0]


# Schema and records


def sections(rule: Mapping[str, Any], place: str = "settings") -> list[tuple[str, Mapping[str, Any]]]:
    inner = [found for key, sub in rule["properties"].items() if "properties" in sub for found in sections(sub, key)]
    return [(place, rule), *inner]


SECTIONS = sections(schema.schema())


@pytest.mark.parametrize("rule", [rule for _, rule in SECTIONS], ids=[name for name, _ in SECTIONS])
def test_a_section_has_no_further_keys(rule: Mapping[str, Any]) -> None:
    assert rule["additionalProperties"] is False


def values(record: Any, rule: Mapping[str, Any], place: str = "") -> list[tuple[str, Any, Mapping[str, Any]]]:
    """Every value of a record with its rule, by its dotted name."""
    found = []
    for key, sub in rule["properties"].items():
        value = getattr(record, key)
        inner = dataclasses.is_dataclass(value)
        found += values(value, sub, f"{place}{key}.") if inner else [(f"{place}{key}", value, sub)]
    return found


def test_values_have_the_types_of_the_schema(config: Config) -> None:
    given = FULL | {"measure.from_ms": 1, "measure.to_ms": 2, "species": "data/species.csv", "plan.ratios": {"Na": 1}}
    for name, value, rule in values(settings.load(config(given)), schema.schema()):
        named = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
        assert isinstance(value, tuple(JSON_TYPES[each] for each in named)), name
        assert type(value) is not int or "integer" in named, name
        if "terms" in rule and value is not None:
            assert type(value) is getattr(terms, rule["terms"]), name


@pytest.mark.parametrize("key", schema.schema()["properties"]["measure"]["properties"])
def test_a_key_of_measure_names_the_stages_that_read_it(key: str) -> None:
    named = schema.schema()["properties"]["measure"]["properties"][key]["stages"]
    assert named
    assert set(named) <= {"ingest", "measure", "judge", "report"}


def scalar_rules(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every rule of a text or a number, those of the values in a mapping or a list included."""
    parts = [*rule.get("properties", {}).values(), rule.get("additionalProperties"), rule.get("items")]
    own = [rule] if isinstance(rule.get("type"), (str, list)) and rule["type"] not in ("object", "array") else []
    return [*own, *(found for part in parts if isinstance(part, Mapping) for found in scalar_rules(part))]


def test_texts_and_numbers_are_judged_as_the_json_schema_does() -> None:
    """Without it: it takes longer to import than a measurement."""
    numbers = [-1000, -5, 1.0, -1, 0, 1, 2, 3.5, 60, 1000, 1001, 0.5, 0.999, 1e-9, True, math.nan, math.inf, None]
    texts = ["", "A", "AX", "AY", "auto", "Auto", "epoch:B", "none", "mean", "7", "whole-cell"]
    judged = {True: 0, False: 0}
    for rule in scalar_rules(schema.schema()):
        for value in [*numbers, *texts, *rule.get("enum", [])]:
            is_sound, is_valid = (
                schema._is_sound_scalar(value, rule),
                jsonschema.Draft202012Validator(rule).is_valid(value),
            )
            is_left = value is None or (isinstance(value, float) and (value.is_integer() or not math.isfinite(value)))
            assert is_sound <= is_valid if is_left or value is True else is_sound == is_valid, (value, rule)
            judged[is_sound] += 1
    assert min(judged.values()) > 100


def test_the_allowed_values_of_a_key_are_its_terms() -> None:
    rules = dict(leaves(schema.schema()))
    assert rules["measure.statistic"]["enum"] == ["mean", "median", "peak"]
    assert rules["configuration"]["enum"] == list(terms.Configuration)


def leaves(rule: Mapping[str, Any], place: str = "") -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for key, sub in rule["properties"].items():
        inner = leaves(sub, f"{place}{key}.") if "properties" in sub else [(f"{place}{key}", sub)]
        found += inner
    return found


@pytest.mark.parametrize(("name", "rule"), leaves(schema.schema()), ids=[n for n, _ in leaves(schema.schema())])
def test_every_key_is_described_and_has_its_default_after_loading(
    config: Config, name: str, rule: Mapping[str, Any]
) -> None:
    assert rule["description"].endswith(".")
    if name in ("recordings", "fit.reference_ion", "fit.permeant") or name.startswith("junction.reference."):
        return
    loaded = settings.load(config({"junction.method": "none"}))
    value: Any = loaded
    for step in name.split("."):
        value = getattr(value, step)
    given = {"junction.method": "none"}
    expected = given.get(name, rule["default"])
    assert value == (tuple(expected) if isinstance(expected, list) else expected)
    if rule["type"] == "number":
        assert type(value) is float


def test_defaults_are_those_of_the_contract(config: Config) -> None:
    loaded = settings.load(config())
    assert loaded.configuration == "whole-cell"
    assert loaded.temperature_C == 22
    assert loaded.recordings_per_job == 100
    assert loaded.measure == settings.Measure(
        *(
            "auto",
            0.6,
            0.95,
            None,
            None,
            "mean",
            "auto",
            "auto",
            "auto",
            0.0,
            5.0,
            "local",
            "none",
            10.0,
            15.0,
            "refuse",
        )
    )
    assert loaded.uncertainty == settings.Uncertainty(1.0, 1.0, None, 0.1, 0.05)
    assert (loaded.fit.offset_sd_mV, loaded.fit.confidence, loaded.fit.seed, loaded.fit.robust) == (1.0, 0.95, 1, False)


@pytest.mark.parametrize("empty", [None, {}])
def test_an_empty_section_means_its_defaults(config: Config, empty: Any) -> None:
    given = config()
    for section in ("measure", "activity", "uncertainty"):
        given[section] = empty
    assert settings.load(given) == settings.load(config())


def test_an_empty_section_with_keys_that_must_be_given_says_which(config: Config) -> None:
    given = config()
    given["fit"] = given["junction"] = None
    found = "\n".join(faults(given))
    for key in ("fit.reference_ion", "fit.permeant", "junction.zeroed_in", "junction.reference"):
        assert f"key '{key}'" in found
    assert len(found.splitlines()) == 4


def test_loading_leaves_the_given_configuration_alone(config: Config) -> None:
    given = config()
    settings.load(given)
    assert given == config()


def test_the_effective_configuration_loads_to_the_same_settings(config: Config) -> None:
    loaded = settings.load(config(FULL))
    assert settings.load(loaded.as_dict()) == loaded


def test_settings_are_frozen(config: Config) -> None:
    loaded = settings.load(config())
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.fit.seed = 2  # type: ignore[misc]


# Faults


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("recording", "recordings"),
        ("temperature", "temperature_C"),
        ("measure.from_fractoin", "measure.from_fraction"),
        ("junction.zeroed", "junction.zeroed_in"),
        ("fit.offset_sd", "fit.offset_sd_mV"),
        ("uncertainty.mobility", "uncertainty.mobility_percent"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(config: Config, key: str, nearest: str) -> None:
    fault = only_fault(config({key: 1}))
    assert f"key '{key}'" in fault
    assert f"'{nearest}'" in fault


def test_an_unknown_key_two_sections_deep_has_its_full_name(config: Config) -> None:
    fault = only_fault(config({**FULL, "junction.reference": {"type": "pellet", "solutoin": "x"}}))
    assert "'junction.reference.solutoin'" in fault
    assert "'junction.reference.solution'" in fault


@pytest.mark.parametrize("key", ["fit.reference_ion", "fit.permeant", "junction.zeroed_in", "junction.reference"])
def test_a_key_without_default_must_be_given(config: Config, key: str) -> None:
    fault = only_fault(config({**FULL, key: None}))
    assert f"key '{key}'" in fault
    assert "no default" in fault


def test_a_salt_bridge_needs_its_solution(config: Config) -> None:
    assert "'junction.reference.solution'" in only_fault(
        config({**FULL, "junction.reference": {"type": "salt-bridge"}})
    )


@pytest.mark.parametrize("kind", ["pellet", "none"])
def test_other_reference_electrodes_need_none(config: Config, kind: str) -> None:
    loaded = settings.load(config({**FULL, "junction.reference": {"type": kind}}))
    assert loaded.junction.reference == settings.Reference(kind, None)


def test_without_junctions_neither_zeroing_nor_reference_is_asked_for(config: Config) -> None:
    loaded = settings.load(config({"junction.method": "none"}))
    assert (loaded.junction.zeroed_in, loaded.junction.reference) == (None, None)


def test_the_reference_ion_must_be_permeant(config: Config) -> None:
    fault = only_fault(config({"fit.reference_ion": "Cs"}))
    assert "'Cs'" in fault
    assert "K, Na" in fault


@pytest.mark.parametrize(
    "empty", [{}, {"recordings": None}, {"recordings": None, "reversals": None}, {"reversals": ""}]
)
def test_one_of_the_tables_must_be_given(config: Config, empty: dict[str, Any]) -> None:
    given = {key: value for key, value in config().items() if key != "recordings"} | empty
    fault = only_fault(given)
    assert "key 'recordings': got nothing, and nothing for 'iv' and 'reversals'" in fault
    assert "expected the path" in fault


def test_both_tables_are_one_too_many(config: Config) -> None:
    fault = only_fault(config({"reversals": "data/reversals.csv"}))
    assert "key 'reversals': got 'data/reversals.csv' beside recordings 'data/recordings.csv'" in fault
    assert "expected one of the tables" in fault


@pytest.mark.parametrize("beside", [{}, {"recordings": None}])
def test_potentials_measured_elsewhere_stand_in_for_recordings(config: Config, beside: dict[str, Any]) -> None:
    given = {key: value for key, value in config().items() if key != "recordings"} | beside
    loaded = settings.load(given | {"reversals": "data/reversals.csv"})
    assert (loaded.recordings, loaded.reversals, loaded.table) == (None, "data/reversals.csv", "data/reversals.csv")
    assert settings.load(config()).table == "data/recordings.csv"


@pytest.mark.parametrize(
    ("key", "value", "found", "right"),
    [
        ("temperature_C", "warm", "'warm'", "a number"),
        ("temperature_C", 99, "99", "a number from -5 to 60 (C)"),
        ("temperature_C", -6, "-6", "from -5 to 60 (C)"),
        ("recordings_per_job", 0, "0", "at least 1"),
        ("recordings_per_job", 2.5, "2.5", "a whole number"),
        ("configuration", "wholecell", "'wholecell'", "nearest: whole-cell"),
        ("measure.statistic", "meen", "'meen'", "nearest: mean"),
        ("measure.epoch", "b", "'b'", "one of auto, after, the letter of an epoch"),
        ("measure.max_interval_mV", 0, "0", "above 0 (mV)"),
        ("fit.permeant", [], "[]", "at least 1"),
        ("fit.permeant", ["K", "K"], "['K', 'K']", "without repetition"),
        ("fit.permeant", "K", "'K'", "a list"),
        ("fit.confidence", 1.0, "1.0", "a number from 0.5 to 0.999"),
        ("fit.offset_sd_mV", -1, "-1", "at least 0"),
        ("junction.measured_mV", {"control": "four"}, "'four'", "a number"),
        ("junction.already_corrected_mV", 400, "400", "from -200 to 200 (mV)"),
        ("uncertainty", [1, 2], "[1, 2]", "a section"),
    ],
)
def test_a_wrong_value_says_what_was_found_and_what_would_be_right(
    config: Config, key: str, value: Any, found: str, right: str
) -> None:
    fault = only_fault(config({key: value}))
    assert f"key '{key}'" in fault
    assert f"got {found}" in fault
    assert right in fault


NUMBERS = [name for name, rule in leaves(schema.schema()) if "number" in str(rule["type"])]


@pytest.mark.parametrize("key", NUMBERS)
def test_a_value_that_is_not_a_number_is_refused(config: Config, key: str) -> None:
    both = {"measure.from_ms": 1.0, "measure.to_ms": 2.0} if key.endswith("_ms") else {}
    assert f"key '{key}'" in only_fault(config({**both, key: math.nan}))


def test_a_measured_junction_that_is_not_a_number_is_refused(config: Config) -> None:
    assert "key 'junction.measured_mV'" in only_fault(config({"junction.measured_mV": {"control": math.nan}}))


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_temperature_is_refused(config: Config, value: float) -> None:
    assert "key 'temperature_C'" in only_fault(config({"temperature_C": value}))


@pytest.mark.parametrize("value", [math.inf, -math.inf])
@pytest.mark.parametrize("key", NUMBERS)
def test_an_infinite_number_is_refused_but_for_a_free_offset(config: Config, key: str, value: float) -> None:
    if (key, value) == ("fit.offset_sd_mV", math.inf):
        return
    both = {"measure.from_ms": 1.0, "measure.to_ms": 2.0} if key.endswith("_ms") else {}
    assert f"key '{key}': got {value}" in only_fault(config({**both, key: value}))


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_measured_junction_is_refused(config: Config, value: float) -> None:
    fault = only_fault(config({"junction.measured_mV": {"control": value}}))
    assert "key 'junction.measured_mV'" in fault
    assert "expected a finite number" in fault


@pytest.mark.parametrize(
    ("key", "text", "hint"),
    [
        ("fit.offset_sd_mV", "1e-1", "(0.1, as YAML writes it)"),
        ("fit.offset_sd_mV", "inf", "(.inf, as YAML writes it)"),
        ("fit.offset_sd_mV", "1e-7", "(1.0e-07, as YAML writes it)"),
        ("measure.from_ms", "4", "(4.0, as YAML writes it)"),
    ],
)
def test_a_number_that_yaml_takes_for_text_is_spelt_out(config: Config, key: str, text: str, hint: str) -> None:
    (fault,) = [fault for fault in faults(config({"measure.to_ms": 9, key: text})) if f"key '{key}'" in fault]
    assert fault.endswith(hint)
    written = hint.removeprefix("(").split(",")[0]
    assert yaml.safe_load(written) == float(text)


@pytest.mark.parametrize(
    ("key", "text"), [("temperature_C", "inf"), ("temperature_C", "warm"), ("temperature_C", "nan")]
)
def test_a_text_that_no_number_stands_for_has_no_hint(config: Config, key: str, text: str) -> None:
    assert only_fault(config({key: text})).endswith("expected a number")


def test_an_empty_section_within_a_section_means_its_defaults(config: Config) -> None:
    given = config()
    given["junction"] = {**given["junction"], "measured_mV": None}
    assert settings.load(given) == settings.load(config())


def test_baths_that_yaml_reads_as_numbers_are_names_all_the_same(config: Config) -> None:
    assert settings.load(config({"junction.measured_mV": {150: 3}})).junction.measured_mV == {"150": 3.0}


def test_a_free_offset_is_accepted(config: Config) -> None:
    assert settings.load(config({"fit.offset_sd_mV": math.inf})).fit.offset_sd_mV == math.inf


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"measure.from_ms": 3}, "measure.to_ms"),
        ({"measure.to_ms": 3}, "measure.from_ms"),
        ({"measure.from_ms": 3, "measure.to_ms": 3}, "measure.to_ms"),
        ({"measure.from_fraction": 0.95}, "measure.to_fraction"),
        ({"measure.to_fraction": 0.5}, "measure.to_fraction"),
    ],
)
def test_a_window_has_two_ends_in_their_order(config: Config, changes: dict[str, float], named: str) -> None:
    assert f"key '{named}'" in only_fault(config(changes))


def test_every_fault_is_reported_at_once(config: Config) -> None:
    found = faults(
        config(
            {
                "temperature_C": 99,
                "solutoins": "x",
                "measure.statistic": "peek",
                "measure.epoch": 3,
                "fit.permeant": ["K", "K"],
                "junction.reference": {"kind": "pellet"},
            }
        )
    )
    for name in (
        "'temperature_C'",
        "'solutoins'",
        "'measure.statistic'",
        "'measure.epoch'",
        "'fit.permeant'",
        "'junction.reference.kind'",
    ):
        assert sum(name in fault.split(";")[0] for fault in found) == 1, name
    assert len(found) == 6


PARAMETERS = {"fit.reference_ion": "Na", "fit.permeant": ["Na", "K", "Cl"]}
TYPE, NAME = "'fit.parameters' [P_K] [min]: got 'low'", "'fit.parameters': got 'P_Rb'"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"P_K": {"min": "low"}, "P_Rb": {"value": 1}}, [TYPE, NAME]),
        ({"P_K": {"min": "low", "mxa": 3}}, [TYPE, "'fit.parameters.P_K.mxa' is not known"]),
        ({"P_K": {"min": "low", "max": 3, "value": 4}}, [TYPE, "'fit.parameters.P_K.value': got 4"]),
        ({"P_K": {"min": "low", "expr": "2 * P_Rb"}}, [TYPE, "got expr beside min", "got 'P_Rb' in '2 * P_Rb'"]),
        ({"P_K": {"value": "one", "vary": False}}, ["[P_K] [value]: got 'one'"]),
        ({"P_K": {"expr": 3, "value": 2}}, ["[P_K] [expr]: got 3", "got expr beside value"]),
        ({"P_K": {"min": "low"}, "P_Cl": {"expr": "P_Cl"}}, [TYPE, "got a circle, P_Cl from P_Cl"]),
        ({"P_Rb": 3}, ["'fit.parameters' [P_Rb]: got 3", NAME]),
        ({"P_K": {"max": math.nan}, "P_Rb": {"value": 1}}, ["[P_K] [max]: got nan, expected a finite number", NAME]),
    ],
)
def test_a_value_of_another_type_hides_no_fault_beside_it(
    config: Config, changes: dict[str, Any], expected: list[str]
) -> None:
    found = faults(config(PARAMETERS | {"fit.parameters": changes}))
    assert len(found) == len(expected), found
    for words in expected:
        assert sum(words in fault for fault in found) == 1, words


def test_faults_of_the_ions_hide_none_of_their_parameters(config: Config) -> None:
    numbers = {"fit.parameters": {"P_K": {"min": 3, "max": 2}, "P_Rb": {"value": 1}}}
    (permeant, of_number) = faults(config(PARAMETERS | numbers | {"fit.permeant": "K"}))
    assert "'fit.permeant'" in permeant
    assert "'fit.parameters.P_K.max': got 2" in of_number
    found = faults(config(PARAMETERS | numbers | {"fit.reference_ion": "Cs"}))
    assert [fault.split("'")[1] for fault in found] == ["fit.reference_ion", "fit.parameters", "fit.parameters.P_K.max"]


def test_a_rule_speaks_in_spite_of_faults_elsewhere(config: Config) -> None:
    found = faults(config({"temperature_C": "hot", "fit.reference_ion": "Rb", "measure.from_ms": 3}))
    assert len(found) == 3
    for name in ("'temperature_C'", "'fit.reference_ion'", "'measure.to_ms'"):
        assert sum(f"key {name}" in fault for fault in found) == 1, name


@pytest.mark.parametrize(
    "changes",
    [
        {"fit.permeant": "K"},  # the reference is in no list then
        {"junction": {"method": "hendersonn"}},  # and nothing need be given with it
        {"junction": {"method": "henderson", "zerod_in": "control", "reference": {"type": "pellet"}}},
        {"junction": {"method": "henderson", "zeroed_in": "control", "reference": {"kind": "pellet"}}},
        {"junction": {"method": "henderson", "zeroed_in": "control", "reference": {"type": "pelet"}}},
        {"junction": [1]},
        {"fit": [1]},
        {"measure.from_ms": "early", "measure.to_ms": 9},
        {"measure.from_fraction": 3},
        {"recordings": 5},
        {"recordings": None, "recording": "data/recordings.csv"},
    ],
)
def test_a_fault_brings_no_other_with_it(config: Config, changes: dict[str, Any]) -> None:
    only_fault(config(changes))


@pytest.mark.parametrize("key", ["recordings", "reversals", "solutions"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../data/table.csv", "expected a path within the experiment folder"),
        ("data/../../table.csv", "expected a path within"),
        ("/srv/table.csv", "expected a path within"),
        ("C:\\table.csv", "expected a path within"),
        ("data/{name}.csv", "expected a path without braces"),
    ],
)
def test_a_table_stays_within_the_folder(config: Config, key: str, path: str, words: str) -> None:
    changes = {"recordings": None, key: path} if key == "reversals" else {key: path}
    fault = only_fault(config(changes))
    assert f"key '{key}': got '{path}', {words}" in fault


def test_a_path_may_begin_with_dots_that_lead_nowhere(config: Config) -> None:
    assert settings.load(config({"solutions": "..data/solutions.csv"})).solutions == "..data/solutions.csv"


def test_an_empty_path_is_refused(config: Config) -> None:
    assert "key 'solutions': got ''" in only_fault(config({"solutions": ""}))


def test_keys_given_twice_are_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fit:\n  seed: 1\n  permeant: [K]\n  seed: 2\ntemperature_C: 20\nfit: {seed: 3}\nfit: {}\n")
    assert sorted(settings.repeated_keys(str(path))) == [
        f"{path}: key 'fit': got it 3 times, in lines 1, 6 and 7, expected once",
        f"{path}: key 'fit.seed': got it 2 times, in lines 2 and 4, expected once",
    ]


@pytest.mark.parametrize("content", ["", "a: [1", "- 1\n", "a: {b: 1}\nc: {b: 1}\n"])
def test_other_files_repeat_no_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    assert list(settings.repeated_keys(str(path))) == []
    assert list(settings.repeated_keys(str(tmp_path / "none.yaml"))) == []


# A row over the configuration over the default


@pytest.mark.parametrize(
    ("in_config", "in_row", "expected"),
    [
        ({}, {}, (0.6, 0.95, None, None)),
        ({"measure.from_fraction": 0.7}, {}, (0.7, 0.95, None, None)),
        ({"measure.from_fraction": 0.7}, {"from_fraction": "0.2"}, (0.2, 0.95, None, None)),
        ({}, {"from_ms": "4", "to_ms": "10"}, (0.6, 0.95, 4.0, 10.0)),
        (
            {"measure.from_ms": 1, "measure.to_ms": 2},
            {"from_fraction": "0.1", "to_fraction": "0.2"},
            (0.1, 0.2, None, None),
        ),
        ({"measure.from_ms": 1, "measure.to_ms": 2}, {"to_ms": "9"}, (0.6, 0.95, 1.0, 9.0)),
    ],
)
def test_a_row_goes_over_the_configuration_and_one_window_drops_the_other(
    config: Config, in_config: dict[str, Any], in_row: dict[str, str], expected: tuple[float | None, ...]
) -> None:
    measure = settings.measure_for(settings.load(config(in_config)).measure, in_row)
    assert (measure.from_fraction, measure.to_fraction, measure.from_ms, measure.to_ms) == expected


def test_a_row_sets_every_kind_of_value(config: Config) -> None:
    row = {"epoch": "C", "statistic": "median", "channel": "1", "command": "Cmd 1", "max_interval_mV": "4"}
    measure = settings.measure_for(settings.load(config({"measure.channel": "IN 0"})).measure, row)
    assert (measure.epoch, measure.statistic, str(measure.channel), measure.command, measure.max_interval_mV) == (
        *("C", "median", "1", "Cmd 1", 4.0),
    )


@pytest.mark.parametrize(
    ("row", "column", "right"),
    [
        ({"statistic": "peek"}, "statistic", "nearest: peak"),
        ({"leak": "epoch:"}, "leak", "expected"),
        ({"from_fraction": "early"}, "from_fraction", "a number"),
        ({"from_fraction": "nan"}, "from_fraction", "expected"),
        ({"max_interval_mV": "nan"}, "max_interval_mV", "expected"),
        ({"from_ms": "4"}, "to_ms", "together"),
        ({"from_ms": "4", "to_ms": "3"}, "to_ms", "more than from_ms"),
        ({"epoch": "BB"}, "epoch", "one of auto, after, the letter"),
    ],
)
def test_a_wrong_value_in_a_row_names_its_column(config: Config, row: dict[str, str], column: str, right: str) -> None:
    with pytest.raises(InputError) as caught:
        settings.measure_for(settings.load(config()).measure, row)
    (fault,) = caught.value.faults
    assert f"column '{column}'" in fault
    assert right in fault


def test_reading_a_configuration_file(tmp_path: Any) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbffit: {reference_ion: K, offset_sd_mV: .inf}\n")
    assert settings.read(str(path)) == {"fit": {"reference_ion": "K", "offset_sd_mV": math.inf}}
    path.write_text("")
    assert settings.read(str(path)) == {}


@pytest.mark.parametrize("content", [b"a: [1", b"- 1\n- 2\n", b"text", b"a: \xff"])
def test_a_configuration_file_that_is_no_mapping_is_refused_by_name(tmp_path: Any, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"config\.yaml"):
        settings.read(str(path))


def test_a_missing_configuration_file_is_refused_by_name(tmp_path: Any) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml: file not found"):
        settings.read(str(tmp_path / "nothing.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recordings: a.csv\nfit:\n\treference_ion: K\n", "line 3: got a tab, expected blanks"),
        ("recordings: a.csv\ntemperature_C:22\n", "line 2: `temperature_C:22` needs a blank after the colon"),
        ("temperature_C:22\n", "line 1: `temperature_C:22` needs a blank after the colon"),
        ("recordings: a.csv\nfit: {permeant: [K, Na\n", "is not readable as YAML"),
        (b"title: \xfcber\n", "line 1: byte 0xfc is not UTF-8"),
        ("- a\n- b\n", "got a list, expected key: value pairs"),
    ],
)
def test_a_slip_of_yaml_is_told_with_its_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    place = tmp_path / "config.yaml"
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as caught:
        settings.read(str(place))
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["config/config.yml", "config.yaml", "config.yml"])
def test_a_configuration_of_another_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="nernstfit init"):
        settings.read()
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("title: x\n")
    with pytest.raises(InputError, match=f"file not found, but there is '{name}'"):
        settings.read()


def test_a_word_that_yaml_takes_for_true_or_false_is_to_be_quoted() -> None:
    content = {"recordings": "a.csv", "solutions": "b.csv", "junction": {"method": "none"}}
    found = settings.examine(content | {"fit": {"reference_ion": "K", "permeant": ["K", False]}}).faults
    assert any("got False, expected text: YAML reads on, off, yes, no as true and false" in fault for fault in found)
