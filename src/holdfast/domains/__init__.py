"""One package per domain; none imports another. They meet in contracts, ports and events."""
