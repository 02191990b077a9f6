# In: the table of reversal potentials and the table of solutions.
# Out: permeability ratios and their intervals, cells, models, residuals, Nernst slopes, the correction ladder,
# comparisons of groups, tests of validity and the error budget.


rule fit:
    input:
        reversals="results/reversal_potentials.csv",
        code=code("fit"),
    output:
        permeabilities="results/permeabilities.csv",
        cells="results/cells.csv",
        models="results/models.csv",
        residuals="results/residuals.csv",
        nernst_slopes="results/nernst_slopes.csv",
        corrections="results/corrections.csv",
        intervals="results/intervals.csv",
        comparisons="results/comparisons.csv",
        tests="results/tests.csv",
        error_budget="results/error_budget.csv",
    log:
        "logs/fit.log",
    threads: 1
    params:
        reads=dependencies.fingerprint("fit"),
    script:
        "../scripts/fit.py"
