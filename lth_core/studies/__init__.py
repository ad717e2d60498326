"""Studies: one package per paper; a new package here is noticed by itself. Nothing outside knows a paper's name."""
