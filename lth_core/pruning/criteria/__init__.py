"""Criteria: what scores a weight. The lowest scores are pruned. One module per family; a new one is noticed by itself.

A criterion sees one replicate and returns one score per weight of every masked layer. Its arguments, by name:
`initial` (theta_0), `trained_from` (the weights that the last training started from), `trained` (the weights that it
ended with), `mask` (True where a weight is left) and `rng` (a random generator of its own). Scores of weights that are
pruned already are not looked at. Masks wait only for what their criterion names: without `trained` for no training.
`weight_change.py` is a short example; `pruning/prune.py` asks for the scores and checks them.

Most are the mask criteria of Zhou et al. 2019 (table 1 and figure S1), written in w_i (`trained_from`) and w_f
(`trained`).
"""
