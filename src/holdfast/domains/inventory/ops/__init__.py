"""One class per operation, one public method each."""
