"""A payment provider of our own that takes no money: its checkouts, refunds and webhooks."""
