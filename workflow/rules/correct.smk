# In: the table of solutions, and what was measured on the pipette's command.
# Out: activities, the ledger of junctions, the table of reversal potentials, and what drives each ion there.


rule solutions:
    input:
        reads=dependencies.record("solutions"),
        code=code("solutions"),
    output:
        solutions="results/solutions.csv",
        junctions="results/junctions.csv",
    log:
        "logs/solutions.log",
    threads: 1
    script:
        "../scripts/solutions.py"


rule correct:
    input:
        measured="results/ingest/measured.parquet",
        junctions="results/junctions.csv",
        reads=dependencies.record("correct"),
        code=code("correct"),
    output:
        reversals="results/reversal_potentials.csv",
    log:
        "logs/correct.log",
    threads: 1
    script:
        "../scripts/correct.py"


rule thermodynamics:
    input:
        measured="results/ingest/measured.parquet",
        reversals="results/reversal_potentials.csv",
        reads=dependencies.record("thermodynamics"),
        code=code("thermodynamics"),
    output:
        thermodynamics="results/thermodynamics.csv",
    log:
        "logs/thermodynamics.log",
    threads: 1
    script:
        "../scripts/thermodynamics.py"
