"""Bind the rule `judge` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import judge

judge.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
