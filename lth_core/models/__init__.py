"""Networks: the built-in ones, which of their weights can be pruned, theta_0, and what a network costs."""
