"""Drawing: colours, axes, bands, bars and heat maps of all figures."""
