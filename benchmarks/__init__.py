"""Rates over HTTP beside what PostgreSQL itself does with the same rows, in one run on one machine."""
