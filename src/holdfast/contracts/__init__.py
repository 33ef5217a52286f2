"""The published language: what domains say to each other and to the world. No logic."""
