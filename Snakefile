# nernstfit: from ABF recordings and a table of solutions to permeability ratios and a report.
# Run it in an experiment folder: snakemake --snakefile <here>/Snakefile --directory <folder>
from snakemake.exceptions import WorkflowError

from nernstfit import experiment as experiments
from nernstfit.errors import InputError


configfile: "config/config.yaml"


try:
    experiment = experiments.load(config)
except InputError as fault:
    raise WorkflowError(str(fault)) from None


# Potentials come from recordings, or were measured elsewhere.
for rules_of in ("ingest", "measure") if experiment.settings.recordings else ("adopt",):

    include: f"workflow/rules/{rules_of}.smk"


include: "workflow/rules/correct.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.correct.input.measured,
        rules.report.input.iv,
        rules.solutions.output,
        rules.correct.output,
        rules.thermodynamics.output,
        rules.fit.output,
        rules.report.output,
        rules.conclude.output,
