{% macro check_source() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% do check_variables() %}
    {% set errors = [] %}
    {% set missing_tables = [] %}
    {% set notes = [] %}
    {% set mistyped = [] %}
    {% set present = {} %}

    {% for node in graph.sources.values() if node.source_name == 'app' %}
        {% set columns = source_columns(node.name) %}
        {% do present.update({node.name: columns}) %}
        {% if not columns %}
            {% do missing_tables.append(node.name) %}
        {% endif %}
        {% for column in node.columns.values() if columns %}
            {% set name = node.name ~ '.' ~ column.name %}
            {% set actual_type = columns.get(column.name) %}
            {% if actual_type is none and column.config.meta.get('required') %}
                {% do errors.append('column ' ~ node.schema ~ '.' ~ name) %}
            {% elif actual_type is none %}
                {% do notes.append(name) if not has_other_form(node, column, columns) %}
            {% elif
                column.data_type != 'point'
                and 'try_cast' in cast_source_column(column.name, actual_type, column.data_type)
            %}
                {% do mistyped.append(name ~ ' (' ~ actual_type ~ ', expected ' ~ column.data_type ~ ')') %}
            {% endif %}
        {% endfor %}
    {% endfor %}

    {% set schema = var('source_schema') %}
    {% if 'campaigns' in missing_tables %}
        {% do errors.append('table ' ~ schema ~ '.campaigns') %}
    {% endif %}
    {% if 'businesses' in missing_tables and 'enhanced_leads' in missing_tables %}
        {% do errors.append('table ' ~ schema ~ '.businesses (or ' ~ schema ~ '.enhanced_leads)') %}
    {% endif %}
    {% if errors %}
        {% do exceptions.raise_compiler_error(
            'Source check failed: missing, or not readable by ' ~ target.user ~ ': ' ~ errors | join(', ')
            ~ '. Add it or grant select on it; if the application lives in another schema,'
            ~ ' set the variable source_schema.'
        ) %}
    {% endif %}

    {% set shape = 'enhanced' if not present['businesses'] else 'hybrid' if present['enhanced_leads'] else 'current' %}
    {{ log('Source: schema ' ~ schema ~ ', shape ' ~ shape, info=true) }}
    {% if missing_tables %}
        {{ log('Missing tables, read as empty: ' ~ missing_tables | join(', '), info=true) }}
    {% endif %}
    {% if notes %}
        {{ log('Missing columns, read as NULL: ' ~ notes | join(', '), info=true) }}
    {% endif %}
    {% if mistyped %}
        {{ log('Columns of another type, unreadable values read as NULL: ' ~ mistyped | join(', '), info=true) }}
    {% endif %}
    {% set statements = missing_indexes(present) %}
    {% if statements %}
        {{ log('Indexes missing, runs and marts are slower without: ' ~ statements | join(' '), info=true) }}
    {% endif %}
    {% do create_functions() %}
    {{ return('') }}
{% endmacro %}


{# A table in one form is not missing the columns of the other. #}
{% macro has_other_form(node, column, present) %}
    {% for other in node.columns.values() if other.name in present %}
        {% if column.config.meta.get('form') and other.config.meta.get('form') not in (none, column.config.meta.form) %}
            {{ return(true) }}
        {% endif %}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}
