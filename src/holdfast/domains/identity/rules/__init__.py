"""What identity decides without asking anybody."""
