{{ tenant_view('dashboard_exports') }}
