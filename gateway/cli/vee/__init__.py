"""Validation, estimation and editing of register readings in a file, offline."""
