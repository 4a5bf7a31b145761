"""Images are the same bytes for the same files, and share what they have in common."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from components.settings import Images
from sandbox.errors import SandboxError
from sandbox.home import Home
from sandbox.node import images, oci
from sandbox.node.oci import Entry, Image, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "blobs")


def some_files(root: Path, names: list[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o640)
    (root / "link").symlink_to("a")
    return root


def test_a_layer_depends_on_content_alone(tmp_path: Path, store: Store) -> None:
    first = some_files(tmp_path / "first", ["a", "b/c"])
    second = some_files(tmp_path / "second", ["b/c", "a"])
    (second / "a").touch()
    assert oci.layer(store, oci.tree(first)) == oci.layer(store, oci.tree(second))


def test_a_layer_has_fixed_times_and_owners_and_true_modes(tmp_path: Path, store: Store) -> None:
    blob = oci.layer(store, [*oci.tree(some_files(tmp_path / "files", ["a"]), "app", owner=1000), Entry("bin")])
    with tarfile.open(store.path(blob)) as archive:
        members = {member.name: member for member in archive}
    assert list(members) == sorted(members)
    assert {member.mtime for member in members.values()} == {oci.EPOCH}
    assert (members["app/a"].uid, members["app/a"].mode) == (1000, 0o640)
    assert members["app/link"].linkname == "a"
    assert members["bin"].isdir()
    assert members["bin"].uid == 0


def test_what_is_left_out_is_left_out_with_all_that_is_in_it(tmp_path: Path) -> None:
    root = some_files(tmp_path / "files", ["a", "var/log/x", "var/lib/y"])
    assert {entry.path for entry in oci.tree(root, skip={"var/log"})} == {"a", "link", "var", "var/lib", "var/lib/y"}


def test_a_crash_while_writing_leaves_no_blob(store: Store) -> None:
    def broken() -> Entry:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        oci.layer(store, (broken() for _ in range(1)))
    assert list(store.directory.iterdir()) == []


def test_an_archive_has_every_blob_once_and_names_containerd_reads(store: Store) -> None:
    base = oci.layer(store, [Entry("base", text="x")])
    top = oci.layer(store, [Entry("top", text="y")])
    both = [Image("r.example/a:1", (base,), ("/a",)), Image("r.example/b:2", (base, top), ("/b",))]
    out = io.BytesIO()
    oci.write_archive(out, both, store)
    again = io.BytesIO()
    oci.write_archive(again, both, store)
    assert out.getvalue() == again.getvalue()
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        names = archive.getnames()
        index = json.load(archive.extractfile("index.json") or io.BytesIO())
        assert len(names) == len(set(names)) == 2 + 2 * 2 + 2
        for entry, image in zip(index["manifests"], both, strict=True):
            assert entry["annotations"]["io.containerd.image.name"] == image.reference
            assert entry["digest"] == image.digest()
            assert f"blobs/sha256/{entry['digest'].removeprefix('sha256:')}" in names


def test_images_are_those_that_the_program_deploys(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path / "bin")
    home.bin.mkdir()
    for name in images.TAILSCALE_BINARIES:
        (home.bin / name).write_text(name)
    wanted = images.recipes(Images(), home)
    assert [recipe.reference for recipe in wanted] == [images.PAUSE, images.DNS, Images().tailscale, Images().gateway]
    assert len({recipe.steps[0].key for recipe in wanted}) == 1


def test_another_version_is_another_layer(tmp_path: Path) -> None:
    def keys(reference: str, node: str = images.NODE_VERSION) -> list[str]:
        return [step.key for step in images.openclaw(reference, node).steps]

    now = keys("ghcr.io/openclaw/openclaw:2026.9.6")
    older = keys("ghcr.io/openclaw/openclaw:2026.9.5")
    assert now == keys("ghcr.io/openclaw/openclaw:2026.9.6@sha256:" + "0" * 64)
    assert [a == b for a, b in zip(now, older, strict=True)] == [True, True, False]
    assert keys("ghcr.io/openclaw/openclaw:2026.9.6", "24.16.0")[1] != now[1]


def test_missing_binaries_are_named(tmp_path: Path) -> None:
    (tmp_path / "tailscale").touch()
    with pytest.raises(SandboxError, match="needs containerboot, tailscaled in"):
        images.tailscale(Images().tailscale, tmp_path)


def test_links_to_binaries_put_the_binaries_into_the_image(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in images.TAILSCALE_BINARIES:
        (tmp_path / name).write_text(name)
        (tmp_path / "bin" / name).symlink_to(tmp_path / name)
    step = images.tailscale(Images().tailscale, tmp_path / "bin").steps[1]
    assert [entry.source for entry in step.make(tmp_path)] == [tmp_path / name for name in images.TAILSCALE_BINARIES]


def test_dependencies_of_the_gateway_stand_beside_it(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    installed = ("openclaw/openclaw.mjs", "openclaw/node_modules/own/x", "openclaw/node_modules/.bin/z", "shared/y")
    for name in (*installed, ".package-lock.json", ".bin/q"):
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).touch()
    (tmp_path / "root").mkdir()
    images.lay_out(modules, tmp_path / "root")
    app = tmp_path / "root" / "app"
    files = {str(path.relative_to(app)) for path in app.rglob("*") if path.is_file()}
    assert files == {"openclaw.mjs", "node_modules/own/x", "node_modules/shared/y"}


def test_a_dependency_in_two_versions_is_not_mixed_up(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    for name in ("openclaw/node_modules/twice", "twice"):
        (modules / name).mkdir(parents=True)
    (tmp_path / "root").mkdir()
    with pytest.raises(SandboxError, match="brings its own twice beside shared ones"):
        images.lay_out(modules, tmp_path / "root")
