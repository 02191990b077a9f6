"""Bind the rule `solutions` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import solutions

solutions.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
