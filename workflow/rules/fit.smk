# In: the table of reversal potentials and the table of solutions.
# Out: permeability ratios and their intervals, cells, models, residuals, Nernst slopes, the correction ladder,
# comparisons of groups, tests of validity and the error budget; the configured model as lmfit reports it. Then the
# ratios in the forms in which papers print them.


rule fit:
    input:
        reversals="results/reversal_potentials.csv",
        reads=dependencies.record("fit"),
        code=code("fit"),
    output:
        **{
            name: report(
                table.path,
                caption=f"../report/{name}.rst",
                category="Permeability ratios",
                subcategory=dependencies.name,
            )
            for name, table in tables.written_by("fit").items()
        },
        fit_report=report(
            "results/fit_report.txt",
            caption="../report/fit_report.rst",
            category="Permeability ratios",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/fit.json",
    log:
        "logs/fit.log",
    threads: 1
    script:
        "../scripts/fit.py"


rule published_forms:
    input:
        permeabilities="results/permeabilities.csv",
        models="results/models.csv",
        residuals="results/residuals.csv",
        activity_corrections="results/activity_corrections.csv",
        reversals="results/reversal_potentials.csv",
        iv="results/iv.csv",
        reads=dependencies.record("published_forms"),
        code=code("published_forms"),
    output:
        published_forms=report(
            "results/published_forms.csv",
            caption="../report/published_forms.rst",
            category="Permeability ratios",
            subcategory=dependencies.name,
        ),
        made="results/ingest/made/published_forms.json",
    log:
        "logs/published_forms.log",
    threads: 1
    script:
        "../scripts/published_forms.py"
