-- One row per lead that is not the oldest of its kind in its campaign: same place_id, or same name and phone.
with leads as (

    select
        lead_id,
        campaign_id,
        created_at,
        {{ blank_to_null('place_id') }} as place_id,
        {{ name_key('business_name') }} as name_key,
        {{ phone_key('phone') }} as phone_key
    from {{ ref('int_leads_unioned') }}
    where campaign_id is not null

),

candidates as (

    select
        lead_id,
        campaign_id,
        created_at,
        first_value(lead_id) over (
            partition by campaign_id, place_id order by created_at, lead_id
        ) as candidate_id,
        first_value(created_at) over (
            partition by campaign_id, place_id order by created_at, lead_id
        ) as candidate_created_at
    from leads
    where place_id is not null

    union all

    select
        lead_id,
        campaign_id,
        created_at,
        first_value(lead_id) over (
            partition by campaign_id, name_key, phone_key order by created_at, lead_id
        ) as candidate_id,
        first_value(created_at) over (
            partition by campaign_id, name_key, phone_key order by created_at, lead_id
        ) as candidate_created_at
    from leads
    where name_key is not null and phone_key is not null

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
