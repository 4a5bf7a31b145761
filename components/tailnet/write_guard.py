"""Keeps an owned policy from replacing what somebody else wrote: found at preview, and refused again at the update (I7)."""

import pulumi

from components.errors import Refusal
from components.tailnet.live import Live, changed_by_hand, import_first, looks_untouched, same
from components.tailnet.signature import writer
from components.unexpected import explained


class PolicyWriteGuard:
    """Compares the live policy with what the stack last wrote. Only the engine knows that, so it is asked in hooks."""

    def __init__(self, live: Live, text: str) -> None:
        self._live = live.text
        self._reason = live.reason
        self._text = text
        self._written = False
        always = pulumi.ResourceHookOptions(on_dry_run=True)
        self.hooks = pulumi.ResourceHookBinding(
            before_create=[pulumi.ResourceHook("tailnet-policy-first-write", self.before_create, always)],
            before_update=[pulumi.ResourceHook("tailnet-policy-change", self.before_update, always)],
        )

    @explained()
    def before_create(self, args: pulumi.ResourceHookArgs) -> None:
        """Not in the state: the policy must be that of a new tailnet. One of ours, of a lost state, is imported too."""
        self._written = True
        if self._live is not None and not looks_untouched(self._live):
            raise Refusal(import_first(args.name, writer(self._live)))

    @explained()
    def before_update(self, args: pulumi.ResourceHookArgs) -> None:
        """The state has what was last written or imported: the live policy must still be that."""
        self._written = True
        # A preview writes nothing.
        if self._live is None and not pulumi.runtime.is_dry_run():
            raise Refusal(
                f"The tailnet's policy cannot be read, so it is not overwritten: {self._reason}\n"
                "Fix that, or use credentials that may read the policy."
            )
        before = (args.old_inputs or {}).get("acl")
        if isinstance(before, str):
            self._compare(before)

    @explained()
    def check_unchanged(self, _: str) -> None:
        """Without a step of the policy, what the stack last wrote is what it would write."""
        if not self._written:
            self._compare(self._text)

    def _compare(self, before: str) -> None:
        if self._live is not None and not same(self._live, before):
            raise Refusal(changed_by_hand(before, self._live))
