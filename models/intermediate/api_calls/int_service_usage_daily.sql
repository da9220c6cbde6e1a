-- One row per service and date with a record of a call.
with daily as (

    {{ usage_with_live_part('service_usage_daily', 'day') }}

)

select {{ model.columns | join(', ') }}
from daily
