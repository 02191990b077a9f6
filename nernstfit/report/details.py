"""Details of the rows of a table, which show when a row is opened, packed so that thousands of them fit into one page.

The HTML of several rows is deflated together and written in base64; the page unpacks the rows beside the one that is
opened. The compressor is that of pyarrow, whose version the lock names: the same input gives the same bytes with any
Python.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
from markupsafe import Markup

GROUP = 10
"""Rows that are packed together. Alone (1), each is 30 % larger, because all share words and axes; of 30 it is 3 %
smaller, and takes the browser three times as long to unpack."""
# Rows up to which they stand in the page itself, some 5 kB each: 10 MB. At half, a page of an ordinary laboratory would
# need files beside it; at double, browsers take a second longer to open it.
_MAX_IN_PAGE = 2000
# Groups in one file beside the page, 1.2 MB, which a browser loads in some 20 ms. At double 40, at half twice as many
# files.
_PER_FILE = 25
# Bytes of gzip's header and trailer, RFC 1952: the header names the operating system.
_HEADER, _TRAILER = 10, 8
# Of zlib, 1 to 9. At half (3) details are 20 % larger; the highest takes twelve times as long for 16 % less.
_LEVEL = 5


def packed(names: Sequence[str], parts: Iterable[tuple[str, Markup]]) -> tuple[str, ...]:
    """Pack the HTML of rows, which may come in any order.

    Parameters
    ----------
    names : sequence of str
        Of the rows, in the order of the table.
    parts : iterable of (str, Markup)
        Name and HTML of each row, once.

    Returns
    -------
    tuple of str
        Each group of rows as base64 of a raw deflate stream (RFC 1951), which holds a JSON list of their HTML.
    """
    groups = [names[start : start + GROUP] for start in range(0, len(names), GROUP)]
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    missing = [len(group) for group in groups]
    pending: dict[str, Markup] = {}
    found: dict[int, str] = {}
    for name, html in parts:
        pending[name] = html
        number = group_of[name]
        missing[number] -= 1
        if missing[number] == 0:  # packed at once: the HTML of ten thousand rows is 250 MB
            found[number] = _deflated([pending.pop(each) for each in groups[number]])
    return tuple(found[number] for number in range(len(groups)))


def _deflated(rows: Sequence[Markup]) -> str:
    text = json.dumps(rows, ensure_ascii=False)
    stream = pa.Codec("gzip", compression_level=_LEVEL).compress(text.encode(), asbytes=True)
    return base64.b64encode(stream[_HEADER:-_TRAILER]).decode()


def stored(groups: Sequence[str]) -> tuple[Markup, int, Mapping[str, str]]:
    """Return what the page holds of all groups, how many each file beside it holds (0: none), and these files."""
    if len(groups) * GROUP <= _MAX_IN_PAGE:
        return _as_json(groups), 0, {}
    return Markup(""), _PER_FILE, dict(_files(groups))


def _files(groups: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and text of each script beside the page, which hands over some groups."""
    for number, start in enumerate(range(0, len(groups), _PER_FILE)):
        yield (
            f"details_{number:03d}.js",
            f"nernstfitDetails({number}, {_as_json(groups[start : start + _PER_FILE])});\n",
        )


def _as_json(groups: Sequence[str]) -> Markup:
    return Markup(json.dumps(list(groups), separators=(",\n", ":")))  # base64 has no markup
