-- Records that are left of calls in hours that keep their sums, and that those sums count already.
with records as (

    {{ records_of_kept_sums(ref('int_pruned_calls')) }}

)

select distinct
    source_table,
    record_id
from records
