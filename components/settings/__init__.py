"""The stack's configuration: typed, checked as a whole, before any resource is declared."""

from components.settings.errors import Problem, SettingsError
from components.settings.load import KEYS, load
from components.settings.models import (
    AuthKey,
    Cluster,
    EgressPort,
    EgressRule,
    Gateway,
    GatewayAuth,
    Images,
    Instance,
    Resources,
    Settings,
    Sidecar,
    Storage,
    Tailnet,
    Volume,
)

__all__ = [
    "KEYS",
    "AuthKey",
    "Cluster",
    "EgressPort",
    "EgressRule",
    "Gateway",
    "GatewayAuth",
    "Images",
    "Instance",
    "Problem",
    "Resources",
    "Settings",
    "SettingsError",
    "Sidecar",
    "Storage",
    "Tailnet",
    "Volume",
    "load",
]
