"""The table of header fields: no field overlaps another, and neo's own table has the same fields at the same places."""

from __future__ import annotations

import struct

import pytest
from neo.rawio import axonrawio

from nernstfit.abf import layout

SECTIONS = {"ABF1": layout.ABF1_HEADER, "ABF2": layout.ABF2_HEADER, **layout.ABF2_ENTRIES}
NEO_SECTIONS = {
    "Protocol": axonrawio.protocolInfoDescription,
    "ADC": axonrawio.ADCInfoDescription,
    "DAC": axonrawio.DACInfoDescription,
    "EpochPerDAC": axonrawio.EpochInfoPerDACDescription,
    "Tag": axonrawio.TagInfoDescription,
}


@pytest.mark.parametrize("name", SECTIONS)
def test_fields_lie_one_after_the_other_within_their_section(name: str) -> None:
    section = SECTIONS[name]
    end = 0
    for field in sorted(section.fields.values(), key=lambda each: each.offset):
        assert field.offset >= end
        end = field.offset + struct.calcsize(field.format)
    assert end == section.used_bytes <= section.size


@pytest.mark.parametrize(
    ("section", "theirs"),
    [(layout.ABF1_HEADER, axonrawio.headerDescriptionV1), (layout.ABF2_HEADER, axonrawio.headerDescriptionV2)],
    ids=["ABF1", "ABF2"],
)
def test_the_headers_agree_with_a_second_reader(section: layout.Section, theirs: list[tuple[str, int, str]]) -> None:
    common = {name: (offset, struct.calcsize(f"<{form}")) for name, offset, form in theirs if name in section.fields}
    common.pop("sProtocolPath", None)  # neo reads the path together with the comment behind it
    assert len(common) > 5
    ours = {name: section.fields[name] for name in common}
    assert {name: (field.offset, struct.calcsize(field.format)) for name, field in ours.items()} == common


@pytest.mark.parametrize("name", NEO_SECTIONS)
def test_the_sections_agree_with_a_second_reader(name: str) -> None:
    fields, offset, common = layout.ABF2_ENTRIES[name].fields, 0, 0
    for theirs, form in NEO_SECTIONS[name]:
        size = struct.calcsize(f"<{form}")
        if theirs in fields:
            assert (fields[theirs].offset, struct.calcsize(fields[theirs].format)) == (offset, size), theirs
            common += 1
        offset += size
    assert common >= 0.9 * len(fields)
