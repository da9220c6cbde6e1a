-- Every record of the three logs, as recorded. Not calls: one call may have up to three records.
{{ unioned_api_records() }}
