# In: every table, and the traces.
# Out: the report, the methods as text, the figures, the manifest, and the description of the folder as an RO-Crate;
# then the verdict of the whole run.


rule report:
    input:
        results=tables.paths(tables.RESULT),
        fit_report="results/fit_report.txt",
        facts=expand("results/ingest/{batch}/facts.parquet", batch=dependencies.batches),
        traces=expand(
            "results/ingest/{batch}/traces.parquet", batch=dependencies.batches
        ),
        kept=dependencies.kept,
        tables=dependencies.input_files,
        reads=dependencies.record("report", dependencies.input_files),
        code=code("report"),
    output:
        report=report(
            "results/report.html",
            caption="../report/report.rst",
            category="Report",
            subcategory=dependencies.name,
        ),
        methods=report(
            "results/methods.txt",
            caption="../report/methods.rst",
            category="Report",
            subcategory=dependencies.name,
        ),
        figures=report(
            directory("results/figures"),
            patterns=["{figure}.svg"],
            caption="../report/figures.rst",
            category="Figures",
            subcategory=dependencies.name,
        ),
        manifest="results/manifest.json",
        datapackage="results/datapackage.json",
        crate="ro-crate-metadata.json",
        made="results/ingest/made/report.json",
    log:
        "logs/report.log",
    threads: 1
    script:
        "../scripts/report.py"


rule check_outcome:
    input:
        reversals="results/reversal_potentials.csv",
        report="results/report.html",
        code=code("check_outcome"),
    output:
        finished="results/ingest/finished.txt",
    log:
        "logs/check_outcome.log",
    threads: 1
    script:
        "../scripts/check_outcome.py"
