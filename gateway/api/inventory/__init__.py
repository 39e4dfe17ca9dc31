"""Devices and network: read, and others taken in their place."""
