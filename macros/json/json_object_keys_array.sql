{# The keys of an object as a JSON array, in alphabetical order; NULL if the value is no object. #}
{% macro json_object_keys_array(column) %}
    {{- return(adapter.dispatch('json_object_keys_array', 'leadgen_analytics')(column)) -}}
{% endmacro %}


{% macro postgres__json_object_keys_array(column) -%}
    case
        when jsonb_typeof({{ column }}) = 'object'
            then (select coalesce(jsonb_agg(key order by key), '[]') from jsonb_object_keys({{ column }}) as keys (key))
    end
{%- endmacro %}
