"""Tasks: what is trained. One module per objective."""
