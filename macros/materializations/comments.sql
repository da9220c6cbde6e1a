{# dbt writes every comment in every run; this only those that have changed. #}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) %}
    {% set is_for_relation = for_relation and config.persist_relation_docs() and model.description %}
    {% set is_for_columns = for_columns and config.persist_column_docs() and model.columns %}
    {% if not is_for_relation and not is_for_columns %}
        {{ return('') }}
    {% endif %}

    {% set comments = {} %}
    {% for name, comment in run_query(comments_on(relation)) %}
        {% do comments.update({name: comment or ''}) %}
    {% endfor %}

    {% if is_for_relation and model.description != comments.get('') %}
        {% do run_query(alter_relation_comment(relation, model.description)) %}
    {% endif %}
    {% if is_for_columns %}
        {% set changed = {} %}
        {% for name, column in validate_doc_columns(relation, model.columns, comments.keys() | list).items() %}
            {% if column.description != comments[name if column.quote else name | lower] %}
                {% do changed.update({name: column}) %}
            {% endif %}
        {% endfor %}
        {% do run_query(alter_column_comment(relation, changed)) if changed %}
    {% endif %}
{% endmacro %}


{# The relation's own comment stands under the empty name. #}
{% macro comments_on(relation) %}
    select '' as name, obj_description({{ oid_of(relation) }}, 'pg_class') as comment
    union all
    select attname, col_description(attrelid, attnum)
    from pg_attribute
    where attrelid = {{ oid_of(relation) }} and attnum > 0 and not attisdropped
{% endmacro %}
