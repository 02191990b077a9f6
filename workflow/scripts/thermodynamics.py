"""Bind the rule `thermodynamics` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import thermodynamics

thermodynamics.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
