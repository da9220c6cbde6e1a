with prices as (

    select * from {{ ref('api_prices') }}

),

dated as (

    select
        api_service,
        endpoint,
        list_price_usd,
        unit,
        {{ hour_start('valid_from', 0) }} as valid_from,
        {{ hour_start(
            'lead(valid_from) over (partition by api_service, endpoint order by valid_from)', 0
        ) }} as valid_until
    from prices

)

select * from dated
