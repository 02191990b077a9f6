"""Bind the rule `correct` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import correct

correct.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
