-- Sums that the application has deleted with their campaign, as the rollup had them: what is spent stays on the books.
-- Only ever added to, also by a full refresh, because the source cannot give it again.
-- depends_on: {{ ref('int_source_changes') }}
{% set window = rollup_window() -%}
with recorded as (

    {#- as the last run left it; not a ref, because the rollup's next rows are made with these -#}
    {% if window is none %}
    {{ get_empty_schema_sql(model.columns) if execute else 'select 1' }}
    {% else %}
    select *
    from {{ sums_of_last_run() }}
    where {{ in_periods(window, 'utc_hour') }}
    {% endif %}

),

still_there as (

    {% for model, time in {
        'stg_api_usage': 'source_created_at',
        'stg_api_usage_log': 'source_created_at',
        'stg_api_cost_tracking': 'source_date',
    }.items() -%}
    select distinct
        '{{ model[4:] }}' as source_table,
        campaign_id,
        {{ utc_hour('created_at') }} as block_start
    from {{ ref(model) }}
    where campaign_id is not null and {{ window_filter(window, column=time) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select recorded.{{ model.columns | join(', recorded.') }}
from recorded
left join {{ ref('stg_campaigns') }} as campaigns
    on recorded.campaign_id = campaigns.campaign_id
left join still_there
    on
        recorded.source_table = still_there.source_table
        and recorded.campaign_id = still_there.campaign_id
        and recorded.block_start = still_there.block_start
{%- if window %}
left join {{ this }} as known
    on
        recorded.block_start = {{ utc_hour('known.block_start') }}
        and recorded.campaign_id = known.campaign_id
        and recorded.source_table = known.source_table
{%- endif %}
where
    recorded.campaign_id is not null
    {%- if window %}
    and known.campaign_id is null
    {%- endif %}
    and campaigns.campaign_id is null
    and still_there.campaign_id is null
