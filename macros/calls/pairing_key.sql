{#
  Campaign, service and endpoint as one text: records of one call have it in common. A part that one of the two logs has
  no column for is left out, because it would keep every record of that log from its other half.
#}
{% macro pairing_key(campaign_id, api_service, endpoint) -%}
    {%- set usage_columns, log_columns = source_columns('api_usage'), source_columns('api_usage_log') -%}
    {%- set parts = [] -%}
    {%- for column, part in {'campaign_id': campaign_id, 'endpoint': endpoint}.items() -%}
        {%- if not usage_columns or not log_columns or (column in usage_columns and column in log_columns) -%}
            {%- do parts.append("coalesce(cast(" ~ part ~ " as " ~ dbt.type_string() ~ "), '')") -%}
        {%- else -%}
            {%- do parts.append("''") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ text_of([parts[0], "'|'", api_service, "'|'", parts[1]]) }}
{%- endmacro %}
