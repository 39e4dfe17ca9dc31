"""Meter data over HTTP: energy by interval with its whole story, what was collected, supply quality, unusual usage."""
