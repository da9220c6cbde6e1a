{{ tenant_view('campaign_performance_daily') }}
