"""Starts the `kubernetes` stand-in."""

from sandbox.plugins.kubernetes.provider import Kubernetes
from sandbox.plugins.server import serve

serve(Kubernetes, Kubernetes.name)
