"""Routes for those who run the house."""
