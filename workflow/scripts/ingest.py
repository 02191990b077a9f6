"""Bind the rule `ingest` to its stage."""

from nernstfit.stages import ingest
from nernstfit.workflow import run_job

run_job(snakemake, ingest.run)
