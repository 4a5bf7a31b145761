"""The summary of a merge request, as it is shown."""

from addons.changes.model import Consequence
from gitops.markdown import markdown
from gitops.model import Access, Binding, Changes, Image, Outcome, Ruling, Summary, Thing

CONFIG = "kubernetes:core/v1:ConfigMap"


def test_what_decides_comes_first_and_resources_last() -> None:
    changes = Changes(
        created=(Thing(type="kubernetes:core/v1:Secret", name="a"),),
        updated=(Thing(type="kubernetes:apps/v1:Deployment", name="home-gateway", keys=("spec.replicas",)),),
        replaced=(Thing(type=CONFIG, name="home-config", keys=('data["openclaw.json"]',)),),
        deleted=(Thing(type=CONFIG, name="old"), Thing(type="kubernetes:core/v1:Namespace", name="kept", kept=True)),
        consequences=(
            Consequence(sort="restarts", says="The gateway home restarts."),
            Consequence(sort="warning", says="Mind `id: home`."),
        ),
        access=Access(
            gained=("bob can reach home.",), said=("+ bob may open home",), matrix=("| a |", "|---|", "agent: x")
        ),
        images=(Image(workload="home-gateway", container="gateway", before="g:1", after="g:2"),),
    )
    bound = Binding(stack="prod", commit="c" * 40, uncommitted=(), updated_at="", versions={"CLI": "3.1"}, digest="d")
    advice = Ruling(rule="advice-x", mandatory=False, says="advice: y")
    assert markdown(Summary(stack="prod", outcome=Outcome.CHANGE, changes=changes, binding=bound, pack=(advice,))) == (
        """\
## prod: changes

### Mind

- Mind `id: home`.

### Who is not answered, and for how long

- The gateway home restarts.

### Who gains and who loses access

- gains: bob can reach home.
- By the tailnet's policy, before and after:

```diff
+ bob may open home
```

### Images

| of | container | before | after |
|---|---|---|---|
| home-gateway | gateway | `g:1` | `g:2` |

### Resources

**Created** (1)

- Secret a

**Changed in place** (1)

- Deployment home-gateway: `spec.replicas`

**Replaced** (1)

- ConfigMap home-config: because `data["openclaw.json"]` becomes another, and it is named after its content

**Deleted** (1)

- ConfigMap old

**Leaves the stack, and stays in the cluster** (1)

- Namespace kept

<details><summary>Who has access after this</summary>

| a |
|---|

- agent: x

</details>

<details><summary>Advice of the policy pack (1)</summary>

- `advice-x`: advice: y

</details>

<sub>Commit cccccccccccc; state of never updated; CLI 3.1.</sub>
"""
    )


def test_a_refusal_names_the_rule_and_the_problem() -> None:
    ruling = Ruling(rule="public-binding", mandatory=True, says="I1: it opens a port")
    text = markdown(
        Summary(stack="prod", outcome=Outcome.REFUSED, pack=(ruling,), problem="the pack refuses", hint="Change it")
    )
    assert text.startswith("## prod: refused\n\n**the pack refuses**\n\nChange it.\n\n### Refused by the policy pack\n")
    assert "- `public-binding`: I1: it opens a port\n" in text
    assert "Nothing restarts" not in text, "nobody knows"


def test_no_name_of_a_merge_request_is_taken_for_markup() -> None:
    thing = Thing(type=CONFIG, name="<img src=x>[a](b)|", keys=("a`b|c",))
    text = markdown(
        Summary(stack="prod", outcome=Outcome.CHANGE, changes=Changes(updated=(thing,)), warnings=("<b>*x*</b>",))
    )
    assert "- ConfigMap \\<img src=x\\>\\[a\\](b)\\|: `ab/c`" in text
    assert "- \\<b\\>\\*x\\*\\</b\\>" in text


def test_a_gateway_that_goes_is_among_those_that_do_not_answer() -> None:
    gone = Consequence(sort="deleted", says="The gateway home is removed.")
    text = markdown(Summary(stack="prod", outcome=Outcome.CHANGE, changes=Changes(consequences=(gone,))))
    assert "### Who is not answered, and for how long\n\n- The gateway home is removed.\n" in text
    assert "Nothing restarts" not in text
    assert "Nothing restarts" in markdown(Summary(stack="prod", outcome=Outcome.CHANGE))


def test_a_long_list_is_cut() -> None:
    listed = tuple(Thing(type=CONFIG, name=f"c{number:03}") for number in range(45))
    text = markdown(Summary(stack="prod", outcome=Outcome.CHANGE, changes=Changes(created=listed)))
    assert "**Created** (45)" in text
    assert text.count("- ConfigMap c") == 40
    assert "- and 5 more" in text


def test_what_was_judged_without_credentials_says_so() -> None:
    text = markdown(Summary(stack="prod", outcome=Outcome.PASSED, offline=True))
    assert text.startswith("## prod: nothing is refused\n\nJudged without credentials")
