"""Sections of the report, one module a section."""
