"""Two runs side by side: what differs in their configs, claims and curves."""
