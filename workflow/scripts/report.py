"""Bind the rule `report` to its stage."""

from nernstfit import experiment
from nernstfit.stages import report

report.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
)
