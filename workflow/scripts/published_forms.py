"""Bind the rule `published_forms` to its stage."""

from nernstfit.stages import published_forms
from nernstfit.workflow import bind

published_forms.run(*bind(snakemake))
