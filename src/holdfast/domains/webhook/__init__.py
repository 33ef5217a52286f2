"""Messages to other people's programs: written with the act they tell of, signed, sent until they are taken."""
