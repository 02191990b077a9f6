# In: points and facts of all batches.
# Out: what was measured of every row, on the pipette's command, and the I-V curves.


rule measure:
    input:
        points=expand(
            "results/ingest/{batch}/points.parquet", batch=dependencies.batches
        ),
        facts=expand("results/ingest/{batch}/facts.parquet", batch=dependencies.batches),
        reads=dependencies.record("measure"),
        code=code("measure"),
    output:
        measured="results/ingest/measured.parquet",
        iv=report(
            "results/iv.csv",
            caption="../report/iv.rst",
            category="Reversal potentials",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/measure.json",
    log:
        "logs/measure.log",
    threads: 1
    script:
        "../scripts/measure.py"
