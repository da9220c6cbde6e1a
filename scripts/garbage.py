"""Python's collector of garbage, made to leave dbt in peace."""

import gc

NEW_OBJECTS = 100_000
"""Python's own 700 have it look again and again through the millions of objects that dbt reads the project into."""


def collect_seldom() -> None:
    """Takes an eighth off the time that dbt needs to read the project."""
    gc.set_threshold(NEW_OBJECTS)
