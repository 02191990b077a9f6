"""Command that drafts an experiment folder from recordings."""

from __future__ import annotations

from pathlib import Path

import click

from nernstfit.contract.errors import InputError
from nernstfit.contract.files import typed

# Number of remarks that are shown, the rarest first: they fit on a screen. At half of it more are read in the column
# alone; double of it pushes the next step off the screen.
_SHOWN = 10


@click.command(
    epilog="""\b
Examples:
  nernstfit init my-experiment --from recordings/
  nernstfit init my-experiment --recordings a.abf --recordings b.abf
  nernstfit init my-experiment --from /archive/2024 --link
  nernstfit init my-experiment --from recordings/ --format xlsx"""
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder whose recordings, with those of its subfolders, are taken.",
)
@click.option(
    "--recordings",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recording; as often as needed.",
)
@click.option("--link", is_flag=True, help="Link to the recordings in place of copying them.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "xlsx"]),
    default="csv",
    show_default=True,
    help="Tables as text, or as sheets of one workbook with lists of values and an explanation of every column.",
)
def init(folder: Path, source: Path | None, files: tuple[Path, ...], link: bool, kind: str) -> None:
    """Draft an experiment in FOLDER from recordings: tables, configuration, and what is to be answered.

    Each recording has a row per epoch that could be measured, with the window that its current asks for, and cell and
    bath as far as the names of files and folders tell them. Column `remark` says what is to be confirmed or filled in;
    what is to be asked of every row stands in the first row alone.
    Nothing that exists is overwritten.
    """
    from nernstfit.library import draft  # noqa: PLC0415

    if bool(source) == bool(files):
        got = "both --from and --recordings" if source else "no recordings"
        raise InputError(f"init: got {got}, expected --from DIR or --recordings FILE")
    found = draft.found_in(source) if source else {path.name: path for path in files}
    if len(found) < len(files):
        raise InputError("--recordings: two files have the same name; put them into folders and give --from")
    made = draft.draft(found)
    *tables, questions = draft.write(folder, found, made, link, kind)
    click.echo(f"{folder}: {len(found)} recordings, {len(made.rows)} rows, {made.doubtful} with a remark.")
    for remark, rows in made.remarks[:_SHOWN]:
        click.echo(f"  {rows[0] if len(rows) == 1 else f'{len(rows)} rows'}: {remark}")
    if more := made.remarks[_SHOWN:]:
        click.echo(f"  and {len(more)} further remarks in column remark")
    click.echo(f"Next: complete {' and '.join(tables)}, answer {questions}, then")
    click.echo(f"  {typed('check', folder)}")
