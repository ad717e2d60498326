"""Files: where each artifact lies, how it is written and read, and what made it."""
