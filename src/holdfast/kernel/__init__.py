"""What every domain stands on: transactions, refusals, events, time, money and ids."""
