"""Command that runs the workflow."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from pathlib import Path

import click

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel brings the workflow along; a clone has it beside the package.
_PROJECT = _PACKAGE / "project" if (_PACKAGE / "project").is_dir() else _PACKAGE.parent
SNAKEFILE = _PROJECT / "Snakefile"
_NOT_INSTALLED = "Running the workflow needs the package {name}: pip install 'nernstfit[workflow]'."
# Options of snakemake under which it runs nothing: there is no outcome then.
_PLANNING = {
    *("-n", "--dry-run", "--dryrun", "--unlock", "--lint", "--dag", "--rulegraph", "--filegraph", "--d3dag"),
    *("-S", "--summary", "-D", "--detailed-summary", "-l", "--list", "--list-rules", "--list-target-rules"),
    *("--list-changes", "-t", "--touch", "--cleanup-metadata", "--version"),
}


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Examples:
  nernstfit run my-experiment
  nernstfit run my-experiment --cores 8
  nernstfit run my-experiment --dry-run
  nernstfit run my-experiment --executor slurm --jobs 50""",
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def run(folder: Path, options: tuple[str, ...], as_json: bool) -> None:
    """Check the tables of FOLDER, then run the workflow there, and print its outcome.

    FOLDER holds config/config.yaml, the tables and the recordings; results go to FOLDER/results.
    OPTIONS are passed on to snakemake. Exit status 0 means that at least one row is a reversal.
    """
    check(folder)
    before = _made(folder)
    status = _snakemake("--snakefile", str(SNAKEFILE), "--directory", str(folder), *options)
    is_run = (status == 0 and not _PLANNING & set(options)) or _made(folder) != before
    if is_run and _is_current(folder):
        show_outcome(folder, as_json)
    sys.exit(status)


def _snakemake(*arguments: str) -> int:
    """Run snakemake in this process, which has imported already what the workflow needs; returns its exit status."""
    try:
        cli = importlib.import_module("snakemake.cli")
    except ModuleNotFoundError as missing:
        raise click.ClickException(_NOT_INSTALLED.format(name=missing.name)) from None
    try:
        with contextlib.chdir(Path.cwd()):  # snakemake may end in another folder
            cli.main(list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def show_outcome(folder: Path, as_json: bool = False) -> None:
    """Print the outcome of the run in an experiment folder: recordings, ratios, warnings and the report."""
    from nernstfit.report import outcome  # noqa: PLC0415

    found = outcome.of_folder(folder)
    for line in [json.dumps(found.as_dict(), indent=2)] if as_json else found.lines():
        click.echo(line)


def _made(folder: Path) -> int:
    """Return the time at which the report in a folder was made; 0 where there is none."""
    report = folder / "results" / "report.html"
    return report.stat().st_mtime_ns if report.exists() else 0


def _is_current(folder: Path) -> bool:
    """Return True where no table is younger than the report, as after a run of some of the rules."""
    tables = (folder / "results").glob("*.csv")
    return 0 < max((table.stat().st_mtime_ns for table in tables), default=0) <= _made(folder)


def check(folder: Path) -> None:
    """Check the configuration and tables of an experiment folder, and print the doubts about it.

    Raises
    ------
    InputError
        With every fault, one line each.
    """
    from nernstfit.judgement.inputs import findings  # noqa: PLC0415
    from nernstfit.library.loading import load  # noqa: PLC0415

    for finding in findings(load(folder)):
        click.echo(str(finding), err=True)
