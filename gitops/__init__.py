"""Changes of a stack by a pipeline: previewed, judged, explained, applied as reviewed; and what has drifted from it."""
