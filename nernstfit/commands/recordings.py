"""Commands for one recording: inspect and measure."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nernstfit.commands.options import Quantity, cell, temperature_option
from nernstfit.contract.errors import InputError
from nernstfit.contract.terms import Configuration, PotentialVerdict

_CHANNEL = click.option("--channel", help="Name or number of the ADC that carries the current.")
_COMMAND = click.option("--command", help="Name or number of the DAC that drives the cell.")


@click.command(
    epilog="""\b
Examples:
  nernstfit inspect cell1.abf
  nernstfit inspect cell1.abf --channel "IN 1" --plot cell1.png"""
)
@click.argument("file", type=click.Path(path_type=Path))
@_CHANNEL
@_COMMAND
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write current and command as PNG.")
def inspect(file: Path, channel: str | None, command: str | None, plot: Path | None) -> None:
    """List the contents of FILE: channels, outputs, epochs sweep by sweep, tags, and the command in use.

    First it proposes for each epoch the columns of recordings.csv that measure it, with the reason, the command line
    that does so at once, and what this gives.
    """
    from nernstfit.abf import describe, proposals, read  # noqa: PLC0415
    from nernstfit.contract import settings  # noqa: PLC0415
    from nernstfit.contract.errors import RecordingError  # noqa: PLC0415
    from nernstfit.library import recording as calculation  # noqa: PLC0415

    given = {name: value for name, value in (("channel", channel), ("command", command)) if value is not None}
    how = settings.measure_for(settings.default_measure(), given, "--{}".format)
    recording = read.read(file)
    try:
        proposed = proposals.proposals(recording, how)
    except RecordingError:  # the last line of the description is its sentence
        proposed = ()
    lines = proposals.described(proposed, str(file), lambda found: calculation.outcome(str(file), found.columns))
    for line in describe.describe(recording, how, lines):
        click.echo(line)
    if plot is not None:
        from nernstfit.abf.columns import TRACES, table, trace_columns  # noqa: PLC0415
        from nernstfit.figures.recordings import draw_sweeps  # noqa: PLC0415

        course = table([trace_columns(recording.path.name, describe.sweep_traces(recording, how))], TRACES)
        try:
            plot.write_bytes(draw_sweeps(course).png)
        except OSError as fault:
            raise InputError(f"--plot: got '{plot}', which cannot be written: {fault.strerror}") from None


class _WithMeasureKeys(click.Command):
    """Command that has every key of the section `measure` as an option, as the schema describes it."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the section, then those of the command itself."""
        from nernstfit.contract.schema import schema  # noqa: PLC0415 - reading it would slow down every command

        own = super().get_params(ctx)
        keys = schema()["properties"]["measure"]["properties"]
        options = [click.Option([f"--{key.replace('_', '-')}", key], help=_help(rule)) for key, rule in keys.items()]
        return [
            *(one for one in own if isinstance(one, click.Argument)),
            *options,
            *(one for one in own if not isinstance(one, click.Argument)),
        ]


def _help(rule: Mapping[str, Any]) -> str:
    """Return the description of a key with its unit and its allowed values."""
    unit = f" In {rule['unit']}." if "unit" in rule else ""
    return str(rule["description"]) + unit + (f" One of {', '.join(rule['enum'])}." if "enum" in rule else "")


@click.command(
    cls=_WithMeasureKeys,
    epilog="""\b
Examples:
  nernstfit measure cell1.abf --epoch B
  nernstfit measure tails.abf --epoch F --from-ms 4 --to-ms 10 --json
  nernstfit measure two_amplifiers.abf --epoch D --channel 1 --sweeps 0-12""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sweeps", help="Sweeps to use, from 0, like 0-12,15.")
@click.option("--subtract", default="", help="The recording of the background.")
@click.option(
    "--series-resistance-MOhm",
    "series_resistance_MOhm",
    type=Quantity(("recordings", "series_resistance_MOhm")),
    help="Uncompensated resistance.",
)
@click.option(
    "--capacitance-pF",
    "capacitance_pF",
    type=Quantity(("recordings", "capacitance_pF")),
    help="Capacitance of the membrane, for ramps.",
)
@click.option(
    "--configuration",
    type=click.Choice([each.value for each in Configuration]),
    default=Configuration.WHOLE_CELL.value,
    show_default=True,
    help="Recording configuration, which decides the sign of the membrane potential.",
)
@temperature_option("Of the bath, for RT/F.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def measure(file: Path, as_json: bool, **options: Any) -> None:
    """Measure the reversal potential of FILE, as commanded, by the workflow's own stages.

    Prints the columns of results/reversal_potentials.csv, without a junction potential, and the findings that a run
    would have on the measurement (in JSON as `warnings`).
    Exit status 0 means a verdict, 1 a file or an option that cannot be used.
    """
    from nernstfit.contract.codes import Code  # noqa: PLC0415
    from nernstfit.judgement.judge import rows  # noqa: PLC0415
    from nernstfit.library import recording as calculation  # noqa: PLC0415

    patch = calculation.PatchProperties(
        **{each.name: options.pop(each.name) for each in dataclasses.fields(calculation.PatchProperties)}
    )
    given = {name: value for name, value in options.items() if value is not None}
    measured = calculation.measure_and_judge(str(file), given, patch)
    found, findings = measured.values, measured.findings
    known = {name: value for name, value in found.items() if value == value}
    if as_json:
        values = {name: known.get(name) for name in found}
        click.echo(json.dumps(values | {"warnings": list(rows(findings))}))
    else:
        for name, value in known.items():
            if value != "":
                click.echo(f"{name:16}{cell(value)}")
        # The verdict and its reason stand above.
        for finding in findings:
            if finding.code is not Code.REFUSED:
                click.echo(f"{finding.severity:16}{finding}")
    sys.exit(1 if found["verdict"] == PotentialVerdict.UNREADABLE else 0)
