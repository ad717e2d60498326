"""Planning: from a config file to a checked config to the jobs that Snakemake runs."""
