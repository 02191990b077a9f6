# In: every other table, and what ingest knows of the recordings.
# Out: the findings that qualify the numbers, heaviest first.


rule judge:
    input:
        results=[
            path
            for path in tables.paths(tables.RESULT)
            if path != tables.WARNINGS.path
        ],
        facts=expand("results/ingest/{batch}/facts.parquet", batch=dependencies.batches),
        reads=dependencies.record("judge"),
        code=code("judge"),
    output:
        warnings=report(
            tables.WARNINGS.path,
            caption="../report/warnings.rst",
            category="Warnings",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/judge.json",
    log:
        "logs/judge.log",
    threads: 1
    script:
        "../scripts/judge.py"
