"""Each module has its test file: the one with its name, at the same place below tests/unit, or one that is named here."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"
PACKAGES = ("addons", "components", "engine", "gitops", "policies", "sandbox")

# Where it is not the module's own: what it does is seen best in what it serves, or by a real server.
TESTED_BY: dict[str, tuple[str, ...]] = {
    "tests/unit/addons/status/rules/test_containers.py": (
        *("addons/status/rules/failures", "addons/status/rules/keys", "addons/status/rules/storage"),
    ),
    "tests/unit/addons/status/rules/test_verdict.py": (
        "addons/status/facts",
        "addons/status/model",
        "addons/status/readings",
    ),
    "tests/unit/addons/test_cli.py": ("addons/errors", "addons/commands/serve"),
    "tests/e2e/test_port_forward.py": ("sandbox/console",),
    "tests/unit/addons/changes/test_edit.py": ("addons/changes/yaml_tree",),
    "tests/engine/test_addons_changes.py": ("addons/changes/jobs",),
    "tests/unit/support/test_console_fake.py": ("addons/changes/model", "addons/console"),
    "tests/unit/components/test_invariants.py": (
        *(
            "components/config_map",
            "components/constants",
            "components/errors",
            "components/instance",
            "components/manifest",
            "components/names",
        ),
        *("components/network", "components/outputs", "components/pods", "components/scope", "components/secrets"),
        *("components/sidecar", "components/storage", "components/topology", "components/workload"),
        *("components/nodes/kind", "components/nodes/kubernetes", "components/nodes/machine", "components/nodes/node"),
        *("components/nodes/pod", "components/tailnet/node_policy", "components/tailnet/tailnet"),
    ),
    "tests/engine/test_admission_guard.py": (
        *("components/admission/cluster", "components/admission/kinds"),
        *("components/admission/network", "components/admission/objects", "components/admission/ownership"),
        *("components/admission/pods", "components/admission/publishing", "components/admission/tailnet_side"),
    ),
    "tests/unit/components/tailnet/test_credentials.py": ("components/credential",),
    "tests/unit/sandbox/test_no_traceback.py": ("components/unexpected", "sandbox/cli"),
    "tests/unit/components/nodes/test_scripts.py": (
        *("components/nodes/host", "components/nodes/linux", "components/nodes/mac"),
    ),
    "tests/unit/components/nodes/test_quoting.py": ("components/nodes/mobile",),
    "tests/unit/sandbox/node/test_enforcement.py": ("sandbox/node/dns",),
    "tests/unit/test_documentation.py": (
        "components/admission/document",
        "components/settings/document",
        "policies/document",
    ),
    "tests/unit/components/settings/test_checks.py": (
        *("components/settings/gateway", "components/settings/load", "components/settings/model"),
        *("components/settings/models", "components/settings/stack"),
    ),
    "tests/unit/components/openclaw/test_reserved.py": (
        *("components/openclaw/document", "components/openclaw/merge", "components/openclaw/permissions"),
    ),
    "tests/unit/components/settings/test_agent_checks.py": ("components/openclaw/secrets",),
    "tests/unit/components/settings/test_errors.py": ("components/settings/vocabulary",),
    "tests/unit/components/settings/test_node_checks.py": ("components/settings/nodes",),
    "tests/unit/components/settings/test_placement.py": ("components/settings/placement_checks",),
    "tests/unit/components/settings/test_places.py": ("components/settings/urls",),
    "tests/unit/components/settings/test_values.py": ("components/settings/text", "components/settings/types"),
    "tests/unit/components/test_ownership.py": ("components/tailnet/signature",),
    "tests/unit/components/tailnet/test_policy.py": ("components/tailnet/model",),
    "tests/unit/components/tailnet/test_proof.py": ("components/tailnet/expected_access",),
    "tests/unit/components/tailnet/test_write_guard.py": ("components/tailnet/live",),
    "tests/unit/components/tailnet/evaluator/test_evaluator.py": (
        *("components/tailnet/evaluator/answers", "components/tailnet/evaluator/assertions"),
        *("components/tailnet/evaluator/errors", "components/tailnet/evaluator/policy"),
        *("components/tailnet/evaluator/rules", "components/tailnet/evaluator/written"),
    ),
    "tests/unit/components/tailnet/evaluator/test_index.py": (
        *("components/tailnet/evaluator/bits", "components/tailnet/evaluator/sides"),
    ),
    "tests/unit/components/tailnet/evaluator/test_questions.py": (
        *("components/tailnet/evaluator/endpoints", "components/tailnet/evaluator/network"),
    ),
    "tests/unit/components/tailnet/evaluator/test_recorded.py": ("components/tailnet/evaluator/ranges",),
    "tests/unit/components/tailnet/evaluator/test_refusals.py": (
        *("components/tailnet/evaluator/ipsets", "components/tailnet/evaluator/selectors"),
        *("components/tailnet/evaluator/services", "components/tailnet/evaluator/shape"),
    ),
    "tests/unit/components/tailnet/evaluator/test_ssh.py": (
        *("components/tailnet/evaluator/covers", "components/tailnet/evaluator/durations"),
        "components/tailnet/evaluator/logins",
    ),
    "tests/unit/components/tailnet/evaluator/test_ssh_tests.py": ("components/tailnet/evaluator/ssh_assertions",),
    "tests/engine/test_gateway_life.py": ("engine/stack", "engine/workspace"),
    "tests/unit/engine/test_official.py": ("engine/errors",),
    "tests/unit/sandbox/test_stack.py": ("engine/configuration",),
    "tests/policies/test_policy_pack.py": (
        "policies/decode",
        "policies/exceptions",
        "policies/pack",
        "policies/protocol",
        "policies/server",
    ),
    "tests/policies/test_cli.py": ("policies/cli", "policies/inputs", "policies/rules/settings"),
    "tests/policies/test_commands.py": ("policies/rules/commands",),
    "tests/policies/test_robust.py": ("policies/rules/secret_words", "policies/rules/yaml_text"),
    "tests/policies/test_advice_agent.py": ("policies/rules/advice_agent",),
    "tests/policies/test_node_secret.py": ("policies/rules/i4_node_secret",),
    "tests/policies/test_rules.py": (
        *(
            "policies/rules/i1_publishing",
            "policies/rules/i1_serve",
            "policies/rules/i2_host",
            "policies/rules/i2_privilege",
        ),
        *(
            "policies/rules/i3_tailnet_secrets",
            "policies/rules/i5_tokens",
            "policies/rules/i7_policy",
            "policies/rules/rule",
        ),
    ),
    "tests/policies/test_every_form.py": (
        *("policies/rules/documents", "policies/rules/i1_openclaw", "policies/rules/kinds", "policies/rules/values"),
    ),
    # Each rule answers for a case there (test_every_rule.py).
    "tests/policies/test_corpus.py": (
        *(
            "policies/rules/advice_places",
            "policies/rules/advice_pods",
            "policies/rules/gateway",
            "policies/rules/hints",
        ),
        *("policies/rules/i1_containers", "policies/rules/i1_opaque", "policies/rules/i1_openclaw_settings"),
        *("policies/rules/i1_programs", "policies/rules/i1_sidecar", "policies/rules/i1_tailscale_commands"),
        *("policies/rules/i3_copies", "policies/rules/i4_plain_secrets", "policies/rules/i5_accounts"),
        *(
            "policies/rules/i6_network",
            "policies/rules/i6_other_kinds",
            "policies/rules/i7_keys",
            "policies/rules/i8_images",
        ),
        *(
            "policies/rules/i9_limits",
            "policies/rules/nested",
            "policies/rules/networks",
            "policies/rules/openclaw_files",
        ),
        *("policies/rules/other_providers", "policies/rules/stack"),
    ),
    "tests/engine/test_gitops.py": ("gitops/apply",),
    "tests/unit/gitops/test_cli.py": ("gitops/errors", "gitops/model"),
    "tests/unit/gitops/test_offline.py": ("gitops/dry",),
    "tests/unit/gitops/test_preview.py": ("gitops/drift",),
    "tests/unit/sandbox/test_builds.py": ("engine/progress",),
    "tests/unit/sandbox/test_control_plane.py": ("sandbox/parts",),
    "tests/unit/sandbox/test_needs.py": (
        *("sandbox/apt", "sandbox/environment", "sandbox/errors", "sandbox/golang", "sandbox/nodejs"),
    ),
    "tests/unit/sandbox/test_provisioner.py": ("sandbox/kube",),
    "tests/unit/sandbox/test_tools.py": ("sandbox/kubectl",),
    "tests/unit/sandbox/model/test_server.py": ("sandbox/model/request", "sandbox/model/wire"),
    "tests/unit/sandbox/node/test_config.py": (
        *("sandbox/node/layout", "sandbox/node/machine", "sandbox/node/network", "sandbox/node/runtime"),
    ),
    "tests/unit/sandbox/node/test_images.py": ("sandbox/node/oci",),
    # A device of a person joins a real node's network, and the node's programs are unpacked for it.
    "tests/e2e/test_owner.py": ("sandbox/node/devices", "sandbox/node/packages"),
    "tests/unit/sandbox/plugins/test_protocol.py": (
        *("sandbox/plugins/provider", "sandbox/plugins/random", "sandbox/plugins/server", "sandbox/plugins/values"),
    ),
    "tests/unit/sandbox/plugins/test_kubernetes.py": (
        *("sandbox/plugins/changes", "sandbox/plugins/kubernetes/live", "sandbox/plugins/kubernetes/rules"),
        "sandbox/plugins/kubernetes/waiting",
    ),
    "tests/engine/test_kubernetes_standin.py": (
        *("sandbox/plugins/kubernetes/client", "sandbox/plugins/kubernetes/kubeconfig"),
        "sandbox/plugins/kubernetes/provider",
    ),
    "tests/unit/sandbox/plugins/test_tailscale.py": (
        *("sandbox/plugins/tailscale/client", "sandbox/plugins/tailscale/provider"),
        *("sandbox/plugins/tailscale/resources", "sandbox/plugins/tailscale/trust_credentials"),
    ),
    "tests/unit/sandbox/tailnet/test_adapter_api.py": (
        *("sandbox/tailnet/api", "sandbox/tailnet/devices", "sandbox/tailnet/keys", "sandbox/tailnet/records"),
        "sandbox/tailnet/settings",
    ),
    "tests/unit/sandbox/tailnet/test_adapter_policy.py": ("sandbox/tailnet/acl", "sandbox/tailnet/policy"),
    "tests/e2e/test_demo.py": (
        *("sandbox/demo", "sandbox/node/containers", "sandbox/node/linux_machine", "sandbox/node/openclaw_client"),
    ),
    "tests/engine/test_tailnet_adapter.py": (
        *("sandbox/tailnet/client", "sandbox/tailnet/headscale", "sandbox/tailnet/messages"),
    ),
}
NAMED = [module for modules in TESTED_BY.values() for module in modules]


def without_its_own() -> set[str]:
    """The modules without a test file of their name, or of their name and a part: `test_adapter_api.py` for adapter.py."""
    modules = [
        path.relative_to(ROOT).with_suffix("")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if not path.name.startswith("__")
    ]
    return {
        str(module)
        for module in modules
        if not (UNIT / module.parent / f"test_{module.name}.py").exists()
        and not any((UNIT / module.parent).glob(f"test_{module.name}_*.py"))
    }


def test_each_module_has_its_test_file_or_is_named_here() -> None:
    assert without_its_own() - set(NAMED) == set(), "write a test file of its name, or say in TESTED_BY which one it is"


def test_only_modules_without_their_own_are_named() -> None:
    assert sorted(NAMED) == sorted(set(NAMED) & without_its_own())


@pytest.mark.parametrize("file", TESTED_BY)
def test_a_named_file_exists(file: str) -> None:
    assert (ROOT / file).is_file()
