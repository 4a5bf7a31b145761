"""A gateway that only answers its probes: OpenClaw's image with a small server in the place of OpenClaw.

For tests of everything around a gateway: pod, sidecar, keys, volumes and policies are the real ones, as declared. It starts in a
tenth of a second, where OpenClaw takes half a minute of a processor.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from components.settings import Images
from components.settings.images import openclaw_version
from sandbox.node import images, layout, oci, runtime
from sandbox.world import World

# Of the version whose place it takes: the program reads it.
IMAGE: Final = f"localhost/openclaw-tests/quick-gateway:{openclaw_version(Images().gateway)}"
# What it says of a client that wants a connection. It lets in nobody.
REFUSED: Final = "refused a connection"
_PROGRAM: Final = f"""
import {{ createServer }} from "node:http";
process.on("SIGTERM", () => process.exit());
const server = createServer((asked, answer) =>
  answer.end(JSON.stringify({{ ok: true, ready: true, status: asked.url === "/healthz" ? "live" : "started" }})));
server.on("upgrade", (_, socket) => {{ console.log("{REFUSED}"); socket.destroy(); }});
server.listen(18789, "127.0.0.1");
"""


def bring(world: World) -> None:
    """The image, in the node's containerd."""
    real = images.openclaw(Images().gateway)
    *below, _ = real.steps

    def make(work: Path) -> Iterator[oci.Entry]:
        program = work / "openclaw.mjs"
        program.write_text(_PROGRAM)
        yield oci.Entry("app", owner=1000)
        yield oci.Entry("app/openclaw.mjs", source=program)

    ours = images.Step("quick gateway", hashlib.sha256(_PROGRAM.encode()).hexdigest(), make, 1)
    recipe = dataclasses.replace(real, reference=IMAGE, steps=(*below, ours))
    import_image(world, recipe)


def import_image(world: World, recipe: images.Recipe) -> None:
    """An image of the tests' own, built where it is missing. Raises SandboxError."""
    built, store = images.ensure(world.home, [recipe], lambda _: None)
    runtime.import_all(layout.of(world.home), built, store, lambda _: None)
