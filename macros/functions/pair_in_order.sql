{#
  Pairs of the records of two logs, given as arrays in time order: first with first, each at most once, at most the
  tolerance apart. This is the largest number of pairs there can be.
#}
{% macro pair_in_order(usage_ids, usage_times, log_ids, log_times) %}
    {{- return(adapter.dispatch('pair_in_order', 'leadgen_analytics')(usage_ids, usage_times, log_ids, log_times)) -}}
{% endmacro %}


{% macro postgres__pair_in_order(usage_ids, usage_times, log_ids, log_times) -%}
    {{ function_name('pair_in_order') }}(
        {{ usage_ids }}, {{ usage_times }}, {{ log_ids }}, {{ log_times }},
        {{ var('api_log_match_tolerance_seconds') }} * interval '1 second'
    )
{%- endmacro %}


{# A loop, because "the first that is still free" is a state that no window function carries from row to row. #}
{% macro pair_in_order_definition() -%}
    {{ function_name('pair_in_order') }}(
        usage_ids uuid[], usage_times timestamptz[], log_ids uuid[], log_times timestamptz[], tolerance interval
    ) returns table (api_usage_id uuid, api_usage_log_id uuid)
    language plpgsql stable parallel safe rows 20 as $function$
    declare
        u integer := 1;
        l integer := 1;
    begin
        while u <= cardinality(usage_ids) and l <= cardinality(log_ids) loop
            if log_times[l] - usage_times[u] > tolerance then
                u := u + 1;
            elsif usage_times[u] - log_times[l] > tolerance then
                l := l + 1;
            else
                api_usage_id := usage_ids[u];
                api_usage_log_id := log_ids[l];
                return next;
                u := u + 1;
                l := l + 1;
            end if;
        end loop;
    end
    $function$
{%- endmacro %}
