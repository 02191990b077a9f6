# In: the recordings of one batch of consecutive rows of the table, and the stimulus files that they name.
# Out: results/ingest/<batch>/points, facts and traces; nothing else ever reads a recording.


wildcard_constraints:
    batch=r"\d+",


if workflow.is_main_process:
    dependencies.record_batches()


rule ingest:
    input:
        recordings=dependencies.recordings,
        reads=BATCH_RECORD,
        code=code("ingest"),
    output:
        points="results/ingest/{batch}/points.parquet",
        facts="results/ingest/{batch}/facts.parquet",
        traces="results/ingest/{batch}/traces.parquet",
        made="results/ingest/made/ingest.{batch}.json",
    log:
        "logs/ingest/{batch}.log",
    threads: 1
    script:
        "../scripts/ingest.py"
