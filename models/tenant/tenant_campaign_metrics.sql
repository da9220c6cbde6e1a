{{ tenant_view('campaign_metrics', owner='campaign') }}
