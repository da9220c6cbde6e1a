-- One row per campaign, user that the calls record, date and hour with a call.
{{ usage_with_live_part('campaign_usage_hourly', 'hour') }}
