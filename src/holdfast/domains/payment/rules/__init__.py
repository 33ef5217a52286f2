"""Pure rules: how a payment moves on, how much may be asked, what is posted."""
