#!/usr/bin/env bash
# Pillow 13.0.0: Image.convert("L") of a grey image of 16 bits, or of 32-bit integers or floats, does not scale its values
# to 0..255 but cuts them off at 255; nearly all pixels of an ordinary 16-bit photograph become white. Loaders that
# convert whatever they read to 8 bits train on constant images, without a warning.
# Seen: I;16, I and F: 0 -> 0, 100 -> 100, 1000 -> 255, 40000 -> 255
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import PIL
from PIL import Image

values = np.array([[0, 100, 1000, 40000]])
for dtype in (np.uint16, np.int32, np.float32):
    image = Image.fromarray(values.astype(dtype))
    grey = np.asarray(image.convert("L")).tolist()
    print(PIL.__version__, image.mode, grey)
    assert grey == [[0, 100, 255, 255]]
PYTHON
