"""Papers of a booking: written down once with their number, printed afterwards."""
