"""Destroying an owned stack: nothing stays but what it was told to keep."""

from tests.support.engine_world import Cluster, MakeStack, Tailnet, instance


def test_i10_destroy_keeps_the_retained_volumes_and_nothing_else(
    stack: MakeStack, cluster: Cluster, tailnet: Tailnet
) -> None:
    ended = stack("ended", owned=True)
    ended.up(instance("kept"), instance("gone", storage={"retain": False}))
    claims = cluster.claims("openclaw-kept")
    policy = tailnet.policy()

    ended.destroy()

    assert ended.resources() == {}
    assert cluster.inventory("ended").keys() == {
        "Namespace /openclaw-kept",
        "PersistentVolumeClaim openclaw-kept/gateway-home",
        "PersistentVolumeClaim openclaw-kept/tailnet-state",
        # They keep other stacks from adopting these volumes.
        "Guard /openclaw-tailnet-ended-ownership",
        "GuardBinding /openclaw-tailnet-ended-ownership",
    }
    assert cluster.claims("openclaw-kept") == claims
    assert cluster.get("/api/v1/namespaces/openclaw-gone") is None
    assert not [key for key in tailnet.valid_keys().values() if "openclaw gone" in key["description"]]
    assert tailnet.policy() == policy, "the tailnet's policy is never reset by a destroy"
