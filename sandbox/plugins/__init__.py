"""Stand-ins for the Pulumi provider plugins, for machines that cannot download the official ones."""

import shlex
from pathlib import Path

NAMES = ("kubernetes", "tailscale", "random")


def install(directory: Path, python: Path) -> None:
    """Write the executables `pulumi-resource-<name>` into `directory`, which belongs on the engine's PATH.

    `python` is the interpreter that has the dependencies; a path given relative is made absolute, links are kept,
    because the interpreter of a virtual environment is a link. Writing the same files again changes nothing.
    """
    repository = Path(__file__).resolve().parents[2]
    directory.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        # -P: the engine starts a plugin in the program's directory, which must not shadow modules.
        script = (
            "#!/bin/sh\n"
            "unset PYTHONDONTWRITEBYTECODE PYTHONHOME\n"
            f"PYTHONPATH={shlex.quote(str(repository))}\n"
            "export PYTHONPATH\n"
            f'exec {shlex.quote(str(python.absolute()))} -P -m sandbox.plugins.{name} "$@"\n'
        )
        target = directory / f"pulumi-resource-{name}"
        if not target.exists() or target.read_text() != script:
            temporary = target.with_suffix(".new")
            temporary.write_text(script)
            temporary.chmod(0o755)
            temporary.replace(target)
