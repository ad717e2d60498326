"""Criteria: what scores a weight. The lowest scores are pruned. One module per family; a new one is noticed by itself.

A criterion sees one replicate and returns one score per weight of every masked layer. Its arguments, by name:
`initial` (theta_0), `trained_from` (the weights that the last training started from), `trained` (the weights that it
ended with), `mask` (True where a weight is left), `rng` (a random generator of its own), `probe`, and `channels` (the
groups that granularity `channel` prunes, see `pruning/channels.py`). Scores of weights that are pruned already are not
looked at. Masks wait only for what their criterion names: without `trained` for no
training. `weight_change.py` is a short example; `pruning/rounds.py` asks for the scores.

`probe` is the network itself as a function of its weights, with the gradients of the task's loss on training examples:
`pruning/probe.py` lists what it computes. The weights are those that `trained` would be, under the mask. Scores are
torch tensors then, and must be finite. `sensitivity.py` is a short example. torch waits until a criterion is called.

What a paper does unless the config says otherwise is said at registration: at which step of training weights are scored
(`prune_at`, 0: at initialization), in how many rounds of scoring and pruning (`iterations`), and that inputs must be
numbers (`inputs="numbers"`).

Most others are the mask criteria of Zhou et al. 2019 (table 1 and figure S1), written in w_i (`trained_from`) and w_f
(`trained`).
"""
