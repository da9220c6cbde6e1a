{#
  The rollups behind each mart, as dbt's graph has them: a dictionary by name of the mart, of the names of rollups by
  source. A mart reads a rollup through any number of views. What the rollup itself was summed from does not count.
#}
{% macro rollups_of_marts() %}
    {% set by_mart = {} %}
    {% set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') if execute else [] %}
    {% for mart in models | sort(attribute='name') if mart.fqn[1] == 'marts' %}
        {% do by_mart.update({mart.name: rollups_behind(mart, {}, [])}) %}
    {% endfor %}
    {{ return(by_mart) }}
{% endmacro %}


{% macro rollups_behind(node, found, visited) %}
    {% for node_id in node.depends_on.get('nodes', []) if node_id in graph.nodes and node_id not in visited %}
        {% do visited.append(node_id) %}
        {% set below = graph.nodes[node_id] %}
        {% set rollup = below.config.meta.get('rollup') %}
        {% if rollup %}
            {% do found.setdefault(rollup.source, []).append(below.name) %}
        {% else %}
            {% do rollups_behind(below, found, visited) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The oldest watermark of some rollups. NULL if there are none, or if one of them has not been built: then all is live. #}
{% macro oldest_watermark(rollups) -%}
    {%- if not rollups -%}
        cast(null as {{ type_timestamptz() }})
    {%- else -%}
        (
            select case when count(*) = {{ rollups | length }} then min(watermark) end
            from {{ rollup_state() }}
            where rollup in ({{ sql_texts(rollups | sort) }})
        )
    {%- endif -%}
{%- endmacro %}
