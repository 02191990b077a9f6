"""Commands for recordings: inspect, measure and command."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nernstfit.commands.options import Quantity, cell, show_rows, temperature_option, without_nan
from nernstfit.contract.errors import InputError
from nernstfit.contract.terms import Configuration, PotentialVerdict

if TYPE_CHECKING:
    from nernstfit.contract.findings import Finding
    from nernstfit.contract.settings import Measure

# Columns of the tables on several recordings.
_INSPECTED = ("recording", "epoch", "row", "verdict", "reversal_mV", "low_mV", "high_mV", "reason")
_MEASURED = ("recording", "epoch", "verdict", "reversal_mV", "se_mV", "low_mV", "high_mV", "slope_nS", "reason")

_FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
_CHANNEL = click.option("--channel", help="Name or number of the ADC that carries the current.")
_COMMAND = click.option("--command", help="Name or number of the DAC that drives the cell.")


@click.command(
    epilog="""\b
Examples:
  nernstfit inspect cell1.abf
  nernstfit inspect cell1.abf --channel "IN 1" --plot cell1.png
  nernstfit inspect *.abf"""
)
@_FILES
@_CHANNEL
@_COMMAND
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write current and command as PNG.")
def inspect(files: tuple[Path, ...], channel: str | None, command: str | None, plot: Path | None) -> None:
    """List the contents of a recording: channels, outputs, epochs sweep by sweep, tags, and the command in use.

    First it proposes for each epoch the columns of recordings.csv that measure it, with the reason, the command line
    that does so at once, and what this gives. Of several FILES, one table has these columns and what they give; its
    exit status is 1 where a file cannot be used.
    """
    how = _how(channel, command)
    if len(files) > 1:
        if plot is not None:
            raise InputError(f"--plot: got {len(files)} recordings, expected one")
        sys.exit(_inspect_several(files, how))
    _inspect_one(files[0], how, plot)


def _how(channel: str | None, command: str | None) -> Measure:
    """Return the default of measuring, with the channel and the command that are asked for."""
    from nernstfit.contract import settings  # noqa: PLC0415

    given = {name: value for name, value in (("channel", channel), ("command", command)) if value is not None}
    return settings.measure_for(settings.default_measure(), given, "--{}".format)


def _inspect_one(file: Path, how: Measure, plot: Path | None) -> None:
    from nernstfit.abf import describe, proposals, read  # noqa: PLC0415
    from nernstfit.contract.errors import RecordingError  # noqa: PLC0415
    from nernstfit.library import recording as calculation  # noqa: PLC0415

    recording = read.read(file)
    try:
        proposed = proposals.proposals(recording, how)
    except RecordingError:  # the last line of the description is its sentence
        proposed = ()
    lines = proposals.described(proposed, str(file), lambda found: calculation.outcome(str(file), found.columns))
    for line in describe.describe(recording, how, lines):
        click.echo(line)
    if plot is not None:
        from nernstfit.abf.columns import TRACES, trace_columns  # noqa: PLC0415
        from nernstfit.contract.frames import table  # noqa: PLC0415
        from nernstfit.figures.recordings import draw_sweeps  # noqa: PLC0415

        course = table([trace_columns(recording.path.name, describe.sweep_traces(recording, how))], TRACES)
        try:
            plot.write_bytes(draw_sweeps(course).png)
        except OSError as fault:
            raise InputError(f"--plot: got '{plot}', which cannot be written: {fault.strerror}") from None


def _inspect_several(files: Sequence[Path], how: Measure) -> int:
    """Print a row for each epoch that could be measured; returns 1 where a file cannot be used, else 0."""
    from nernstfit.abf import proposals, read  # noqa: PLC0415
    from nernstfit.contract.errors import RecordingError  # noqa: PLC0415
    from nernstfit.library import recording as calculation  # noqa: PLC0415

    rows, status = [], 0
    for file in files:
        try:
            found = proposals.proposals(read.read(file), how)
        except RecordingError as fault:
            status = 1
            rows.append({"recording": str(file), "reason": str(fault)})
            continue
        varying = [each for each in found if each.kind is not proposals.Kind.CONSTANT] or found
        for each in varying:
            row = {"recording": str(file), "epoch": each.epoch, "row": each.row}
            if each.columns:
                row |= calculation.measure(str(file), each.columns, calculation.usual_patch())
            rows.append(row if each.columns else row | {"reason": each.sentence})
    show_rows([{name: row.get(name, "") for name in _INSPECTED} for row in rows], as_json=False, digits=4)
    return status


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
  nernstfit measure two_amplifiers.abf --epoch D --channel 1 --sweeps 0-12
  nernstfit measure *.abf --epoch B""",
)
@_FILES
@click.option("--sweeps", help="Sweeps to use, counted from 0, like 0-12,15.")
@click.option("--subtract", default="", help="The recording of the background, which is subtracted.")
@click.option(
    "--series-resistance-MOhm",
    "series_resistance_MOhm",
    type=Quantity(("recordings", "series_resistance_MOhm")),
    help="Uncompensated series resistance. In MOhm.",
)
@click.option(
    "--capacitance-pF",
    "capacitance_pF",
    type=Quantity(("recordings", "capacitance_pF")),
    help="Capacitance of the membrane, for ramps. In pF.",
)
@click.option(
    "--configuration",
    type=click.Choice([each.value for each in Configuration]),
    default=Configuration.WHOLE_CELL.value,
    show_default=True,
    help="Recording configuration, which decides the sign of the membrane potential.",
)
@temperature_option("Temperature of the bath, for RT/F. In C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, or a list of them for several files.")
def measure(files: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Measure the reversal potential of a recording, as commanded, by the workflow's own stages.

    Prints the columns of results/reversal_potentials.csv, without a junction potential, and the findings that a run
    would have on the measurement (in JSON as `warnings`); of several FILES, one table with a row for each.
    Exit status 0 means a verdict for every file, 1 a file or an option that cannot be used.
    """
    from nernstfit.contract.findings import warning_rows  # noqa: PLC0415
    from nernstfit.library import recording as calculation  # noqa: PLC0415

    patch = calculation.PatchProperties(
        **{each.name: options.pop(each.name) for each in dataclasses.fields(calculation.PatchProperties)}
    )
    given = {name: value for name, value in options.items() if value is not None}
    measured = [calculation.measure_and_judge(str(file), given, patch) for file in files]
    if as_json:
        objects = [
            without_nan(dict(each.values)) | {"warnings": list(warning_rows(each.findings))} for each in measured
        ]
        click.echo(json.dumps(objects if len(files) > 1 else objects[0]))
    elif len(files) > 1:
        show_rows([{name: each.values[name] for name in _MEASURED} for each in measured], as_json=False, digits=4)
        for file, each in zip(files, measured, strict=True):
            _show_findings(each.findings, f"{file}: ")
    else:
        shown = {name: value for name, value in measured[0].values.items() if value == value and value != ""}
        width = max(map(len, shown)) + 2
        for name, value in shown.items():
            click.echo(f"{name:{width}}{cell(value)}")
        _show_findings(measured[0].findings, "", width)
    sys.exit(any(each.values["verdict"] == PotentialVerdict.UNREADABLE for each in measured))


def _show_findings(findings: Iterable[Finding], place: str, width: int = 0) -> None:
    """Print findings but for the verdict and its reason, which stand in the row."""
    from nernstfit.contract.codes import Code  # noqa: PLC0415

    for finding in findings:
        if finding.code is not Code.REFUSED:
            click.echo(f"{place}{finding.severity}: {finding}" if place else f"{finding.severity:{width}}{finding}")


@click.command(
    "command",
    epilog="""\b
Examples:
  nernstfit command cell1.abf
  nernstfit command cell1.abf --csv > cell1_command.csv""",
)
@click.argument("file", type=click.Path(path_type=Path))
@_CHANNEL
@_COMMAND
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Write every sample: sweep, epoch, time_ms from the start of the sweep, and command_mV (empty if unknown).",
)
def command_of(file: Path, channel: str | None, command: str | None, as_csv: bool) -> None:
    """Write the command voltage of FILE sweep by sweep, as it is rebuilt from the header. In mV.

    Holding, steps, ramps, increments, user lists, levels that are kept between sweeps, and stimulus files are played as
    the amplifier got them. Without --csv, one line for each sweep has the level, start and length of every epoch.
    """
    from nernstfit.abf import describe, playback, read  # noqa: PLC0415

    how, recording = _how(channel, command), read.read(file)
    if as_csv:
        playback.write(recording, how, sys.stdout)
        return
    for line in describe.epochs(recording, playback.driving(recording, how)[0]):
        click.echo(line)
