"""The kinds of faults: each happens to a scene at random moments, and the scene must mend."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil  # comes with snakemake

from lth_core.storage.paths import sum_file
from lth_core.storage.tensors import read_header, read_tensors, write_tensors
from tests.faults.scene import PATIENCE, Scene, mount, must, pause

Fault = Callable[[Scene], int]
"""Does harm to a scene and sees that it mends; returns how often it did."""
KINDS: dict[str, Fault] = {}


class Skipped(Exception):
    """This machine cannot have this fault."""


def kind(name: str) -> Callable[[Fault], Fault]:
    def register(fault: Fault) -> Fault:
        KINDS[name] = fault
        return fault

    return register


# ---------------------------------------------------------------- killed processes


def strike_some(sort: str, harm: Callable[[psutil.Process], None]) -> Fault:
    """Do harm to processes of a sort, each somewhere in its life; the command tries killed jobs again, or does not."""

    def fault(scene: Scene) -> int:
        scene.unfinish()
        struck, strikes = 0, scene.chance.randint(3, 12)
        before, done = scene.project.files(), scene.finished()
        process = scene.start(*scene.chance.choice([(), ("--retries", "9"), ("--retries", "9")]))
        family: list[psutil.Process] = []
        pause(scene.chance, scene.pace / 4)
        while process.poll() is None and struck < strikes:
            if targets := scene.some(process, sort):
                pause(scene.chance, scene.chance.choice([0.02, 0.2, 1]))
                family = scene.family(process) or family
                try:
                    harm(scene.chance.choice(targets))
                except (psutil.NoSuchProcess, ProcessLookupError):
                    continue
                struck += 1
            time.sleep(0.005)
        scene.wait(process, family)
        scene.kept(before, done)
        scene.finish()
        return struck

    return fault


def without_memory(process: psutil.Process) -> None:
    """No more memory than it has now."""
    resource.prlimit(process.pid, resource.RLIMIT_AS, (process.memory_info().vms,) * 2)


KINDS["kill -9 of a job"] = strike_some("job", psutil.Process.kill)
KINDS["kill -9 of a job's client"] = strike_some("client", psutil.Process.kill)
KINDS["kill -9 of the job server"] = strike_some("server", psutil.Process.kill)
KINDS["a job out of memory"] = strike_some("job", without_memory)


def strike_snakemake(harm: Callable[[int], None], *, at_once: bool = True) -> Fault:
    """Do harm to the main process at any moment of the run; its successor starts at once, or when it has ended."""

    def fault(scene: Scene) -> int:
        scene.unfinish()
        before, done = scene.project.files(), scene.finished()
        families, struck, process = [], 0, scene.start()
        for _ in range(scene.chance.randint(1, 4)):
            pause(scene.chance, scene.pace)
            families += scene.family(process)
            if process.poll() is not None:
                break
            harm(process.pid)
            if not at_once:
                process.communicate(timeout=PATIENCE)
            struck, killed, process = struck + 1, process, scene.start()
            if at_once:
                killed.communicate(timeout=PATIENCE)
        after = scene.wait(process, families)
        must(after.status == 0, f"the same command fails:\n{after.said}")
        scene.kept(before, done)
        scene.finish()
        return struck

    return fault


KINDS["kill -9 of snakemake"] = strike_snakemake(lambda process: os.kill(process, signal.SIGKILL))
KINDS["kill -9 of everything at once"] = strike_snakemake(lambda process: os.killpg(process, signal.SIGKILL))


KINDS["Ctrl-C"] = strike_snakemake(lambda process: os.killpg(process, signal.SIGINT), at_once=False)


@kind("two snakemakes at once")
def two_at_once(scene: Scene) -> int:
    scene.unfinish()
    before, done = scene.project.files(), scene.finished()
    first = scene.start()
    pause(scene.chance, 1)
    second = scene.start()
    said = [process.communicate(timeout=PATIENCE)[0] for process in (first, second)]
    refused = [text for process, text in zip((first, second), said, strict=True) if process.returncode]
    must(len(refused) < 2, f"both fail:\n{said}")
    must(all("another snakemake is running in this folder" in text for text in refused), f"fails:\n{refused}")
    scene.kept(before, done)
    scene.finish()
    return 1


# ---------------------------------------------------------------- disks and clocks


@kind("disk full")
def disk_full(scene: Scene) -> int:
    """Of the results, or of everything."""
    folder = scene.project.folder / scene.chance.choice(["results", "."])
    scene.unfinish()
    kept = folder.with_name(f"{folder.name} kept") if folder.name != "results" else scene.project.folder / "kept"
    folder = folder.resolve()
    folder.rename(kept)
    folder.mkdir()
    used = sum(path.stat().st_size // 4096 + 1 for path in kept.rglob("*")) * 4
    capacity = used + scene.chance.randrange(4, 60)
    if not mount("-t", "tmpfs", "-o", f"size={capacity}k", "none", str(folder)):
        folder.rmdir()
        kept.rename(folder)
        raise Skipped("needs the right to mount")
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", str(folder)], check=True)
        first = scene.run()
        mount("-o", "remount,size=1g", str(folder))
        scene.finish()
        return int(first.status != 0)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@kind("read-only results")
def read_only(scene: Scene) -> int:
    scene.unfinish()
    folder = str(scene.project.folder / "results")
    if not (mount("--bind", folder, folder) and mount("-o", "remount,ro,bind", folder)):
        raise Skipped("needs the right to mount")
    try:
        run = scene.run()
    finally:
        subprocess.run(["umount", folder], check=True)
    must(run.status != 0, "a run without results succeeds")
    scene.finish()
    return 1


@kind("clock jumps")
def clock_jumps(scene: Scene) -> int:
    """Files of the past or of the future: some of the artifacts, or all files of the project."""
    if scene.chance.random() < 0.5:
        scene.unfinish()
    everything = [path for path in scene.project.folder.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    artifacts = [scene.project.folder / path for path in scene.project.files()]
    day = 86400 * scene.chance.choice([-4000, -1, 1, 4000])
    for path in scene.chance.choice([everything, artifacts, scene.chance.sample(artifacts, 5)]):
        changed = path.stat().st_mtime + day + scene.chance.uniform(0, 100)
        os.utime(path, (changed, changed))
    scene.finish()
    return 1


# ---------------------------------------------------------------- damaged artifacts

MADE_OF = {
    "results/data/digits.safetensors": "results/mini/0-1/dense/trained.safetensors",
    "results/mini/0-1/init.safetensors": "results/mini/0-1/dense/trained.safetensors",
    "results/mini/0-1/dense/trained.safetensors": "results/mini/0-1/imp/level_1/mask.safetensors",
    "results/mini/0-1/dense/history.csv": "results/tables/config/frankle2019/measurements.csv",
    "results/mini/0-1/imp/level_1/mask.safetensors": "results/mini/0-1/imp/level_1/trained.safetensors",
    "results/mini/0-1/imp/level_1/trained.safetensors": "results/mini/0-1/imp/level_2/mask.safetensors",
    "results/mini/0-1/imp/level_1/history.csv": "results/tables/config/frankle2019/curves.csv",
    "results/mini/0-1/imp/level_1/reinit/mask.safetensors": "results/tables/config/frankle2019/curves.csv",
    "results/mini/0-1/imp/level_1/reinit/history.csv": "results/tables/config/frankle2019/curves.csv",
    "results/mini/0-1/imp/level_2/mask.safetensors": "results/mini/0-1/imp/level_2/trained.safetensors",
    "results/tables/config/frankle2019/measurements.csv": "results/tables/config/claims.csv",
    "results/tables/config/claims.csv": "reports/config/index.html",
    "reports/config/frankle2019/captions.json": "reports/config/index.html",
}
"""Artifact -> one that is made of it."""


def truncate(path: Path, scene: Scene) -> None:
    path.write_bytes(path.read_bytes()[: scene.chance.randrange(1, path.stat().st_size)])


def flip(path: Path, scene: Scene) -> None:
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little") if path.suffix == ".safetensors" else 0
    # Of masks that are only measured nothing but the header is read.
    last = start if "reinit" in path.parts else len(content)
    content[scene.chance.randrange(0, last or len(content))] ^= 1 << scene.chance.randrange(8)
    path.write_bytes(content)


def empty(path: Path, scene: Scene) -> None:
    path.write_bytes(b"")


def swapped(path: Path, scene: Scene) -> None:
    others = [scene.project.folder / name for name in MADE_OF]
    others = [other for other in others if other.exists() and other.read_bytes() != path.read_bytes()]
    other = scene.chance.choice([other for other in others if other.suffix == path.suffix] or others)
    path.write_bytes(other.read_bytes())
    if sum_file(other).exists() and scene.chance.random() < 0.5 and other.name != path.name:
        sum_file(path).write_bytes(sum_file(other).read_bytes())


def wrong_shape(path: Path, scene: Scene) -> None:
    """One replicate too few, or a layer that is too narrow; written as a sound file of this place."""
    if path.suffix != ".safetensors" or "data" in path.parts or "reinit" in path.parts:
        return truncate(path, scene)
    tensors, header = read_tensors(path), read_header(path)
    if scene.chance.random() < 0.5:
        tensors = {name: value[:1] for name, value in tensors.items()}
    else:
        name = scene.chance.choice(sorted(name for name, value in tensors.items() if value.ndim > 1))
        tensors[name] = np.ascontiguousarray(tensors[name][..., :-1])
    write_tensors(path, tensors, header)


@kind("damaged artifacts")
def damage(scene: Scene) -> int:
    """Several at once, and what is made of them is to be made again."""
    scene.targets = []
    times: dict[str, tuple[int, int]] = {}
    os.chdir(scene.project.folder)
    for name in scene.chance.sample(sorted(MADE_OF), scene.chance.randint(3, 9)):
        if name in map(MADE_OF.get, times) or MADE_OF[name] in times:
            continue
        stat = os.stat(name)
        times[name] = stat.st_atime_ns, stat.st_mtime_ns
        scene.targets = sorted({*scene.targets, MADE_OF[name]})
        scene.chance.choice([truncate, flip, empty, swapped, wrong_shape])(Path(name), scene)
        if scene.chance.random() < 0.7:  # as disks do it; else as people do
            os.utime(name, ns=times[name])
    for target in scene.targets:
        os.unlink(target)
    run = scene.run()
    must(run.status != 0, f"these are used though they are damaged: {sorted(times)}")
    named = scene.mend(run)
    must(set(named) <= set(times), f"{sorted(times)} are damaged, but {named} are named")
    scene.equal()
    return len(times)
