"""Bind the rule `report` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import report

report.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
