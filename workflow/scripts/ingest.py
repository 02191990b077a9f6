"""Bind the rule `ingest` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import ingest

ingest.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
    snakemake.wildcards.batch,
)
