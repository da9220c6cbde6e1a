{{ tenant_view('lead_qualification_metrics') }}
