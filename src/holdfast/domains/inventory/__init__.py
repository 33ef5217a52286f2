"""Venues, resources and what is held of them."""
