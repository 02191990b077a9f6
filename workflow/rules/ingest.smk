# In: the recordings of one batch of consecutive rows of the table, and the stimulus files that they name.
# Out: results/ingest/<batch>/points, facts and traces; nothing else ever reads a recording.


wildcard_constraints:
    batch=r"\d+",


rule ingest:
    input:
        recordings=dependencies.recordings,
        reads=dependencies.record_batches(),
        code=code("ingest"),
    output:
        points="results/ingest/{batch}/points.parquet",
        facts="results/ingest/{batch}/facts.parquet",
        traces="results/ingest/{batch}/traces.parquet",
    log:
        "logs/ingest/{batch}.log",
    threads: 1
    script:
        "../scripts/ingest.py"
