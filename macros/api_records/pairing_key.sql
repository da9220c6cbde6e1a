{#
  A hash of campaign, service and endpoint: records of one call have it in common. A part that one of the two logs has
  no column for is left out, because it would keep every record of that log from its other half. A hash, because
  sorting millions of numbers takes a fraction of the time that texts take.
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
    {{ hash_number(dbt.concat([parts[0], "'|'", api_service, "'|'", parts[1]])) }}
{%- endmacro %}


{# Whether campaign, service and endpoint are all compared. #}
{% macro pairs_need_one_campaign() %}
    {% set usage_columns, log_columns = source_columns('api_usage'), source_columns('api_usage_log') %}
    {% for column in ['campaign_id', 'endpoint'] if usage_columns and log_columns %}
        {% if column not in usage_columns or column not in log_columns %}{{ return(false) }}{% endif %}
    {% endfor %}
    {{ return(true) }}
{% endmacro %}
