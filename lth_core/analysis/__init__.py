"""What is computed from artifacts: measurements of histories, statistics of claims, analyses of weights."""
