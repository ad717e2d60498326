"""GPU: tests, training steps next to an ordinary loop, and Fig. 4 of Frankle & Carbin at the paper's scale.

All on one GPU, in at most six minutes. Tests are those of every path of the code that only a GPU takes. Steps per
second are those of the project's loop (`lth_core.training.loop.train`, from its data file) and of an ordinary PyTorch
script (DataLoader over tensors in memory, nn.Module, torch.optim, cuDNN's search for the fastest kernels); the same
script with all of its data on the GPU is a second baseline. In bf16, the script has torch.autocast. A ratio counts the
steps of all replicates of a cohort. The loops take turns, and images are random. A GPU is busy while any kernel runs on
it (NVML).

Fig. 4 has a dense network, 25 levels of tickets, their reinitializations (3 per seed), and both again for one-shot
pruning: 101 trainings of 5 or 15 replicates. They are trained one after the other, for 500 iterations each, on MNIST
where ROOT has it, on random images of its shape elsewhere. The time for 50,000 iterations is a sum over
the trainings: the fixed time of each, its iterations, and an evaluation of 20,000 images every 100 of them.

    make gpu
    python -m benchmarks.gpu [--root data] [--parts tests speed figure4] [--dry]
"""
