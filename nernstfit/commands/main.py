"""Group of the commands, with its error handling.

Heavy libraries are imported within the command that needs them.
"""

from __future__ import annotations

import os
import sys

import click

from nernstfit.commands import check, figure, ghk, init, plan, recordings, report, run, simulate, solutions
from nernstfit.contract.errors import INTERRUPTED, InputError, RecordingError


class CommandGroup(click.Group):
    """Group of commands that prints faults of the user's tables or recording as sentences, with exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; end with exit status 1 after an `InputError` or a `RecordingError`, 130 after Ctrl-C."""
        try:
            return super().invoke(ctx)
        except InputError as fault:
            for line in fault.faults:
                click.echo(line, err=True)
        except RecordingError as fault:
            click.echo(str(fault), err=True)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(INTERRUPTED)
        sys.exit(1)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nernstfit")
def main() -> None:
    """Permeability ratios from patch-clamp recordings and a table of solutions."""
    # One thread: the matrices are small, and sums are taken in the same order on every machine.
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(threads, "1")


for command in (
    init.init,
    check.check,
    run.run,
    report.report,
    figure.figure,
    report.verify,
    simulate.simulate,
    recordings.inspect,
    recordings.measure,
    recordings.command_of,
    solutions.solutions,
    solutions.junction,
    solutions.nernst,
    ghk.ghk,
    plan.plan,
):
    main.add_command(command)
