"""Every statement on webhook's tables."""
