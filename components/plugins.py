"""OpenClaw's plugins that are not in the image: installed onto the gateway's volume before the gateway starts."""

import json
from pathlib import Path
from typing import Final

from components.constants import PLUGINS_CONTAINER, VOLUME_HOME, VOLUME_TMP
from components.manifest import env
from components.pods import HOME, STATE, USER, Container, heap_option, limits, locked_down
from components.settings import Instance

INSTALL_SCRIPT: Final = (Path(__file__).parent / "openclaw" / "install.mjs").read_text()
# Beside OpenClaw's own state, which it may rewrite as it likes.
RECORD: Final = f"{HOME}/.openclaw-plugins.json"


def container(instance: Instance, image: str) -> Container:
    """The init container that installs and removes plugins. It needs the npm registry only when the list has changed."""
    resources = instance.gateway.resources
    values = {
        "HOME": HOME,
        "OPENCLAW_STATE_DIR": STATE,
        # Its own: the gateway's configuration allows no installation, and is read-only.
        "OPENCLAW_CONFIG_PATH": "/tmp/plugins/openclaw.json",
        "XDG_CACHE_HOME": f"{HOME}/.cache",
        "npm_config_cache": "/tmp/npm",
        # Its own waits between two attempts are 10 and 60 seconds, and a pod that failed is tried again anyway.
        "npm_config_fetch_retry_mintimeout": "1000",
        "npm_config_fetch_retry_maxtimeout": "5000",
        "DO_NOT_TRACK": "1",
        "NODE_OPTIONS": heap_option(resources),
    }
    wanted = json.dumps(dict(sorted(instance.gateway.plugins.items())))
    return {
        "name": PLUGINS_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["node", "--input-type=module", "--eval", INSTALL_SCRIPT, "--", wanted, RECORD],
        "env": env(values),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": limits(resources),
        "securityContext": locked_down(USER),
        "volumeMounts": [
            {"name": VOLUME_HOME, "mountPath": HOME},
            {"name": VOLUME_TMP, "mountPath": "/tmp"},
        ],
    }
