{% macro latest_plausible_time() -%}
    {{ seconds_later('current_timestamp', 60 * var('clock_skew_tolerance_minutes')) }}
{%- endmacro %}
