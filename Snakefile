# Run it in an experiment folder: snakemake --snakefile <here>/Snakefile --directory <folder>
include: "workflow/Snakefile"
