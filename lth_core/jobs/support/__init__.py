"""What several jobs share: their arguments, their inputs, how they start and end."""
