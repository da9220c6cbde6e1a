{{ tenant_view('budget_status') }}
