"""The parts of ./scripts/scheduled_run: its lock, its log in the database, dbt's attempts, alerts and folders."""
