"""The adapter over a control server of ours that keeps things in memory."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.control_fake import BASE, Api, FakeControl


@pytest.fixture
def control() -> FakeControl:
    return FakeControl("alice@example.com")


@pytest.fixture
def api(tmp_path: Path, control: FakeControl) -> Api:
    """With a policy in which tag:gw and tag:other have owners."""
    client = Api.over(tmp_path, control)
    policy: dict[str, Any] = {"tagOwners": {"tag:gw": [], "tag:other": []}, "grants": []}
    assert client.post(f"{BASE}/acl", json=policy).status_code == 200
    return client
