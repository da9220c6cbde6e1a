{{ tenant_view('enhanced_leads', rows=tenant_leads()) }}
