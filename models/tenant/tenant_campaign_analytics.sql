{{ tenant_view('campaign_analytics') }}
