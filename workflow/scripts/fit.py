"""Bind the rule `fit` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import fit

fit.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
