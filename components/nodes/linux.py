"""A Linux machine as a node: the cloud-init user-data that a stock Debian or Ubuntu image runs at its first start."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.nodes import browser, host, quoting
from components.nodes.kind import Join, Surroundings
from components.nodes.machine import Machine, version_of
from components.settings.errors import Problem
from components.settings.images import openclaw_version, tailscale_version
from components.settings.models import Instance
from components.settings.nodes import Node
from components.settings.stack import Settings

USER: Final = "openclaw-node"
HOME: Final = f"/var/lib/{USER}"
ETC: Final = f"/etc/{USER}"
LIB: Final = f"/usr/local/lib/{USER}"
KEY_FILE: Final = f"{ETC}/tailnet-key"
CONFIG_FILE: Final = f"{ETC}/{browser.CONFIG_FILE}"
SECRET_FILE: Final = f"{HOME}/gateway-secret"
MARKER: Final = f"{HOME}/enrolled"
JOIN: Final = f"/usr/local/sbin/{USER}-join"
# OpenClaw 2026.9 asks for >= 24.16 < 25.
NODE_VERSION: Final = "24.21.0"
PROGRAM: Final = (f"{HOME}/node/bin/node", f"{HOME}/app/node_modules/openclaw/openclaw.mjs")

# The node's commands run in this unit too: they cannot become root, see nobody's home, write nothing but their own, and
# reach no metadata service, which would hand them this very user-data.
UNIT: Final = """\
[Unit]
Description=OpenClaw node: runs commands for its gateway
Wants=network-online.target
After=network-online.target tailscaled.service
StartLimitIntervalSec=0

[Service]
User={user}
WorkingDirectory={home}
EnvironmentFile={etc}/environment
# Until it is approved, for as long as that takes; afterwards it does nothing.
ExecStartPre={enrol}
TimeoutStartSec=infinity
ExecStart={run}
# It reconnects by itself; it ends when its credential is refused.
Restart=always
RestartSec=20
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths={home}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
IPAddressDeny=169.254.0.0/16 fd00:ec2::254/128

[Install]
WantedBy=multi-user.target
"""

JOIN_SCRIPT: Final = """\
#!/bin/sh
# Run by cloud-init at the first start, as root: installs Tailscale, Node.js and OpenClaw, joins the tailnet, starts the node.
set -eu
umask 022
export DEBIAN_FRONTEND=noninteractive
. /etc/os-release
site=https://pkgs.tailscale.com/stable/$ID/$VERSION_CODENAME
curl -fsSL "$site.noarmor.gpg" -o /usr/share/keyrings/tailscale-archive-keyring.gpg
curl -fsSL "$site.tailscale-keyring.list" -o /etc/apt/sources.list.d/tailscale.list
apt-get update -q
apt-get install -q -y {tailscale}
apt-mark hold tailscale

# The key is in no argument list, lets one machine in, and is gone afterwards.
if [ -f {key} ]; then
  tailscale up {up}
  rm -f {key}
fi

case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) echo "no Node.js for $(uname -m)" >&2; exit 1 ;; esac
node=v{node}
archive=node-$node-linux-$arch.tar.xz
cd /tmp
curl -fsSLO "https://nodejs.org/dist/$node/$archive"
curl -fsSL "https://nodejs.org/dist/$node/SHASUMS256.txt" | grep " $archive\\$" | sha256sum --check -
{browser}chown {user}:{user} {home}
# Gone once the node is approved: this script may run again, for another version.
if [ -f {secret} ]; then chown {user}:{user} {secret}; fi
chmod 0700 {home}
# As the node's own user: nothing of the package runs as root.
runuser -u {user} -- sh -eu -c '
  mkdir -p {home}/node {home}/app
  tar -xJf "$1" -C {home}/node --strip-components=1 --no-same-owner
  cd {home}/app
  PATH={home}/node/bin:$PATH HOME={home} npm install --no-audit --no-fund "$2"
' sh "/tmp/$archive" {openclaw}
rm -f "/tmp/$archive"
systemctl daemon-reload
systemctl enable {user}.service
# Not waited for: somebody has to approve it first.
systemctl restart --no-block {user}.service
"""


# Ubuntu has chromium as a snap only, which does not start in the node's unit.
BROWSER_SCRIPT: Final = """\
# The agent's own browser.
if ! command -v google-chrome > /dev/null && ! command -v chromium > /dev/null; then
  if [ "$ID" = debian ]; then apt-get install -q -y chromium
  else echo "no browser on this $ID: install Google Chrome's own package" >&2; fi
fi
"""


def join_arguments(node: Node, settings: Settings) -> list[str]:
    """Arguments of `tailscale up`; the key brings the tag."""
    names = node.names
    login = settings.tailnet.login_server
    return [
        f"--auth-key=file:{KEY_FILE}",
        f"--hostname={names.hostname}",
        *([f"--login-server={login}"] if login else []),
        # Where nobody is to connect, the machine itself refuses as well.
        *([] if node.people else ["--shields-up"]),
    ]


def files(node: Node, instance: Instance, settings: Settings) -> dict[str, tuple[str, str]]:
    """(mode, text) of each file by its path, but for the two that hold secrets. Pure."""
    run = [*PROGRAM, *host.arguments(node, instance, settings)]
    enrol = [PROGRAM[0], f"{LIB}/enrol.mjs", MARKER, SECRET_FILE, *run]
    environment = {
        **host.environment(HOME, instance, CONFIG_FILE if node.browser else None),
        "PATH": f"{HOME}/node/bin:/usr/local/bin:/usr/bin:/bin",
    }
    image = instance.gateway.image or settings.images.gateway
    script = JOIN_SCRIPT.format(
        **quoting.shell(
            tailscale=f"tailscale={version_of('images.tailscale', tailscale_version(settings.images.tailscale))}",
            openclaw=f"openclaw@{version_of('the gateway', openclaw_version(image))}",
            node=NODE_VERSION,
            key=KEY_FILE,
            secret=SECRET_FILE,
            user=USER,
            home=HOME,
        ),
        up=shlex.join(join_arguments(node, settings)),
        browser=BROWSER_SCRIPT if node.browser and browser.OWN in node.browser.profiles else "",
    )
    # The system's own: the node cannot change what it may be asked for.
    configuration = {CONFIG_FILE: ("0644", browser.config_text(node.browser))} if node.browser else {}
    return configuration | {
        f"{LIB}/enrol.mjs": ("0644", host.ENROL_SCRIPT),
        f"{ETC}/environment": ("0644", "".join(f"{name}={value}\n" for name, value in environment.items())),
        f"/etc/systemd/system/{USER}.service": (
            "0644",
            UNIT.format(user=USER, home=HOME, etc=ETC, enrol=quoting.systemd(enrol), run=quoting.systemd(run)),
        ),
        JOIN: ("0700", script),
    }


def user_data(contents: Mapping[str, tuple[str, str]], secret_name: str, auth_key: str, secret: str) -> str:
    """The whole document, secrets included. JSON is YAML, and needs no care for what a text contains."""
    written: list[dict[str, Any]] = [
        {"path": path, "permissions": mode, "owner": "root:root", "content": text}
        for path, (mode, text) in contents.items()
    ]
    for path, text in {KEY_FILE: auth_key, SECRET_FILE: f"{secret_name}={secret}"}.items():
        written.append({"path": path, "permissions": "0600", "owner": "root:root", "content": f"{text}\n"})
    document = {
        "users": ["default", {"name": USER, "system": True, "homedir": HOME, "shell": "/usr/sbin/nologin"}],
        "package_update": True,
        "packages": ["ca-certificates", "curl", "xz-utils"],
        "write_files": written,
        "runcmd": [[JOIN]],
    }
    return f"#cloud-config\n{json.dumps(document, indent=1)}\n"


class Linux(Machine):
    """A Linux machine that cloud-init makes a node at its first start."""

    name = "linux"

    def problems(self, path: str, node: Node, around: Surroundings) -> Iterator[Problem]:
        """As of any machine; it installs Tailscale, too."""
        yield from super().problems(path, node, around)
        if around.gateway and around.images and tailscale_version(around.images.tailscale) is None:
            yield Problem(
                "images.tailscale",
                f"has no tag that says which version {path} should install. Write a released version, before any digest, "
                "such as :v1.102.3.",
            )

    def join_material(self, join: Join) -> str:
        """Cloud-init user-data."""
        contents = files(join.node, join.instance, join.settings)
        return user_data(contents, host.secret_name(join.instance), join.auth_key, join.gateway_secret)
