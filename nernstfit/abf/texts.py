"""Texts of an ABF header: names, units, comments, lists of values and paths."""

from __future__ import annotations

import math

_MICRO = ("µ", "μ", "æ")  # Latin, Greek, and the code page of DOS read as that of Windows


def decoded(text: bytes) -> str:
    """Return a text on one line, whatever the bytes."""
    return " ".join(text.decode("cp1252", errors="replace").split())


def text_of(field: bytes) -> str:
    """Return the text of a field of fixed length, which a zero byte ends or spaces fill up."""
    return decoded(field.split(b"\0")[0])


def unit_of(text: str) -> str:
    """Return a unit with its micro sign, in whatever code it was written, as `u`."""
    text = text.replace("Â", "").replace("Î¼", "μ")  # UTF-8 read as the code page of Windows
    return "u" + text[1:] if text.startswith(_MICRO) else text


def list_values(text: str) -> tuple[float, ...]:
    """Return the numbers of a user list; nan for an item that is none."""
    return tuple(_number(item) for item in text.split(",") if item.strip())


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def file_name(path: str) -> str:
    """Return the last part of a path, of Windows or not."""
    return path.replace("\\", "/").rpartition("/")[2].strip()
