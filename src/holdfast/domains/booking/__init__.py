"""Bookings: one id, two machines, and the claim that goes with them."""
