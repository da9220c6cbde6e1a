"""Every mart, computed a second time from the raw source tables, without any of the project's SQL.

The tests hold this computation against the marts that dbt builds: an error would have to be made twice, in two
languages and two styles, to go unseen. It is written from the definitions in DECISIONS.md only.
"""

from .calls import maximum_matching_size, pair_times
from .marts import expected_marts

__all__ = ["expected_marts", "maximum_matching_size", "pair_times"]
