"""A Mac as a node: the script that its person runs once, and the launchd agent that it leaves."""

import plistlib
import shlex
from typing import Final

from components.nodes import browser, host, quoting
from components.nodes.kind import Join
from components.nodes.linux import NODE_VERSION
from components.nodes.machine import Machine, version_of
from components.settings.images import openclaw_version
from components.settings.models import Instance
from components.settings.nodes import Node
from components.settings.stack import Settings

LABEL: Final = "tailnet.openclaw.node"

SCRIPT: Final = """\
#!/bin/sh
# Joins this Mac to the tailnet and makes it a node of a gateway. Run it as the person whom the commands shall run as,
# with Tailscale installed (its command line too: the app's settings, "Install CLI"). It holds secrets: delete it then.
set -eu
umask 077
echo "This Mac becomes a node of" {gateway}
home="$HOME/Library/OpenClawNode"
mkdir -p "$home/node" "$home/app" "$HOME/Library/LaunchAgents"
cd "$home"

printf '%s\\n' {key} > tailnet-key
tailscale up --auth-key="file:$home/tailnet-key" {up}
rm tailnet-key

case $(uname -m) in arm64) arch=arm64 ;; x86_64) arch=x64 ;; *) echo "no Node.js for $(uname -m)" >&2; exit 1 ;; esac
node=v{node}
archive=node-$node-darwin-$arch.tar.gz
curl -fsSLO "https://nodejs.org/dist/$node/$archive"
curl -fsSL "https://nodejs.org/dist/$node/SHASUMS256.txt" | grep " $archive\\$" | shasum -a 256 -c -
tar -xzf "$archive" -C node --strip-components=1
rm "$archive"
PATH="$home/node/bin:$PATH"
export PATH
(cd app && npm install --no-audit --no-fund {openclaw})

cat > enrol.mjs <<'ENROL'
{enrol}ENROL
{configuration}printf '%s\\n' {secret} > gateway-secret
# It waits until somebody approves it.
env {environment} HOME="$home" OPENCLAW_STATE_DIR="$home/.openclaw" \\
  node enrol.mjs enrolled gateway-secret node app/node_modules/openclaw/openclaw.mjs {arguments}

label={label}
agent="$HOME/Library/LaunchAgents/$label.plist"
sed "s|@HOME@|$home|g" > "$agent" {plist}
launchctl bootout "gui/$(id -u)/$label" 2> /dev/null || true
launchctl bootstrap "gui/$(id -u)" "$agent"
"""


# The node host that asks for its approval reads it too.
BROWSER_SCRIPT: Final = """\
cat > {file} {text}
OPENCLAW_CONFIG_PATH="$home"/{file}
OPENCLAW_CONFIG_READONLY=1
export OPENCLAW_CONFIG_PATH OPENCLAW_CONFIG_READONLY
"""


def plist(node: Node, instance: Instance, settings: Settings) -> str:
    """The launchd agent; `@HOME@` stands for the node's directory, which only the Mac knows."""
    program = ["@HOME@/node/bin/node", "@HOME@/app/node_modules/openclaw/openclaw.mjs"]
    agent = {
        "Label": LABEL,
        "ProgramArguments": [*program, *host.arguments(node, instance, settings)],
        "EnvironmentVariables": {
            **host.environment("@HOME@", instance, f"@HOME@/{browser.CONFIG_FILE}" if node.browser else None),
            "PATH": "@HOME@/node/bin:/usr/local/bin:/usr/bin:/bin",
        },
        "WorkingDirectory": "@HOME@",
        "RunAtLoad": True,
        # It reconnects by itself; it ends when its credential is refused.
        "KeepAlive": True,
        "ThrottleInterval": 20,
        "StandardOutPath": "@HOME@/node.log",
        "StandardErrorPath": "@HOME@/node.log",
    }
    return plistlib.dumps(agent).decode()


def _configuration(node: Node) -> str:
    if node.browser is None:
        return ""
    text = quoting.here_document("CONFIG", browser.config_text(node.browser))
    return BROWSER_SCRIPT.format(**quoting.shell(file=browser.CONFIG_FILE), text=text)


def script(node: Node, instance: Instance, settings: Settings, auth_key: str, secret: str) -> str:
    """The whole script, secrets included."""
    names = node.names
    login = settings.tailnet.login_server
    up = [f"--hostname={names.hostname}", *([f"--login-server={login}"] if login else [])]
    up += [] if node.people else ["--shields-up"]
    return SCRIPT.format(
        **quoting.shell(
            gateway=host.gateway_name(instance, settings),
            label=LABEL,
            key=auth_key,
            secret=f"{host.secret_name(instance)}={secret}",
            node=NODE_VERSION,
            openclaw=f"openclaw@{version_of('the gateway', openclaw_version(instance.gateway.image or settings.images.gateway))}",
        ),
        configuration=_configuration(node),
        plist=quoting.here_document("PLIST", plist(node, instance, settings)),
        up=shlex.join(up),
        enrol=host.ENROL_SCRIPT,
        environment=shlex.join(f"{key}={value}" for key, value in host.variables(instance).items()),
        arguments=shlex.join(host.arguments(node, instance, settings)),
    )


class Mac(Machine):
    """A Mac whose person runs a script once."""

    name = "mac"

    def join_material(self, join: Join) -> str:
        """The script."""
        return script(join.node, join.instance, join.settings, join.auth_key, join.gateway_secret)
