-- Records of the logs by block: the rollup, and from its watermark on what the source has now.
with live as (

    {{ api_usage_blocks('live') }}

)

select * from {{ ref('int_api_usage_blocks_rollup') }}
union all
select * from live
where {{ is_live('int_api_usage_blocks_rollup', 'block') }}
