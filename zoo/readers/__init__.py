"""Readers of the formats that data comes in: each line checked, each error with its file and line."""
