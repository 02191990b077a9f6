# In: the table of reversal potentials and the table of solutions.
# Out: permeability ratios and their intervals, cells, models, residuals, Nernst slopes, the correction ladder,
# comparisons of groups, tests of validity and the error budget; the configured model as lmfit reports it.


rule fit:
    input:
        reversals="results/reversal_potentials.csv",
        reads=dependencies.record("fit"),
        code=code("fit"),
    output:
        **{name: table.path for name, table in tables.written_by("fit").items()},
        fit_report="results/fit_report.txt",
    log:
        "logs/fit.log",
    threads: 1
    script:
        "../scripts/fit.py"
