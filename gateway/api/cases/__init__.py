"""Incidents, tickets and the messages about them: read, driven, watched, and called back about."""
