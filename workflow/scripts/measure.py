"""Bind the rule `measure` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import measure

measure.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
