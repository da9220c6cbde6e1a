{#
  Pairs of the records of two tables, whose times are given as arrays in order: first with first, each at most once, at
  most the tolerance apart. This is the largest number of pairs there can be. Gives positions in the two arrays.
#}
{% macro pair_in_order(first_times, second_times, tolerance_seconds) %}
    {{- return(adapter.dispatch('pair_in_order', 'leadgen_analytics')(first_times, second_times, tolerance_seconds)) -}}
{% endmacro %}


{% macro postgres__pair_in_order(first_times, second_times, tolerance_seconds) -%}
    {{ function_name('pair_in_order') }}({{ first_times }}, {{ second_times }}, {{ tolerance_seconds }} * interval '1 second')
{%- endmacro %}


{#
  A loop, because "the first that is still free" is a state that no window function carries from row to row. The search
  path is fixed for the reason that try_cast_definition gives.
#}
{% macro pair_in_order_definition() -%}
    {{ function_name('pair_in_order') }}(first_times timestamptz[], second_times timestamptz[], tolerance interval)
    returns table (first_position integer, second_position integer)
    language plpgsql stable parallel safe rows 20 set search_path = pg_catalog, pg_temp as $function$
    begin
        first_position := 1;
        second_position := 1;
        while first_position <= cardinality(first_times) and second_position <= cardinality(second_times) loop
            if second_times[second_position] - first_times[first_position] > tolerance then
                first_position := first_position + 1;
            elsif first_times[first_position] - second_times[second_position] > tolerance then
                second_position := second_position + 1;
            else
                return next;
                first_position := first_position + 1;
                second_position := second_position + 1;
            end if;
        end loop;
    end
    $function$
{%- endmacro %}
