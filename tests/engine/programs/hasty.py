"""The real program, whose Deployments are waited for not ten minutes but `hasty:seconds`."""

import runpy
from pathlib import Path

import pulumi

_PATIENCE = f"{pulumi.Config('hasty').require_int('seconds')}s"


def hasty(given: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    if given.type_ != "kubernetes:apps/v1:Deployment":
        return None
    patience = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=_PATIENCE, update=_PATIENCE))
    return pulumi.ResourceTransformationResult(given.props, pulumi.ResourceOptions.merge(given.opts, patience))


pulumi.runtime.register_stack_transformation(hasty)
runpy.run_path(str(Path(__file__).parents[3] / "__main__.py"), run_name="__main__")
