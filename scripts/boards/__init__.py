"""The parts of scripts/dashboards."""
