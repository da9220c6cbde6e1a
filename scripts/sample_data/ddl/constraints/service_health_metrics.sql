alter table service_health_metrics add primary key (id);
create index service_health_metrics_service_name_idx on service_health_metrics (service_name, timestamp desc);
