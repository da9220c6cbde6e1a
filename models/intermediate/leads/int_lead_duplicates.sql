-- One row per lead that is not the oldest of its kind in its campaign: same place_id, or same name and phone.
with leads as (

    {{ lead_keys(window_filter('live', rollup='int_lead_keys_rollup')) }}

),

live as (

    select *
    from leads
    where {{ is_live('int_lead_keys_rollup') }}

),

live_keys as (

    {{ keys_of_leads('live') }}

),

-- of both sides of the watermark: a lead that is dated far ahead is in the rollup, and younger than a live one
alike as (

    select * from live_keys
    {%- for key in ['place_key', 'name_key'] %}
    union all
    select
        rolled_up.{{ key }} as shared_key,
        rolled_up.lead_id,
        rolled_up.source_table,
        rolled_up.campaign_id,
        rolled_up.created_at
    from (select distinct shared_key from live_keys) as wanted
    inner join {{ ref('int_lead_keys_rollup') }} as rolled_up
        on wanted.shared_key = rolled_up.{{ key }}
    {%- endfor %}

),

older as (

    {{ older_leads('alike') }}
    union all
    select
        lead_id,
        source_table,
        campaign_id,
        created_at,
        duplicate_of as original_id,
        original_created_at
    from {{ ref('int_lead_keys_rollup') }}
    where duplicate_of is not null

),

oldest as (

    {{ oldest_leads('older') }}

)

select
    lead_id,
    source_table,
    campaign_id,
    created_at,
    original_id as duplicate_of
from oldest
