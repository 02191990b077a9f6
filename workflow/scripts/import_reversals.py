"""Bind the rule `import_reversals` to its stage."""

from nernstfit.stages import import_reversals
from nernstfit.workflow import bind

import_reversals.run(*bind(snakemake))
