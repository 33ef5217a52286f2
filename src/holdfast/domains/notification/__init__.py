"""Messages to people: written with the act they tell of, sent afterwards, once."""
