{{ tenant_view('data_quality_issues', owner='campaign') }}
