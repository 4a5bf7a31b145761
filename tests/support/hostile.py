"""Values that a shell, systemd or a property list would misread, planted in a node and all around it."""

from components.settings import Instance, Node, Settings
from components.settings.load import parse

HOSTILE = [
    *(
        "$(touch /tmp/owned)",
        "`id`",
        "'; id; '",
        '"; id; "',
        "a b",
        "a\nb",
        "\nPLIST\nid\n",
        "\nENROL\nid\n",
        "%h",
        "${HOME}",
        "$HOME",
    ),
    *(
        "--flag",
        "a;b",
        "a|b",
        "a&b",
        "a>b",
        "#a",
        "\\",
        "\\n",
        "*",
        "~",
        "{a,b}",
        "{key}",
        "}",
        "é",
        "@HOME@",
        "</string>",
        "<!--",
    ),
    *(
        "]]>",
        "&amp;",
        "'\"'\"'",
        "\\'",
        "!a",
        "\u2028",
        "a\\",
        "$$",
        "%%",
        "$1",
        "",
        "-",
        "- a: b",
        "!!python/object:a",
        "|",
        "ENROL",
        "PLIST",
    ),
]


def world(text: str) -> tuple[Node, Instance, Settings]:
    """A node, its gateway and the stack with this text wherever a person may write one, unchecked."""
    settings = parse({"tailnet": {"name": "a.b"}, "instances": [{"id": "home", "people": ["a@b.c"]}]})
    (instance,) = settings.instances
    sidecar = instance.tailscale.model_copy(update={"hostname": text})
    instance = instance.model_copy(update={"people": (text,), "namespace": text, "tailscale": sidecar})
    settings = settings.model_copy(
        update={"tailnet": settings.tailnet.model_copy(update={"name": text, "login_server": text})}
    )
    node = Node(id="build", kind="linux", gateway="home").model_copy(
        update={"id": text, "hostname": text, "commands": (text, "system.run")}
    )
    return node, instance, settings
