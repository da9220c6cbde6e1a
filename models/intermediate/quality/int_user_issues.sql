with settings as (

    select
        *,
        user_id as record_id,
        'user_settings' as source_table,
        cast(null as {{ type_uuid() }}) as campaign_id
    from {{ ref('stg_user_settings') }}

),

issues as (

    {{ issue(
        'malformed_json_field', 'warning', 'settings',
        where='malformed_fields is not null',
        details='malformed_fields',
    ) }}

)

select * from issues
