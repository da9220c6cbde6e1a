"""What every Python that a test starts reads first, dbt's and sqlfluff's own programs among them (conftest.py)."""

import gc

gc.set_threshold(100_000)  # as scripts/garbage.py says
