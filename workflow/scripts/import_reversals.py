"""Bind the rule `import_reversals` to its stage."""

from nernstfit.stages import import_reversals
from nernstfit.workflow import run_job

run_job(snakemake, import_reversals.run)
