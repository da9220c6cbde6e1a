select
    cast({{ dbt.date_trunc('month', 'date') }} as date) as month_start,
    case when is_campaign_deleted then 'campaign was deleted' else 'no campaign named' end as reason,
    sum(request_count) as calls,
    sum(total_cost) as total_cost
from {{ ref('api_cost_tracking') }}
where is_campaign_deleted or campaign_id is null
group by
    cast({{ dbt.date_trunc('month', 'date') }} as date),
    case when is_campaign_deleted then 'campaign was deleted' else 'no campaign named' end
order by month_start desc, reason asc
