"""ConfigMaps: the two files that decide who reaches a gateway, whoever writes them (I1)."""

from typing import Final

from components.admission.cel import all_of, any_of, given, matches, quoted
from components.admission.rule import Guard, Kinds, Rule
from components.constants import GATEWAY_PORT, PORTAL_LOWEST, PORTALS_NEVER, SERVED_PORTS
from components.sidecar import SERVE_KEY

_CONFIG_KEY: Final = "openclaw.json"
_DATA: Final = given("object", "data", "{}")
_HOME: Final = "127[.]0[.]0[.]1"

# serve.json as sidecar.serve_json writes it, without its blanks.
_HANDLER: Final = f'[{{]"Handlers":[{{]"/":[{{]"Proxy":"http://{_HOME}:[0-9]+"[}}][}}][}}]'
_ON: Final = '"[0-9]+":[{]"HTTPS?":true[}]'
_WEB: Final = f'"[-a-z0-9.]+:[0-9]+":{_HANDLER}'
_FORWARD: Final = f'"[0-9]+":[{{]"TCPForward":"{_HOME}:[0-9]+"[}}]'
FILE: Final = f'[{{]"TCP":[{{]({_FORWARD},?)+[}}][}}]|[{{]"TCP":[{{]({_ON},?)+[}}],"Web":[{{]({_WEB},?)+[}}][}}]'
# From the port at which something is served to its target.
PAIR: Final = f'[0-9]+":[{{]("Handlers":[{{]"/":[{{]"Proxy":"http://|"TCPForward":"){_HOME}:[0-9]+'
_SERVED, _TARGET = "p.split('\"')[0]", "p.split('127.0.0.1:')[1]"
_OTHERS: Final = any_of(
    *(f"int({_TARGET}) >= {ports.start} && int({_TARGET}) < {ports.stop}" for ports in PORTALS_NEVER)
)
_LEADS: Final = any_of(
    all_of(f"{_TARGET} == '{GATEWAY_PORT}'", f"int({_SERVED}) in {sorted(SERVED_PORTS.values())}"),
    all_of(f"{_TARGET} == {_SERVED}", f"int({_TARGET}) >= {PORTAL_LOWEST}", f"!({_OTHERS})"),
)

# Characters. A gateway with all its portals has a third of it.
_LONGEST: Final = 8192
_FUNNEL: Final = r'"AllowFunnel"\s*:\s*[{]\s*[^}\s]'
_CONFIG: Final = f"{_DATA}[{quoted(_CONFIG_KEY)}]"
_LOOPBACK: Final = r'"bind"\s*:\s*"loopback"'
_OWN_FUNNEL: Final = r'"mode"\s*:\s*"funnel"'

CONFIG_MAPS: Final = Guard(
    "configmaps",
    [Kinds("", ["configmaps"])],
    [
        Rule(
            "funnel",
            "I1",
            "Funnel serves to the whole internet",
            # A pattern costs more than a word, and a ConfigMap may have a megabyte.
            f"{_DATA}.all(k, !{_DATA}[k].contains('AllowFunnel') || !{_DATA}[k].matches({quoted(_FUNNEL)}))",
        ),
        Rule(
            "serve",
            "I1",
            f"{SERVE_KEY} serves the gateway, or a portal at its own port, and nothing else",
            any_of(
                f"!({quoted(SERVE_KEY)} in {_DATA})",
                all_of(
                    f"{_DATA}[{quoted(SERVE_KEY)}].size() < {_LONGEST}",
                    matches("variables.serve", FILE),
                    f"variables.serve.findAll({quoted(PAIR)}).all(p, {_LEADS})",
                ),
            ),
        ),
        Rule(
            "bind",
            "I1",
            f"the gateway binds loopback, and {_CONFIG_KEY} says so",
            f"!({quoted(_CONFIG_KEY)} in {_DATA}) || {_CONFIG}.matches({quoted(_LOOPBACK)})",
        ),
        Rule(
            "own-funnel",
            "I1",
            "OpenClaw's own Funnel is off",
            f"!({quoted(_CONFIG_KEY)} in {_DATA}) || !{_CONFIG}.matches({quoted(_OWN_FUNNEL)})",
        ),
        Rule(
            "binary",
            "I1",
            f"{SERVE_KEY} and {_CONFIG_KEY} are text",
            f"{given('object', 'binaryData', '{}')}.all(k, !(k in ['{SERVE_KEY}', '{_CONFIG_KEY}']))",
        ),
    ],
    variables={"serve": f"{_DATA}[?{quoted(SERVE_KEY)}].orValue('').replace(' ', '').replace('\\n', '')"},
)
