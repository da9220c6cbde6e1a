-- One row per lead that has an e-mail or a social profile.
with live as (

    {{ lead_contacts(window_filter('live', rollup='int_lead_contacts_rollup')) }}

)

select * from {{ ref('int_lead_contacts_rollup') }}
union all
select * from live
where {{ is_live('int_lead_contacts_rollup', 'block') }}
