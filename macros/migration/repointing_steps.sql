{# Steps that move the rows that name no lead, whole, to the quarantine. #}
{% macro quarantine_steps_of(state, orphans) %}
    {% set triggers = trigger_steps(state.table) %}
    {% set names = columns_to_keep(quoted_source(state.table)) | map(attribute='name') | join(', ') %}
    {{ return(quarantine_table_steps(state.table) + triggers.before + [{
        'why': orphans ~ ' rows of ' ~ state.table ~ ' that name no lead; none is deleted',
        'sql': 'with moved as (
    delete from ' ~ quoted_source(state.table) ~ ' as child
    where ' ~ is_orphan(state) ~ '
    returning child.*
)

insert into ' ~ quarantined(state.table) ~ ' (quarantine_migration_id, quarantine_constraint, quarantine_reason, ' ~ names ~ ')
select ' ~ state.migration_id ~ ', ' ~ literal(constraint_name(state)) ~ ", 'lead_id names no lead', " ~ names ~ '
from moved',
    }] + triggers.after) }}
{% endmacro %}


{# The name that the foreign key to businesses has in the end: that of the one it replaces, so that what names it holds. #}
{% macro constraint_name(state) %}
    {% if state.rightly %}{{ return(state.rightly.name) }}{% endif %}
    {{ return(state.wrong[0].name if state.wrong else state.table ~ '_lead_id_fkey') }}
{% endmacro %}


{# The same until the old one is gone. #}
{% macro temporary_constraint_name(state) %}
    {{ return(constraint_name(state) if state.rightly or not state.wrong else 'to_businesses_' ~ local_md5(state.table)[:12]) }}
{% endmacro %}


{% macro constraint_steps(state, counts) %}
    {% set table = quoted_source(state.table) %}
    {% set name = quoted(temporary_constraint_name(state)) %}
    {% set steps = [] %}
    {% if not state.rightly %}
        {% do steps.append({
            'why': 'new rows are checked from here on, by the rules of the foreign key that it replaces',
            'sql': 'alter table ' ~ table ~ ' add constraint ' ~ name ~ ' foreign key (lead_id)\n    references '
                ~ quoted_source('businesses') ~ ' (id) ' ~ referential_actions(state) ~ 'not valid',
        }) %}
    {% endif %}
    {% if not counts.elsewhere and not (state.rightly and state.rightly.is_validated) %}
        {% do steps.append({
            'why': 'and the rows that there are',
            'sql': 'alter table ' ~ table ~ ' validate constraint ' ~ name,
            'refused': state.table ~ ' has rows that businesses has no lead for. Nothing was changed.',
        }) %}
    {% endif %}
    {{ return(steps) }}
{% endmacro %}


{# As the application declares it, which has none but to cascade, where there is none to follow. #}
{% macro referential_actions(state) -%}
    {%- set actions = {'a': 'no action', 'r': 'restrict', 'c': 'cascade', 'n': 'set null', 'd': 'set default'} -%}
    {%- set followed = state.wrong[0] if state.wrong else {'on_update': 'a', 'on_delete': 'c'} -%}
    on update {{ actions[followed.on_update] }} on delete {{ actions[followed.on_delete] }}
    {{- ' deferrable' if followed.is_deferrable }}{{ ' initially deferred' if followed.is_deferred }} {{ '' -}}
{%- endmacro %}


{# Last, because to drop a foreign key needs the one lock that readers wait for too. #}
{% macro swap_steps(state) %}
    {% if not state.wrong %}{{ return([]) }}{% endif %}
    {% set table = quoted_source(state.table) %}
    {% set clauses, names, targets = [], [], [] %}
    {% for constraint in state.wrong %}
        {% do clauses.append('drop constraint ' ~ quoted(constraint.name)) %}
        {% do names.append(constraint.name) %}
        {% do targets.append(constraint.target_name) if constraint.target_name not in targets %}
    {% endfor %}
    {% set sql = 'alter table ' ~ table ~ ' ' ~ clauses | join(', ') %}
    {% if not state.rightly %}
        {% set sql = sql ~ ';\nalter table ' ~ table ~ ' rename constraint ' ~ quoted(temporary_constraint_name(state))
            ~ ' to ' ~ quoted(constraint_name(state)) %}
    {% endif %}
    {{ return([{'why': 'the new one in the place of ' ~ names | join(', '), 'sql': sql, 'wants': [table] + targets}]) }}
{% endmacro %}


{# What taking it back needs to know. #}
{% macro record_step(state) %}
    {% set table = declared_source(state.table) %}
    {% set replaced = [] %}
    {% for constraint in state.wrong %}
        {% do replaced.append({
            'name': constraint.name, 'definition': constraint.definition, 'comment': constraint.comment,
            'target': constraint.target_name,
        }) %}
    {% endfor %}
    {#- a foreign key that was there, and was only validated, was there before too -#}
    {% if state.rightly %}
        {% do replaced.append({
            'name': state.rightly.name, 'definition': state.rightly.definition, 'comment': state.rightly.comment,
            'target': state.rightly.target_name,
        }) %}
    {% endif %}
    {{ return({
        'why': 'what taking it back needs to know',
        'sql': 'insert into ' ~ migration_log()
            ~ ' (migration_id, table_schema, table_name, constraint_name, constraint_definition, replaced)\nselect '
            ~ [
                state.migration_id, literal(table.schema), literal(table.identifier), 'conname',
                'pg_get_constraintdef(oid)', literal(replaced | tojson),
            ] | join(', ')
            ~ '\nfrom pg_constraint\nwhere conrelid = to_regclass(' ~ literal(quoted_source(state.table)) ~ ') and conname = '
            ~ literal(constraint_name(state)),
    }) }}
{% endmacro %}
