"""Bind the rule `fit` to its stage."""

from nernstfit import experiment
from nernstfit.stages import fit

fit.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
)
