select
    discovery_source,
    count(*) as leads,
    count(duplicate_of) as duplicates,
    {{ percentage('sum(case when is_qualified then 1 else 0 end)', 'count(*)') }} as qualified_percentage,
    {{ percentage('sum(case when deliverable_email_count > 0 then 1 else 0 end)', 'count(*)') }}
        as deliverable_email_percentage,
    {{ ratio('sum(total_cost)', 'sum(case when is_qualified then 1 else 0 end)', type=type_money()) }}
        as cost_per_qualified_lead
from {{ ref('enhanced_leads') }}
group by discovery_source
order by leads desc, discovery_source asc
