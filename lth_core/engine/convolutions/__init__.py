"""Networks of convolutions whose kept weights alone are stored and computed, on a CPU."""
