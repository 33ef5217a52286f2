"""Every statement on the domain's tables. Rows to send are locked in the order they fall due."""
