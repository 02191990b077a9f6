# Run it in an experiment folder: snakemake --snakefile <here>/Snakefile --directory <folder>
include: "workflow/Snakefile"


# Snakemake takes the default target of the outermost file only.
rule default:
    default_target: True
    input:
        rules.all.input,
