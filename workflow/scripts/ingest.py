"""Bind the rule `ingest` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import ingest
from nernstfit.workflow import batch

ingest.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    batch(folder.load(snakemake.config), snakemake.wildcards.batch),
)
