-- One row per lead that is not the oldest of its kind in its campaign: same place_id, or same name and phone.
{%- set keys = {
    'place': [blank_to_null('place_id')],
    'name_and_phone': [name_key('business_name'), phone_key('phone')],
} %}
{%- set kinds = {} %}
{%- for kind, expressions in keys.items() %}
{%- set partition = 'partition by campaign_id, ' ~ expressions | join(', ') %}
{%- do kinds.update({kind: partition ~ ' order by created_at, lead_id'}) %}
{%- endfor %}
-- The leads are read twice, because what a CTE gives twice is computed for all campaigns, whichever is asked for.
with candidates as (

    {% for kind, window in kinds.items() -%}
    select
        lead_id,
        campaign_id,
        first_value(lead_id) over ({{ window }}) as candidate_id,
        first_value(created_at) over ({{ window }}) as candidate_created_at
    from {{ ref('int_leads_unioned') }}
    where
        campaign_id is not null
        {%- for expression in keys[kind] %}
        and {{ expression }} is not null
        {%- endfor %}
    {% if not loop.last %}
    union all

    {% endif %}
    {%- endfor %}

),

ranked as (

    select
        lead_id,
        campaign_id,
        candidate_id,
        -- by campaign too, so that a filter on the campaign reaches the leads
        row_number() over (partition by campaign_id, lead_id order by candidate_created_at, candidate_id) as age_rank
    from candidates
    where lead_id <> candidate_id

),

oldest as (

    select
        lead_id,
        campaign_id,
        candidate_id as duplicate_of
    from ranked
    where age_rank = 1

)

select * from oldest
