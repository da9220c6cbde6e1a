select api_usage_id
from {{ ref('stg_api_usage') }}
except
select record_id
from {{ ref('int_api_calls') }}
where source_table = 'api_usage'
except
select record_id
from {{ ref('int_pruned_hour_records') }}
where source_table = 'api_usage'
