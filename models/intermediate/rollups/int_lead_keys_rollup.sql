-- Whether a lead is a duplicate is looked at anew wherever one of its keys is that of a lead that has changed, or was.
{% set window = rollup_window() -%}
with leads as (

    {{ lead_keys(window_filter(window)) }}

),

looked_at as (

    select *
    from leads
    where {{ in_window(window) }}

),

{%- if window is none %}

written as (

    select * from looked_at

),

alike as (

    {{ keys_of_leads('looked_at') }}

),
{%- else %}

replaced as (

    select *
    from {{ this }}
    where {{ in_periods(window, 'block') }}

),

changed as (

    {{ keys_of_leads('replaced') }}
    union all
    {{ keys_of_leads('looked_at') }}

),

written as (

    select * from looked_at
    union all
    (
        {{ kept_leads_of_keys('changed', window) }}
    )

),

keys_of_written as (

    {{ keys_of_leads('written') }}

),

-- a lead that is written because of one key may have an older one with its other key
compared as (

    select * from looked_at
    union all
    (
        {{ kept_leads_of_keys('keys_of_written', window) }}
    )

),

alike as (

    {{ keys_of_leads('compared') }}

),
{%- endif %}

older as (

    {{ older_leads('alike') }}

),

oldest as (

    {{ oldest_leads('older') }}

)

select
    written.*,
    oldest.original_id as duplicate_of,
    oldest.original_created_at
from written
left join oldest
    on written.lead_id = oldest.lead_id
