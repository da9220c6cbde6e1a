-- Every record of the three logs, with the other half of its pair.
{{ paired_api_records(ref('int_api_records')) }}
