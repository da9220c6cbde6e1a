-- One row per lead that has an e-mail or a social profile and is not in the rollup yet.
with contacts as (

    {{ lead_contacts(window_filter('live', rollup='int_lead_contacts_rollup')) }}

)

select *
from contacts
where {{ is_live('int_lead_contacts_rollup') }}
