"""Booking's pure rules: the machines, their guards, refund tiers and references."""
