"""Third parties behind ports, and the embedded database."""
