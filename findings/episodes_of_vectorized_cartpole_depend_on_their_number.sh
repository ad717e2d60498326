#!/usr/bin/env bash
# gymnasium 1.4.0: the vectorized CartPole-v1 (vectorization_mode="vector_entry_point") draws the starts of all its
# environments from one generator, variable by variable. With one seed, environment 0 of 2 starts otherwise than the same
# environment alone, and a list of seeds, one for each environment as SyncVectorEnv takes it, is refused. Whoever compares
# policies on "the same episodes" in vectors of different sizes compares them on different ones.
# Seen: with SyncVectorEnv, environment 0 starts alike alone and beside another one; vectorized, only its first variable
# does (the cart's position), and the three others differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
cat > "$folder/starts.py" <<'PYTHON'
import gymnasium


def start(count: int, mode: str) -> list[float]:
    environments = gymnasium.make_vec("CartPole-v1", count, vectorization_mode=mode)
    observations, _ = environments.reset(seed=0)
    return observations[0].tolist()


for mode in ("sync", "vector_entry_point"):
    alone, beside = start(1, mode), start(2, mode)
    print(mode, [value == other for value, other in zip(alone, beside)])
environments = gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="vector_entry_point")
try:
    environments.reset(seed=[0, 1])
    print("a list of seeds is taken")
except Exception as error:
    print("a list of seeds:", type(error).__name__)
PYTHON
"$folder/venv/bin/python" "$folder/starts.py" | tee "$folder/seen"
grep -qx "sync \[True, True, True, True\]" "$folder/seen"
grep -qx "vector_entry_point \[True, False, False, False\]" "$folder/seen"
grep -qx "a list of seeds: Error" "$folder/seen"
