select
    cast({{ dbt.date_trunc('month', 'date') }} as date) as month_start,
    sum(usage_cost) as in_api_usage,
    sum(log_cost) as in_api_usage_log,
    sum(tracking_cost) as in_api_cost_tracking,
    sum(counted_cost) as counted_once,
    sum(double_count_avoided) as double_count_avoided
from {{ ref('api_usage_reconciliation') }}
where date <= {{ local_date('current_timestamp') }}
group by cast({{ dbt.date_trunc('month', 'date') }} as date)
order by month_start desc
