"""Dashboards, datasource and alert rules into a Grafana. `run.deploy` does it; grafana-client is known only here."""
