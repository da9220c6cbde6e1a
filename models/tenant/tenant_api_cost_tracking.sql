{{ tenant_view('api_cost_tracking') }}
