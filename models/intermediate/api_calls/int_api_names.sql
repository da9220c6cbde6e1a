{{ api_names(ref('int_api_records_unioned')) }}
