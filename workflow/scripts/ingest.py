"""Bind the rule `ingest` to its stage."""

from nernstfit.stages import ingest
from nernstfit.workflow import batch, bind

inputs, outputs, experiment = bind(snakemake)
ingest.run(inputs, outputs, batch(experiment, snakemake.wildcards.batch))
