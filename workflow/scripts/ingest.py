"""Bind the rule `ingest` to its stage."""

from nernstfit import experiment
from nernstfit.stages import ingest

ingest.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    experiment.load(snakemake.config),
    snakemake.wildcards.batch,
)
