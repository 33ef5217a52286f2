"""Pure functions: what a paper says, what it sums to, and how it reads to machines."""
