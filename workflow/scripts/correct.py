"""Bind the rule `correct` to its stage."""

from nernstfit import experiment
from nernstfit.stages import correct

correct.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
)
