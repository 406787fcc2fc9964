"""Benchmarks: each prints a table and can write JSON; none is a timed test."""
