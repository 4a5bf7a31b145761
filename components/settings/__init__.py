"""The stack's configuration: typed, checked as a whole, before any resource is declared."""

from components.settings.errors import Problem, SettingsError
from components.settings.gateway import Gateway, GatewayAuth
from components.settings.load import KEYS, load
from components.settings.model import Resources
from components.settings.models import (
    AuthKey,
    Cluster,
    CredentialForm,
    EgressPort,
    EgressRule,
    Images,
    Instance,
    OAuthClient,
    Sidecar,
    Storage,
    Tailnet,
    Volume,
)
from components.settings.nodes import KubernetesNode, Node
from components.settings.placement import CaBundle, Placement, Proxy
from components.settings.stack import Settings

__all__ = [
    "KEYS",
    "AuthKey",
    "CaBundle",
    "Cluster",
    "CredentialForm",
    "EgressPort",
    "EgressRule",
    "Gateway",
    "GatewayAuth",
    "Images",
    "Instance",
    "KubernetesNode",
    "Node",
    "OAuthClient",
    "Placement",
    "Problem",
    "Proxy",
    "Resources",
    "Settings",
    "SettingsError",
    "Sidecar",
    "Storage",
    "Tailnet",
    "Volume",
    "load",
]
