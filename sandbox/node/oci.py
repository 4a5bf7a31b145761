"""OCI images without a builder: reproducible layers, a store of blobs, and the archive that containerd imports."""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

# The same files give the same bytes, whenever and by whom they were fetched.
EPOCH: Final = 1_700_000_000
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_PARTIAL: Final = ".partial-"
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Blob:
    """Some content by its digest (64 hex characters)."""

    digest: str
    size: int

    def descriptor(self, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": f"sha256:{self.digest}", "size": self.size}


class Store:
    """Blobs in one directory; equal content is there once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, blob: Blob) -> Path:
        return self.directory / blob.digest

    def has(self, blob: Blob) -> bool:
        return self.path(blob).is_file() and self.path(blob).stat().st_size == blob.size

    def partial(self) -> list[Path]:
        """Removes half-written files of a killed process; anybody else's current writing too, so hold a lock."""
        return list(self.directory.glob(f"{_PARTIAL}*"))

    def add(self, write: Callable[[IO[bytes]], None]) -> Blob:
        """Keeps what `write` writes. A crash leaves no half blob under a digest."""
        descriptor, temporary = tempfile.mkstemp(dir=self.directory, prefix=_PARTIAL)
        try:
            with os.fdopen(descriptor, "wb") as file:
                hashing = _Hashing(file)
                # Streams of tarfile only ever write.
                write(cast(IO[bytes], hashing))
            blob = Blob(hashing.digest.hexdigest(), hashing.size)
            Path(temporary).replace(self.path(blob))
            return blob
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


class _Hashing:
    """Passes writes on, counting and hashing them."""

    def __init__(self, target: IO[bytes]) -> None:
        self.target = target
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self.target.write(data)


@dataclass(frozen=True)
class Entry:
    """One file to be in a layer: `source` on disk, or `text`, or a link, or (with none of these) a directory."""

    path: str
    source: Path | None = None
    text: str | None = None
    link: str | None = None
    mode: int = 0o755
    owner: int = 0


def tree(root: Path, at: str = "", skip: Container[str] = (), owner: int = 0) -> Iterator[Entry]:
    """Everything below `root`, placed below `at`; without the paths (as in the layer) of `skip` and what is in them."""
    for entry in os.scandir(root):
        place = f"{at}/{entry.name}".lstrip("/")
        if place not in skip:
            yield Entry(place, source=Path(entry.path), owner=owner)
            if entry.is_dir(follow_symlinks=False):
                yield from tree(Path(entry.path), place, skip, owner)


def layer(store: Store, entries: Iterable[Entry], keep_owners: bool = False) -> Blob:
    """An uncompressed layer (it imports faster than a compressed one), sorted, with fixed times and owners.

    Owners are those of the entries, or with `keep_owners` those of the files: a Debian root has set-group-id programs.
    """

    def write(out: IO[bytes]) -> None:
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as archive:
            for entry in sorted(entries, key=lambda item: item.path):
                _add(archive, entry, keep_owners)

    return store.add(write)


def _add(archive: tarfile.TarFile, entry: Entry, keep_owners: bool) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mtime, info.uid, info.gid, info.mode = EPOCH, entry.owner, entry.owner, entry.mode
    if entry.source is not None:
        status = entry.source.lstat()
        info.mode = status.st_mode & 0o7777
        if keep_owners:
            info.uid, info.gid = status.st_uid, status.st_gid
        if entry.source.is_symlink():
            info.type, info.linkname = tarfile.SYMTYPE, str(entry.source.readlink())
        elif entry.source.is_dir():
            info.type = tarfile.DIRTYPE
        elif entry.source.is_file():
            info.size = status.st_size
            with entry.source.open("rb") as file:
                archive.addfile(info, file)
            return
        else:
            return  # devices and sockets: a container gets its own
    elif entry.text is not None:
        data = entry.text.encode()
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
        return
    elif entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
    else:
        info.type = tarfile.DIRTYPE
    archive.addfile(info)


@dataclass(frozen=True)
class Image:
    """One image: its name, its layers, how it runs."""

    reference: str
    layers: tuple[Blob, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str = ""
    directory: str = "/"

    def config(self) -> bytes:
        run = {
            "User": self.user,
            "WorkingDir": self.directory,
            "Env": [f"{key}={value}" for key, value in sorted(self.environment.items())],
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
        }
        return _json(
            {
                "created": "2023-11-14T22:13:20Z",
                "architecture": architecture(),
                "os": "linux",
                "config": {key: value for key, value in run.items() if value},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
                "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "sandbox"} for _ in self.layers],
            }
        )

    def manifest(self) -> bytes:
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _blob(self.config()).descriptor(_CONFIG),
                "layers": [layer.descriptor(_LAYER) for layer in self.layers],
            }
        )

    def digest(self) -> str:
        """Digest of the manifest: what containerd shows for the imported image."""
        return f"sha256:{_blob(self.manifest()).digest}"


def write_archive(out: IO[bytes], images: Sequence[Image], store: Store) -> None:
    """One OCI archive with all of the images, each blob once, straight from the store."""
    small = {_blob(data).digest: data for image in images for data in (image.config(), image.manifest())}
    layers = {layer.digest: layer for image in images for layer in image.layers}
    index = _json(
        {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [
                {
                    **_blob(image.manifest()).descriptor(_MANIFEST),
                    "platform": {"architecture": architecture(), "os": "linux"},
                    # containerd names the image after the first of these.
                    "annotations": {
                        "io.containerd.image.name": image.reference,
                        "org.opencontainers.image.ref.name": image.reference.rpartition(":")[2],
                    },
                }
                for image in images
            ],
        }
    )
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as archive:
        _add(archive, Entry("oci-layout", text='{"imageLayoutVersion":"1.0.0"}', mode=0o644), False)
        _add(archive, Entry("index.json", text=index.decode(), mode=0o644), False)
        for digest in sorted([*small, *layers]):
            info = tarfile.TarInfo(f"blobs/sha256/{digest}")
            info.mtime, info.mode = EPOCH, 0o644
            if digest in small:
                info.size = len(small[digest])
                archive.addfile(info, io.BytesIO(small[digest]))
            else:
                info.size = layers[digest].size
                with store.path(layers[digest]).open("rb") as file:
                    archive.addfile(info, file)


def architecture() -> str:
    """This machine's, as image configurations spell it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def _blob(data: bytes) -> Blob:
    return Blob(hashlib.sha256(data).hexdigest(), len(data))


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
