"""One class per operation, reached through the facade."""
