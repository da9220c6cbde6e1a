{#
  Pairs of the records of two tables, given as arrays in time order: first with first, each at most once, at most the
  tolerance apart. This is the largest number of pairs there can be.
#}
{% macro pair_in_order(first_ids, first_times, second_ids, second_times, tolerance_seconds) %}
    {{- return(adapter.dispatch('pair_in_order', 'leadgen_analytics')(first_ids, first_times, second_ids, second_times, tolerance_seconds)) -}}
{% endmacro %}


{% macro postgres__pair_in_order(first_ids, first_times, second_ids, second_times, tolerance_seconds) -%}
    {{ function_name('pair_in_order') }}(
        {{ first_ids }}, {{ first_times }}, {{ second_ids }}, {{ second_times }},
        {{ tolerance_seconds }} * interval '1 second'
    )
{%- endmacro %}


{# A loop, because "the first that is still free" is a state that no window function carries from row to row. #}
{% macro pair_in_order_definition() -%}
    {{ function_name('pair_in_order') }}(
        first_ids uuid[], first_times timestamptz[], second_ids uuid[], second_times timestamptz[], tolerance interval
    ) returns table (first_id uuid, second_id uuid)
    language plpgsql stable parallel safe rows 20 as $function$
    declare
        i integer := 1;
        j integer := 1;
    begin
        while i <= cardinality(first_ids) and j <= cardinality(second_ids) loop
            if second_times[j] - first_times[i] > tolerance then
                i := i + 1;
            elsif first_times[i] - second_times[j] > tolerance then
                j := j + 1;
            else
                first_id := first_ids[i];
                second_id := second_ids[j];
                return next;
                i := i + 1;
                j := j + 1;
            end if;
        end loop;
    end
    $function$
{%- endmacro %}
