"""Bind the rule `thermodynamics` to its stage."""

from nernstfit import experiment
from nernstfit.stages import thermodynamics

thermodynamics.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
)
