"""The policy's text: HuJSON that says what its model says, for any configuration and any names."""

from hypothesis import given
from hypothesis import strategies as st

from components.settings.load import parse
from components.tailnet import hujson
from components.tailnet.evaluator import Policy
from components.tailnet.model import WIDTH, Grant, PolicyTest, PolicyText
from components.tailnet.policy import policy, render
from tests.support.configs import Raw, configurations

WORDS = st.lists(st.text(st.characters(codec="utf-8"), max_size=80), max_size=4)
NAMED = st.dictionaries(st.text(max_size=20), WORDS, max_size=3)
COMMENTS = st.sampled_from(["", "home: its people.", 'a "quoted" // */ one'])
CAPABILITIES = st.dictionaries(st.text(max_size=20), st.lists(NAMED, max_size=2), max_size=2)
GRANTS = st.lists(st.builds(Grant, WORDS, WORDS, WORDS, CAPABILITIES, COMMENTS), max_size=4)
TESTS = st.lists(st.builds(PolicyTest, st.text(), WORDS, WORDS, st.just("tcp"), COMMENTS), max_size=4)


@given(st.builds(PolicyText, st.just(["One."]), NAMED, NAMED, st.none() | GRANTS, TESTS))
def test_the_text_says_what_the_model_says(policy: PolicyText) -> None:
    assert hujson.loads(policy.text()) == policy.data()


@given(configurations())
def test_i11_the_text_depends_on_the_settings_only_and_stays_narrow(config: Raw) -> None:
    text = render(parse(config))
    assert text == render(parse(config))
    assert all(len(line) <= WIDTH + 4 for line in text.splitlines() if not line.lstrip().startswith("//"))
    assert text.endswith("}\n")


@given(configurations())
def test_i7_each_grant_says_what_it_is_for(config: Raw) -> None:
    settings = parse(config)
    reachable = [instance.id for instance in settings.instances if instance.tailscale.enabled]
    nodes = [
        f"node {node.id}" for node in settings.nodes if node.kind != "mobile" for _ in range(2 if node.people else 1)
    ]
    assert [grant.why.partition(":")[0] for grant in policy(settings).grants or ()] == [*reachable, *nodes]
    for instance in reachable:
        assert f"// {instance}: its people open the gateway." in render(settings)


def test_i7_without_gateways_nothing_is_allowed() -> None:
    text = PolicyText([], {}, {}, [], []).text()
    assert text == '{\n  // Who may connect. What no grant names is denied.\n  "grants": [],\n}\n'
    assert Policy.parse(text).rules == ()
