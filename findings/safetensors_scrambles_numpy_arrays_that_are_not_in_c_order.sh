#!/usr/bin/env bash
# safetensors 0.8.0: safetensors.numpy.save takes numpy arrays in any memory order, but writes their memory as it lies, under
# their shape. A transposed, Fortran-ordered or strided array comes back with other values, without an error;
# safetensors.torch refuses such tensors. Whoever stores `weight.T` of a layer, or a gradient that BLAS left in Fortran
# order, stores another matrix.
# Seen: [[0, 3], [1, 4], [2, 5]] comes back as [[0, 1], [2, 3], [4, 5]], and [0, 2, 4] of a stride of 2 as [0, 1, 2].
# lth makes arrays contiguous before it stores them: tests/storage/test_tensors.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

matrix = np.arange(6.0).reshape(2, 3)
arrays = {"c": matrix, "transposed": matrix.T, "fortran": np.asfortranarray(matrix), "strided": np.arange(6.0)[::2]}
for name, array in arrays.items():
    back = load(save({name: array}))[name]
    print(name, array.tolist(), "->", back.tolist())
    assert np.array_equal(back, array) == (name == "c") and back.shape == array.shape
PYTHON
