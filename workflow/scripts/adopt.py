"""Bind the rule `adopt` to its stage."""

from nernstfit import experiment
from nernstfit.stages import adopt

adopt.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
)
