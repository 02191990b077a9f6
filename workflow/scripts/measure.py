"""Bind the rule `measure` to its stage."""

from nernstfit import experiment
from nernstfit.stages import measure

measure.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
)
