"""What things cost: rates, fee rules and the price of a stay."""
