"""Holds the policy that a stack is about to send to the access it must give, before anything is sent (I7)."""

from collections.abc import Iterator, Sequence

from components.settings import Settings
from components.tailnet.evaluator import Access, Evaluator, Policy, PolicyError, run_tests
from components.tailnet.expected_access import ExpectedAccess, expected_access, known_people

# A wrong grant can break every instance in the same way: the first few say it.
SHOWN = 5


def problems(text: str, settings: Settings) -> list[str]:
    """One line for each thing that the policy gets wrong; empty when exactly the listed people reach each gateway."""
    try:
        evaluator = Evaluator(Policy.parse(text), known_people(settings))
        tests = [*_tests(evaluator)]
    except PolicyError as error:
        return [f"the control server would refuse it: {error.message}. Correct tailnet.tagOwners or tailnet.groups."]
    return [
        *(
            problem
            for wanted in expected_access(settings)
            for problem in _reached(wanted, evaluator.access_to(wanted.tag))
        ),
        *tests,
    ]


def message(problems: Sequence[str]) -> str:
    """The problems as one error for people."""
    lines = [f"The tailnet policy of this configuration would be wrong; nothing was changed ({len(problems)} found):"]
    lines += [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  and {len(problems) - SHOWN} more problems.")
    return "\n".join(lines)


def _reached(wanted: ExpectedAccess, accesses: Sequence[Access]) -> Iterator[str]:
    tag = wanted.tag
    services = {source.lower(): services for source, services in wanted.services.items()}
    served: set[str] = set()
    for access in accesses:
        if access.reason:
            yield f"{tag}: it cannot be determined who reaches it: {access.reason}. Remove {access.by}, or name tags and people."
        elif (expected := services.get(access.source.lower())) is None:
            yield (
                f"{access.by} lets {access.source} reach {tag} on {', '.join(map(str, access.services))}. Remove it, or add "
                f"{access.source} to {wanted.path}."
            )
        elif {*access.services} != {*expected}:
            yield (
                f"{access.by} lets {access.source} reach {tag} on {', '.join(map(str, access.services))}, where only "
                f"{', '.join(map(str, expected))} is served. Narrow it to that."
            )
        else:
            served.add(access.source.lower())
    for source, expected in wanted.services.items():
        if source.lower() not in served:
            shown = ", ".join(map(str, expected))
            yield f"no grant lets {source} reach {tag} on {shown}. Add one, or remove {source} from {wanted.path}."


def _tests(evaluator: Evaluator) -> Iterator[str]:
    for index, outcome in enumerate(run_tests(evaluator)):
        for said in (*outcome.failed, *outcome.undecided):
            yield f"its own tests[{index}] ({outcome.test.src}) would fail: {said}. Correct people in instances, or tailnet.groups."
