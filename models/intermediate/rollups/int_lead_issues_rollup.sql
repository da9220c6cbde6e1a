-- depends_on: {{ ref('int_lead_keys_rollup') }}
{{ lead_issues_kept(rollup_window()) }}
