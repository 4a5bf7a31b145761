"""The files of a stack's engine, and the environment of its processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """`state` is the file backend's directory, `pulumi_home` has credentials and plugins, `work` the engine's own files,
    `passphrase` the file with the passphrase of the stacks' secrets. `environment` is that of every process.
    """

    state: Path
    pulumi_home: Path
    work: Path
    logs: Path
    passphrase: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
