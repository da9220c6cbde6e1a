{{ response_times_hourly(ref('int_api_usage_blocks_rollup'), in_window(rollup_window())) }}
