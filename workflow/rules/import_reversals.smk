# In: the rows of the table of potentials that were measured elsewhere.
# Out: the same as from `measure`, whose place it takes; there is no I-V curve.


rule import_reversals:
    input:
        reads=dependencies.record("import_reversals"),
        code=code("import_reversals"),
    output:
        measured="results/ingest/measured.parquet",
        iv=report(
            "results/iv.csv",
            caption="../report/iv.rst",
            category="Reversal potentials",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/import_reversals.json",
    log:
        "logs/import_reversals.log",
    threads: 1
    script:
        "../scripts/import_reversals.py"
