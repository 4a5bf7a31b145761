"""The whole configuration of a stack."""

from components.settings.model import Model
from components.settings.models import Cluster, Images, Instance, Tailnet
from components.settings.nodes import Node


class Settings(Model):
    """The whole configuration of a stack."""

    tailnet: Tailnet
    instances: tuple[Instance, ...]
    nodes: tuple[Node, ...] = ()
    cluster: Cluster = Cluster()
    images: Images = Images()
