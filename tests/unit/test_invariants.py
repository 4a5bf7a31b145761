"""The invariants I1-I12 hold for each stack file, for the main shapes, and for whatever valid settings hypothesis finds."""

import functools
from collections.abc import Callable

import invariants as held
import invariants_access as access
import pytest
from configs import SHAPES, STACK_FILES, Raw, configurations, read_stack_file, smallest
from harness import run_program
from hypothesis import HealthCheck, Phase, given, settings
from invariants import Run

from policies.pack import analyze

CONFIGS: dict[str, Raw] = {path.name: read_stack_file(path) for path in STACK_FILES} | SHAPES

every_config = pytest.mark.parametrize("name", CONFIGS)


@functools.cache
def ran(name: str) -> Run:
    return Run.of(CONFIGS[name])


def the_policy_pack_finds_nothing(run: Run) -> None:
    found = analyze((resource.type, resource.name, dict(resource.raw)) for resource in run.graph.all())
    assert found == []


@every_config
def test_i1_no_public_binding(name: str) -> None:
    held.i1_no_public_binding(ran(name))


@every_config
def test_i2_net_admin_only_in_the_sidecar(name: str) -> None:
    held.i2_net_admin_only_in_the_sidecar(ran(name))


@every_config
def test_i3_gateway_mounts_nothing_of_tailscale(name: str) -> None:
    held.i3_gateway_mounts_nothing_of_tailscale(ran(name))


@every_config
def test_i4_no_secret_in_plain_text(name: str) -> None:
    held.i4_no_secret_in_plain_text(ran(name))


@every_config
def test_i5_no_service_account_token(name: str) -> None:
    held.i5_no_service_account_token(ran(name))


@every_config
def test_i6_default_deny_and_public_egress_only(name: str) -> None:
    access.i6_default_deny_and_public_egress_only(ran(name))


@every_config
def test_i7_only_listed_people_reach_only_the_served_port(name: str) -> None:
    access.i7_only_listed_people_reach_only_the_served_port(ran(name))


@every_config
def test_i8_images_by_immutable_tag(name: str) -> None:
    held.i8_images_by_immutable_tag(ran(name))


@every_config
def test_i9_requests_and_limits(name: str) -> None:
    held.i9_requests_and_limits(ran(name))


@every_config
def test_i10_data_outlives_the_instance(name: str) -> None:
    held.i10_data_outlives_the_instance(ran(name))


@every_config
def test_i11_same_input_declares_the_very_same(name: str) -> None:
    assert run_program(CONFIGS[name]) == ran(name).graph


@every_config
def test_i12_names_are_legal_and_never_shared(name: str) -> None:
    held.i12_names_are_legal_and_never_shared(ran(name))


@every_config
def test_the_graph_is_complete(name: str) -> None:
    access.the_graph_is_complete(ran(name))


@every_config
def test_a_disabled_instance_keeps_what_it_needs_to_come_back(name: str) -> None:
    access.a_disabled_instance_keeps_what_it_needs_to_come_back(ran(name))


@every_config
def test_the_policy_pack_finds_nothing(name: str) -> None:
    the_policy_pack_finds_nothing(ran(name))


@every_config
def test_a_preview_declares_the_same_resources(name: str) -> None:
    preview = run_program(CONFIGS[name], preview=True)
    assert set(preview.resources) == set(ran(name).graph.resources)


ALL: list[Callable[[Run], None]] = [
    held.i1_no_public_binding,
    held.i2_net_admin_only_in_the_sidecar,
    held.i3_gateway_mounts_nothing_of_tailscale,
    held.i4_no_secret_in_plain_text,
    held.i5_no_service_account_token,
    access.i6_default_deny_and_public_egress_only,
    access.i7_only_listed_people_reach_only_the_served_port,
    held.i8_images_by_immutable_tag,
    held.i9_requests_and_limits,
    held.i10_data_outlives_the_instance,
    held.i12_names_are_legal_and_never_shared,
    access.the_graph_is_complete,
    access.a_disabled_instance_keeps_what_it_needs_to_come_back,
    the_policy_pack_finds_nothing,
]


# The same examples each time, and no shrinking: a run takes long for hypothesis, and the examples are small already.
generated = functools.partial(
    settings,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


@given(configurations())
@generated(max_examples=25)
def test_i1_to_i10_and_i12_hold_for_generated_settings(config: Raw) -> None:
    run = Run.of(config)
    for invariant in ALL:
        invariant(run)


@given(configurations(most=1))
@generated(max_examples=5)
def test_i11_generated_settings_declare_the_very_same_twice(config: Raw) -> None:
    assert run_program(config) == run_program(config)


def test_i12_two_stacks_in_one_cluster_share_no_cluster_wide_name() -> None:
    names = [
        {
            (resource.kind, resource.object_name)
            for resource in run_program(smallest(), stack).kubernetes()
            if "Admission" in resource.kind
        }
        for stack in ("prod", "dev")
    ]
    assert names[0].isdisjoint(names[1])
