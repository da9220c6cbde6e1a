"""The parts of the benchmark; `benchmark.py`, beside this package, is its command line.

`source` makes the database, `panels` has the questions, `contenders` answers them in four ways, `dbt_runs` times dbt,
`size` measures one number of calls with all of these, `structure` counts files, `goals` judges, `report` and `plot`
write.
"""
