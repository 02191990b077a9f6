# In: the rows of the table of potentials that were measured elsewhere.
# Out: the same as from `measure`, whose place it takes; there is no I-V curve.


rule adopt:
    input:
        code=experiments.code("stages.adopt"),
    output:
        measured="results/ingest/measured.parquet",
        iv="results/iv.csv",
    log:
        "logs/adopt.log",
    threads: 1
    params:
        reads=experiment.reads("adopt"),
    script:
        "../scripts/adopt.py"
