-- One row per day. MetricFlow joins what it adds up over time to them.
select cast(date_day as date) as date_day
from (
    {{ dbt.date_spine('day', "cast('2015-01-01' as date)", "cast('2050-01-01' as date)") }}
) as spine
where date_day <= {{ local_date('current_timestamp') }}
