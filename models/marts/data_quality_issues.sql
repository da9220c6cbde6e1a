with issues as (

    {% for model in [
        ref('int_campaign_issues'), ref('int_lead_issues'), ref('int_api_issues'), ref('int_user_issues'),
    ] -%}
    select * from {{ model }}
    {% if not loop.last %}union all
    {% endif %}
    {%- endfor %}

)

select
    {{ hash_key(['issue_type', 'source_table', 'record_id']) }} as issue_id,
    issue_type,
    severity,
    source_table,
    record_id,
    campaign_id,
    details,
    detected_for
from issues
