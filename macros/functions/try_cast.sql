{% macro try_cast(expression, type) %}
    {{- return(adapter.dispatch('try_cast', 'leadgen_analytics')(expression, type)) -}}
{% endmacro %}


{# Postgres has no try_cast. Slow (a subtransaction a row), so only a column of an unexpected type pays for it. #}
{% macro postgres__try_cast(expression, type) -%}
    nullif({{ function_name('try_cast') }}(cast({{ expression }} as text), '{{ type }}'), 'NaN')
{%- endmacro %}


{#
  Parallel unsafe, because an exception block is a subtransaction, which no parallel plan may start. The time zone,
  because a time without one is in UTC whoever asks. The search path, because a view calls the function as whoever queries
  it, who may have a type or an operator of the same name that tells what it is given.
#}
{% macro try_cast_definition() -%}
    {{ function_name('try_cast') }}(value text, type text) returns text
    language plpgsql stable parallel unsafe
    set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' as $function$
    declare
        result text;
    begin
        execute format('select cast(cast($1 as %s) as text)', type) into result using value;
        return result;
    exception when data_exception or program_limit_exceeded then
        return null;
    end
    $function$
{%- endmacro %}
