-- One row per lead_id that has an e-mail, whether or not it is a lead.
with emails as (

    select * from {{ ref('stg_lead_emails') }}

),

ranked as (

    select
        lead_id,
        email,
        case when verification_status = 'deliverable' then 1 else 0 end as is_deliverable,
        row_number() over (
            partition by lead_id
            order by
                case when verification_status = 'deliverable' then 0 else 1 end asc,
                case when verification_score between 0 and 100 then verification_score end desc nulls last,
                created_at asc nulls last,
                lead_email_id asc
        ) as preference
    from emails

),

by_lead as (

    select
        lead_id,
        count(*) as email_count,
        cast(sum(is_deliverable) as {{ dbt.type_bigint() }}) as deliverable_email_count,
        max(case when preference = 1 then email end) as best_email
    from ranked
    group by lead_id

)

select * from by_lead
