"""Exercises: held, followed and reported."""
