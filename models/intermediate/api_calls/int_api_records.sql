-- Every record of the three logs, with canonical names and a price. Not calls: see int_api_calls.
{{ priced_api_records(ref('int_api_records_named')) }}
