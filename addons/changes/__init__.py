"""Changes of the stack by its owner: a candidate of the stack file, a preview in words, a plan-bound update, a proof."""
