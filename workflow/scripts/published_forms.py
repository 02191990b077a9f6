"""Bind the rule `published_forms` to its stage."""

from nernstfit.stages import published_forms
from nernstfit.workflow import run_job

run_job(snakemake, published_forms.run)
