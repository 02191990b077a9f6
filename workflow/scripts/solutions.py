"""Bind the rule `solutions` to its stage."""

from nernstfit import experiment
from nernstfit.stages import solutions

solutions.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
)
