"""Money: intents, captures, refunds, the providers' news, and the ledger."""
