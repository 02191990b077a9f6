"""Bind the rule `conclude` to its stage; its one sentence is all that a run without a result says."""

import sys

from nernstfit.errors import InputError
from nernstfit.stages import conclude

try:
    conclude.run(dict(snakemake.input.items()), dict(snakemake.output.items()))
except InputError as nothing:
    sys.exit(str(nothing))
