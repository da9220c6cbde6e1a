{# A sentence for each variable that has no usable value. #}
{% macro bad_variables() %}
    {% set found = templates_in_variables() %}
    {% if found %}{{ return(found) }}{% endif %}
    {% for name in [
        'api_log_match_tolerance_seconds', 'qualified_lead_value_usd', 'efficiency_points_per_usd',
        'default_budget_alert_threshold', 'budget_critical_percentage', 'budget_exceeded_percentage',
    ] %}
        {% if var(name) is not number or var(name) <= 0 %}
            {% do found.append(bad_variable(name, 'a number above 0')) %}
        {% endif %}
    {% endfor %}
    {% for name in [
        'export_match_tolerance_seconds', 'clock_skew_tolerance_minutes', 'counter_drift_tolerance',
        'default_qualification_score', 'degraded_error_rate', 'down_error_rate', 'rollup_settle_seconds',
        'rollup_lookback_hours', 'rollup_full_scan_hours', 'rollup_lock_wait_seconds',
    ] %}
        {% if var(name) is not number or var(name) < 0 %}
            {% do found.append(bad_variable(name, 'a number, 0 or above')) %}
        {% endif %}
    {% endfor %}
    {% for name, other in [('replay_from', 'replay_until'), ('replay_until', 'replay_from')] %}
        {% if (var(name) is not none or var(other) is not none) and not is_time(var(name)) %}
            {% do found.append(bad_variable(name, 'a time such as 2026-01-31 or 2026-01-31T12:00:00Z; give ' ~ other ~ ' as well')) %}
        {% endif %}
    {% endfor %}
    {% if var('keep_sums_before') is not none and not is_day(var('keep_sums_before')) %}
        {% do found.append(bad_variable('keep_sums_before', 'a day such as 2026-01-31')) %}
    {% endif %}
    {% set alerts = var('business_alerts') %}
    {% set is_list = alerts is sequence and alerts is not string and alerts is not mapping %}
    {% if not is_list or alerts | reject('in', ['budgets', 'services', 'price', 'money']) | list %}
        {% do found.append(bad_variable('business_alerts', 'a list of budgets, services, price and money')) %}
    {% endif %}
    {% set limit = var('alert_cost_per_qualified_lead_usd') %}
    {% if limit is not none and (limit is not number or limit <= 0) %}
        {% do found.append(bad_variable('alert_cost_per_qualified_lead_usd', 'null or a number above 0')) %}
    {% endif %}
    {% if var('boards_address') is not string or not modules.re.fullmatch('(https?://[^\\s\'"<>]+)?', var('boards_address')) %}
        {% do found.append(bad_variable('boards_address', 'an http or https address, or empty')) %}
    {% endif %}
    {% for name in ['tenant_mode', 'mask_personal_data'] if var(name) is not boolean %}
        {% do found.append(bad_variable(name, 'true or false')) %}
    {% endfor %}
    {% for name in ['transformer_role', 'reporter_role', 'tenant_role'] if not is_role_name(var(name)) %}
        {% do found.append(bad_variable(name, 'the name of a role')) %}
    {% endfor %}
    {% set closed = var('closed_roles') %}
    {% set is_list = closed is sequence and closed is not string and closed is not mapping %}
    {% for name in (closed if is_list else [none]) if not is_role_name(name) %}
        {% do found.append(bad_variable('closed_roles', 'a list of names of roles')) %}
    {% endfor %}
    {% set readers = [var('reporter_role'), var('tenant_role')] %}
    {% if readers | unique | list | length < 2 or var('transformer_role') in readers or is_list and var('reporter_role') in closed %}
        {% do found.append(bad_variable(
            'reporter_role', 'a role of its own: not the transformer, a tenant, or one of closed_roles'
        )) %}
    {% endif %}
    {% for name in ['reporting_timezone', 'source_timezone'] if not is_time_zone(var(name)) %}
        {% do found.append(bad_variable(name, 'the name of a time zone that the database knows, such as Europe/Berlin')) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#
  dbt takes each variable for a template when it is asked for, with all that a macro can do. One from outside is a value.
  Not named by bad_variable, which would ask for it.
#}
{% macro templates_in_variables() %}
    {% set found = [] %}
    {% for name, value in (invocation_args_dict.get('vars') or {}).items() if modules.re.search('[{][{%#]', value | string) %}
        {% do found.append('the variable ' ~ name ~ ' holds a template, not a plain value.') %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{% macro bad_variable(name, expected) %}
    {{ return('the variable ' ~ name ~ ' is ' ~ var(name) | string | tojson ~ ', not ' ~ expected ~ '.') }}
{% endmacro %}


{% macro is_time_zone(zone) %}
    {{ return(adapter.dispatch('is_time_zone', 'leadgen_analytics')(zone)) }}
{% endmacro %}


{% macro postgres__is_time_zone(zone) %}
    {% set query %}
        select count(*)
        from pg_catalog.pg_timezone_names
        where name = {{ dbt.string_literal(dbt.escape_single_quotes(zone)) }}
    {% endset %}
    {{ return(run_query(query).rows[0][0] == 1) }}
{% endmacro %}


{#
  PostgreSQL cuts longer names off, and keeps these and `pg_` for itself. It counts bytes, of which urlencode makes one
  character or one escape each; dbt 2.0 has no other way to count them.
#}
{% macro is_role_name(name) %}
    {{ return(
        name is string and 0 < modules.re.sub('%..', '.', name | urlencode) | length <= 63 and '\x00' not in name
        and name not in ['public', 'none'] and not name.startswith('pg_')
    ) }}
{% endmacro %}


{% macro is_time(value) %}
    {{ return(value is not none and modules.re.fullmatch(
        '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?',
        value | string
    ) is not none) }}
{% endmacro %}


{% macro is_day(value) %}
    {% if not modules.re.fullmatch('(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', value | string) %}
        {{ return(false) }}
    {% endif %}
    {% set year, month, day = (value | string).split('-') %}
    {% set next_month = modules.datetime.date(year | int + month | int // 12, month | int % 12 + 1, 1) %}
    {{ return(day | int <= (next_month - modules.datetime.timedelta(days=1)).day) }}
{% endmacro %}
