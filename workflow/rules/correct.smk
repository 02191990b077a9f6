# In: the table of solutions, and what was measured on the pipette's command.
# Out: activities, the ledger of junctions, the table of reversal potentials, and what drives each ion there.


rule solutions:
    input:
        reads=dependencies.record("solutions"),
        code=code("solutions"),
    output:
        solutions=report(
            "results/solutions.csv",
            caption="../report/solutions.rst",
            category="Solutions and junctions",
            subcategory=dependencies.name,
        ),
        junctions=report(
            "results/junctions.csv",
            caption="../report/junctions.rst",
            category="Solutions and junctions",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/solutions.json",
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
        reversals=report(
            "results/reversal_potentials.csv",
            caption="../report/reversal_potentials.rst",
            category="Reversal potentials",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/correct.json",
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
        thermodynamics=report(
            "results/thermodynamics.csv",
            caption="../report/thermodynamics.rst",
            category="Reversal potentials",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/thermodynamics.json",
    log:
        "logs/thermodynamics.log",
    threads: 1
    script:
        "../scripts/thermodynamics.py"
