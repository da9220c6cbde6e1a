{% macro health_status(error_rate) -%}
    case
        when {{ error_rate }} < {{ var('degraded_error_rate') }} then 'healthy'
        when {{ error_rate }} < {{ var('down_error_rate') }} then 'degraded'
        when {{ error_rate }} is not null then 'down'
    end
{%- endmacro %}
