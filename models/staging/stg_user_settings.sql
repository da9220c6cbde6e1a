select
    -- ids
    user_id,

    -- text
    {{ malformed_fields({
        'notification_settings': 'object',
        'notification_settings.budget_alert_threshold': 'number',
    }) }} as malformed_fields,

    -- numerics
    daily_budget_limit,
    monthly_budget_limit,
    cast(
        {{ json_number('notification_settings', ['budget_alert_threshold']) }} as numeric(18, 4)
    ) as budget_alert_threshold,

    -- timestamps
    created_at,
    updated_at

from ({{ read_source('user_settings') }}) as recorded
where user_id is not null
