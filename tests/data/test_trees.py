"""Trees of image files: what is a class, what is an example, what is left out, and where links may lead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torchvision.datasets import ImageFolder

from lth_core.data.sets.image_folder import watched_files
from lth_core.data.splits import DataError
from lth_core.data.trees import EXTENSIONS, files_below, read_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of empty files in each part; one of the classes has folders in it."""
    for name in ("ant/2.png", "ant/10.JPG", "ant/more/1.png", "ant/more-still/0.png", "bee/0.webp"):
        for part in ("train", "test"):
            put(tmp_path / "pets" / part / name)
    return tmp_path


def put(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    return file


def tree(root: Path) -> Any:
    return read_tree(str(root / "pets"), "train")


def watched(root: Path, **options: Any) -> list[str]:
    return watched_files(str(root), "pets", **options)


def test_classes_and_images_are_those_of_torchvision_in_its_order(root: Path) -> None:
    theirs = ImageFolder(str(root / "pets/train"))
    assert tree(root).classes == theirs.classes
    assert [str(root / "pets" / name) for name in tree(root).names] == [path for path, _ in theirs.samples]
    assert tree(root).labels == theirs.targets
    assert theirs.extensions == EXTENSIONS


def test_hidden_folders_are_no_classes_and_what_is_hidden_is_no_example(root: Path) -> None:
    before, names = tree(root), watched(root)
    for name in (".ipynb_checkpoints/2-checkpoint.png", "ant/.ipynb_checkpoints/2-checkpoint.png", "ant/._2.png"):
        put(root / "pets/train" / name)
    assert tree(root) == before
    assert watched(root) == names


def test_visible_files_that_are_not_read_are_counted(root: Path) -> None:
    for name in ("ant/a.gif", "ant/more/B.GIF", "bee/README", "bee/0.txt", "loose.png"):
        put(root / "pets/train" / name)
    assert tree(root).left_out == {".gif": 2, "no extension": 1, ".txt": 1, "in no class folder": 1}


@pytest.mark.parametrize(
    "link", ["train", "train/bee", "train/ant/more", "train/ant/more/deep", "train/ant/more/1.png"]
)
def test_links_out_of_the_folder_are_refused_at_every_depth(link: str, root: Path) -> None:
    put(root / "elsewhere/more/1.png")
    path = root / "pets" / link
    if path.exists():
        path.rename(root / "before")
    path.symlink_to(root / "elsewhere", target_is_directory=True)
    with pytest.raises(
        DataError,
        match=rf"pets/{link}: leads out of .*pets, to .*elsewhere: replace the link by a copy",
    ):
        tree(root)
    assert not any("elsewhere" in name for name in watched(root))


@pytest.mark.parametrize("target", ["..", ".", "../../train"])
def test_a_link_back_is_refused_instead_of_reading_its_images_again_and_again(target: str, root: Path) -> None:
    (root / "pets/train/ant/again").symlink_to(target, target_is_directory=True)
    with pytest.raises(DataError, match=r"ant/again: leads back to .*, which it lies in: remove this link"):
        tree(root)


def test_links_to_other_folders_of_the_tree_are_followed(root: Path) -> None:
    (root / "pets/train/bee/others").symlink_to("../ant/more", target_is_directory=True)
    assert "train/bee/others/1.png" in tree(root).names


def test_a_folder_that_cannot_be_listed_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(top: str, onerror: Any, **_: Any) -> list[Any]:
        onerror(PermissionError(13, "Permission denied", top))
        return []

    monkeypatch.setattr("os.walk", refuse)
    with pytest.raises(DataError, match=r"train/ant: cannot be listed \(Permission denied\)"):
        list(files_below(str(root / "pets"), str(root / "pets/train/ant")))


def test_all_files_of_a_tree_are_watched_and_of_a_streamed_one_its_classes(root: Path) -> None:
    classes = [f"pets/{part}/{name}" for part in ("train", "test") for name in ("ant", "bee")]
    assert watched(root, stream=True) == classes
    assert len(watched(root)) == 10 and "pets/test/ant/more/1.png" in watched(root)
    (root / "pets/train/0.zip").write_bytes(b"no part of a class")
    assert len(watched(root)) == 10
    assert watched_files(str(root), "nothing") == watched_files(str(root), "nothing", stream=True) == []
