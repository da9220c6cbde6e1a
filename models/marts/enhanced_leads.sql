{{ listed_leads(is_masked=var('mask_personal_data')) }}
