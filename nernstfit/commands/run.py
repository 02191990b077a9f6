"""Command that runs the workflow."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nernstfit.contract.errors import INTERRUPTED, InputError
from nernstfit.contract.files import REPORT, typed

if TYPE_CHECKING:
    from nernstfit.running.course import Course

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel brings the workflow along; a clone has it beside the package.
_PROJECT = _PACKAGE / "project" if (_PACKAGE / "project").is_dir() else _PACKAGE.parent
SNAKEFILE = _PROJECT / "Snakefile"
_PROFILE = _PROJECT / "profiles" / "default"
LOG = Path("logs", "run.log")
"""File of an experiment folder with the lines of Snakemake and its jobs, those of the last run at the end."""

_NEEDED = ("snakemake", "psutil", "rich", "altair", "jinja2", "rocrate", "vl_convert")
_NOT_INSTALLED = "Running the workflow needs the package {name}: pip install 'nernstfit[workflow]'."
# Options of snakemake under which it runs nothing: what it prints is what was asked for, and there is no outcome.
_PLANNING = {
    *("--dry-run", "--dryrun", "--unlock", "--lint", "--dag", "--rulegraph", "--filegraph", "--d3dag", "-h", "--help"),
    *("-S", "--summary", "-D", "--detailed-summary", "-l", "--list", "--list-rules", "--list-target-rules"),
    *("--list-changes", "-t", "--touch", "--cleanup-metadata", "--version", "--report", "--archive"),
}
_SHORT_DRY_RUN = re.compile("-[a-zA-Z]*n[a-zA-Z]*")


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
@click.option("--verbose", is_flag=True, help=f"Show the lines of snakemake, which otherwise go to {LOG.as_posix()}.")
def run(folder: Path, options: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """Check the tables of FOLDER, then run the workflow there, and print its outcome.

    FOLDER holds config/config.yaml, the tables and the recordings; results go to FOLDER/results.
    OPTIONS are passed on to snakemake. A terminal shows how many recordings and stages are done. A run that was
    interrupted continues where it ended. Exit status 0 means that at least one row is a reversal, 130 that the run was
    interrupted.
    """
    from nernstfit.library.loading import load  # noqa: PLC0415
    from nernstfit.running.course import OUTCOME, Course  # noqa: PLC0415
    from nernstfit.workflow import Dependencies, discard_altered  # noqa: PLC0415

    experiment = load(folder)
    require_packages()
    course = Course(Dependencies(experiment).batch_sizes)
    is_planning = _is_planning(options)
    if not is_planning:
        for path in discard_altered(folder):
            click.echo(f"{folder / path}: is not as the last run wrote it; it is made again.", err=True)
    before = _made(folder)
    # Without a profile by its path, Snakemake would take one that lies in the experiment folder.
    places = ("--snakefile", str(SNAKEFILE), "--directory", str(folder), "--workflow-profile", str(_PROFILE))
    arguments = (*places, *options)
    status = _followed(course, folder, arguments, verbose or is_planning)
    is_run = (status == 0 and not is_planning) or course.failed == [OUTCOME] or _made(folder) != before
    if is_run and _is_current(folder):
        show_outcome(folder, as_json)
    sys.exit(status)


def require_packages() -> None:
    """Raise a ClickException where a package that the workflow or its report needs is not installed."""
    for name in _NEEDED:
        if find_spec(name) is None:
            raise click.ClickException(_NOT_INSTALLED.format(name=name))


def _is_planning(options: Sequence[str]) -> bool:
    """Tell whether snakemake is asked for something else than to run."""
    return any(each.partition("=")[0] in _PLANNING or _SHORT_DRY_RUN.fullmatch(each) for each in options)


def _followed(course: Course, folder: Path, arguments: Sequence[str], shows_lines: bool) -> int:
    """Run snakemake, follow it, and tell how it failed; returns the exit status."""
    from nernstfit.running import engine, failures  # noqa: PLC0415

    log, text = None, ""
    if shows_lines:
        status = engine.call(arguments, [course.take])
    else:
        log = folder / LOG
        status, text = _with_log(course, arguments, log)
    if status == INTERRUPTED:
        kept = f"{course.done} of {course.stages} stages are done and kept" if course.stages else "nothing was begun"
        click.echo(f"Interrupted: {kept}; continue with: {typed('run', folder)}", err=True)
    elif status:
        for sentence in failures.sentences(course, folder, log, text):
            click.echo(sentence, err=True)
    return status


def _with_log(course: Course, arguments: Sequence[str], log: Path) -> tuple[int, str]:
    """Run snakemake with its lines in a file, and bars on a terminal; returns the exit status and the lines."""
    from nernstfit.running import engine  # noqa: PLC0415

    try:
        log.parent.mkdir(exist_ok=True)
        start = log.stat().st_size if log.exists() else 0
        with engine.errors_to(log) as terminal:
            status = _with_bar(course, arguments, terminal)
        with log.open("rb") as file:
            file.seek(start)
            return status, file.read().decode(errors="replace")
    except PermissionError as fault:
        raise InputError(f"{log}: cannot be written ({fault.strerror})") from None


def _with_bar(course: Course, arguments: Sequence[str], terminal: int) -> int:
    """Run snakemake, with bars where a descriptor is that of a terminal."""
    from nernstfit.running import engine  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        listeners = [course.take]
        if os.isatty(terminal):
            from nernstfit.running.bar import Bar  # noqa: PLC0415 - slow to import

            bar = stack.enter_context(Bar(stack.enter_context(open(terminal, "w", closefd=False))))
            listeners.append(lambda record: bar.show(course))
        return engine.call(arguments, listeners)


def show_outcome(folder: Path, as_json: bool = False) -> None:
    """Print the outcome of the run in an experiment folder."""
    for line in outcome_lines(folder, as_json):
        click.echo(line)


def outcome_lines(folder: Path, as_json: bool) -> list[str]:
    """Return the outcome of the run in an experiment folder: recordings, ratios, warnings and the report."""
    from nernstfit.report import outcome  # noqa: PLC0415

    found = outcome.of_folder(folder)
    return [json.dumps(found.as_dict(), indent=2)] if as_json else list(found.lines())


def _made(folder: Path) -> int:
    """Return the time at which the report in a folder was made; 0 where there is none."""
    report = folder / REPORT
    return report.stat().st_mtime_ns if report.exists() else 0


def _is_current(folder: Path) -> bool:
    """Return True where no table is younger than the report, as after a run of some of the rules."""
    tables = (folder / "results").glob("*.csv")
    return 0 < max((table.stat().st_mtime_ns for table in tables), default=0) <= _made(folder)
