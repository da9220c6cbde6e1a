-- Every record of the three logs, with canonical names. Not calls: one call may have up to three records.
{{ named_api_records(ref('int_api_records_unioned'), ref('int_api_names')) }}
