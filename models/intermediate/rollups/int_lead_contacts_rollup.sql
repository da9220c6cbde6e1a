{%- set window = rollup_window() -%}
with contacts as (

    {{ lead_contacts(window_filter(window)) }}

)

select *
from contacts
where {{ in_window(window) }}
