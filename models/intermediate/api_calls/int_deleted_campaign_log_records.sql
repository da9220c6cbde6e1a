-- Records that api_usage_log has kept of deleted campaigns, whose calls int_deleted_campaign_sums has.
select distinct log_records.record_id
from {{ ref('int_deleted_campaign_sums') }} as deleted
cross join lateral {{ unnest('deleted.log_record_ids') }} as log_records (record_id)
