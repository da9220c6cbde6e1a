{#
  A hash of campaign, service and endpoint: records of one call have it in common. A part that one of the two logs has
  no column for is left out, because it would keep every record of that log from its other half. A hash, because
  sorting millions of numbers takes a fraction of the time that texts take.
#}
{% macro pairing_key(campaign_id, api_service, endpoint) -%}
    {%- set compared = columns_of_both_logs(['campaign_id', 'endpoint']) -%}
    {%- set parts = [] -%}
    {%- for column, part in {'campaign_id': campaign_id, 'endpoint': endpoint}.items() -%}
        {%- if column in compared -%}
            {%- do parts.append("coalesce(cast(" ~ part ~ " as " ~ dbt.type_string() ~ "), '')") -%}
        {%- else -%}
            {%- do parts.append("''") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ hash_number(dbt.concat([parts[0], "'|'", api_service, "'|'", parts[1]])) }}
{%- endmacro %}


{# Whether campaign, service and endpoint are all compared. #}
{% macro pairs_need_one_campaign() %}
    {{ return(columns_of_both_logs(['campaign_id', 'endpoint']) | length == 2) }}
{% endmacro %}


{# Those of the columns that no log lacks. A log that is not there lacks none, because nothing pairs with it. #}
{% macro columns_of_both_logs(columns) %}
    {% set usage_columns, log_columns = source_columns('api_usage'), source_columns('api_usage_log') %}
    {% if not usage_columns or not log_columns %}{{ return(columns) }}{% endif %}
    {{ return(columns | select('in', usage_columns) | select('in', log_columns) | list) }}
{% endmacro %}
