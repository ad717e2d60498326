#!/usr/bin/env bash
# safetensors 0.8.0: saving the same tensors with the same metadata twice gives two files that differ, even within one
# process: the keys of the metadata stand in the header in the order of a hash map that is seeded anew every time. Who
# compares checkpoints by checksum, or wants a workflow to end with equal bytes, finds differences where nothing differs.
# With one key of metadata the bytes are equal.
# Seen: of 20 files with 6 keys more than one version; of 20 files with one key a single version.
# lth stores one key, which holds everything: tests/storage/test_tensors.py compares bytes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from safetensors.numpy import save

tensors = {"weight": np.zeros(3)}
for keys in (6, 1):
    metadata = {f"key {number}": "the same" for number in range(keys)}
    versions = len({save(tensors, metadata) for _ in range(20)})
    print(keys, "keys:", versions, "versions")
    assert (versions > 1) == (keys > 1)
PYTHON
