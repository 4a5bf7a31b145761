"""Refuses what may never be deployed: rules/ decides, pack.py fits the rules to Pulumi, __main__.py starts the pack."""
