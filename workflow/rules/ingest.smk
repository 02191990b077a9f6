# In: the recordings of one batch of consecutive rows of the table.
# Out: results/ingest/<batch>/points, facts and traces; nothing else ever reads a recording.


wildcard_constraints:
    batch=r"\d+",


rule ingest:
    input:
        recordings=experiment.recordings_of,
        code=experiments.code("stages.ingest"),
    output:
        points="results/ingest/{batch}/points.parquet",
        facts="results/ingest/{batch}/facts.parquet",
        traces="results/ingest/{batch}/traces.parquet",
    log:
        "logs/ingest/{batch}.log",
    threads: 1
    params:
        reads=experiment.batch_reads,
    script:
        "../scripts/ingest.py"
