"""Answers that the hosted service gave to real policies: other people's data, beside the repository and never in it."""

import json
from typing import Any, Final

from tests.support.configs import ROOT

RECORDED: Final = ROOT.parent / "shared" / "data" / "tailscale-answers" / "answers.jsonl"
CASES: Final[list[dict[str, Any]]] = (
    [json.loads(line) for line in RECORDED.read_text().splitlines()] if RECORDED.exists() else []
)
