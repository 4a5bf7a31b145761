"""Leaving out of a tool what a sandbox never runs and what costs most to compile, such as the SDKs of whole clouds.

Nobody's source is kept in this repository: a copy of the module's own is changed when the tool is built.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxError


@dataclass(frozen=True)
class Cut:
    """What is deleted from one file of a module: every match of each expression (`^` and `$` are the ends of a line, `.`
    is any character), or the file itself if there are none. Of a pair, the second is what takes its place. An expression
    that matches nothing is an error.
    """

    file: str
    expressions: tuple[str | tuple[str, str], ...] = ()


# By module: what is left out of each.
Cuts = Mapping[str, tuple[Cut, ...]]


# State in a directory (or Postgres) and secrets by passphrase stay. A bucket of a cloud is no backend then: its address is
# taken for one of Pulumi Cloud. `pulumi logs` reads no cloud's logs; `pulumi api` (for Pulumi Cloud) is not there.
_PULUMI: Final = (
    Cut(
        "backend/diy/backend.go",
        (
            r'^\t(_ )?"gocloud\.dev/blob/(azure|gcs|s3)blob"[^\n]*\n',
            r'^\t"github\.com/pulumi/pulumi/pkg/v3/authhelpers"\n',
            r"^\tif p\.Scheme == (azure|gcs)blob\.Scheme {\n.*?^\t}\n",
        ),
    ),
    Cut(
        "backend/diy/bucket.go",
        (
            r'^\t(awss3 "[^\n]*|"net/url")\n',
            r"^\t\tvar input \*awss3\.CopyObjectInput\n.*?^\t\t}\n",
            r"^func fixupS3CopySource.*?^}\n",
        ),
    ),
    Cut(
        "secrets/cloud/manager.go",
        (
            r'^\t(_ )?"gocloud\.dev/secrets/\w+"[^\n]*\n',
            r'^\t"(google\.golang\.org/api/cloudkms/v1|github\.com/pulumi/pulumi/pkg/v3/authhelpers)"\n',
            r"^\tcase gcpkms\.Scheme:\n.*?(?=^\tdefault:)",
        ),
    ),
    Cut("operations/operations_aws.go"),
    Cut("operations/operations_gcp.go"),
    Cut("operations/resources.go", (r'^\tcase "(aws|gcp)":\n[^\n]*\n',)),
    *(
        Cut(f"cmd/pulumi/cloud/{name}.go")
        for name in (
            "api",
            "describe",
            "describe_markdown",
            "list",
            "paginate",
            "pathmatch",
            "schema",
            "spec",
            "spec_fetch",
        )
    ),
    Cut("cmd/pulumi/cloud/envelope.go", (r"^\tParameters +\[\]ParamSpec[^\n]*\n",)),
    Cut(
        "cmd/pulumi/pulumi.go",
        (r'^\t"github\.com/pulumi/pulumi/pkg/v3/cmd/pulumi/cloud"\n', r"^\t*cloud\.NewAPICmd\(\),\n"),
    ),
)

# The pages that describe its API: 34 MB of source. Nothing here opens them.
_PROCESS_COMPOSE: Final = (
    Cut(
        "src/api/routes.go",
        (
            r'^\t(_ "[^"]*/src/docs"|swaggerFiles "[^"]*"|ginSwagger "[^"]*"|"net/(http|url)")\n',
            r'^\tr\.GET\("/swagger/[^\n]*\n',
            r'^\tr\.GET\("/", .*?^\t}\)\n',
        ),
    ),
)

# It simulates nodes; who would look into a container there is told that nothing is to be seen. It was written for an older
# client-go, whose stores took no bookmarks and whose watches told a blueprint.
_KWOK: Final = (
    *(
        Cut(f"pkg/kwok/server/debugging_{name}.go")
        for name in ("attach", "exec", "exec_other", "exec_windows", "logs", "port_forword")
    ),
    Cut("pkg/kwok/server/debugging.go", (r"^import \(\n.*?^\)\n", r"^\tws := .*(?=^}\n)")),
    Cut(
        "pkg/utils/informer/informer.go",
        (
            r"^\t+base64EncodedInitialEventsListBlueprint .*?^\t+}\n",
            (r"(?<=opt Option\) )cache\.Store(?= {\n\treturn &cache\.FakeCustomStore{)", "cache.ReflectorStore"),
        ),
    ),
)

# It enforces NetworkPolicies; it neither routes nor balances, which takes BGP, the SDK of a cloud and a client of Docker.
_KUBE_ROUTER: Final = (
    Cut(
        "pkg/cmd/kube-router.go",
        (
            r'^\t"[^"]*/controllers/(proxy|routing)"\n',
            r"^\t(\w+) := (proxy|routing)\.\w+{}\n\t\1\.Cleanup\(\)\n",
            r"^\t(ep|epSlice|node)Informer := [^\n]*\n",
            r"^\tif kr\.Config\.Run(Router|ServiceProxy) {\n.*?^\t}\n",
        ),
    ),
)

# Tests that have a name as if they were none, and with them two frameworks; and a client that nothing calls.
_CYCLONUS: Final = (
    *(
        Cut(f"pkg/{name}_tests.go")
        for name in (
            "connectivity/testcasestate",
            "generator/testcasegenerator",
            "kube/ipaddress",
            "kube/labelselector",
            "kube/read",
            "matcher/builder",
            "matcher/policy",
            "matcher/simplifier",
        )
    ),
    Cut("pkg/utils/resty.go"),
)

# Conditions of the Tailscale operator's objects: for them alone, containerboot would be built with all of Kubernetes' API.
_TAILSCALE: Final = (Cut("k8s-operator/conditions.go"),)

# Its state is in SQLite; it asks nobody whether there is a newer version.
_HEADSCALE: Final = (
    Cut(
        "hscontrol/db/db.go",
        (r'^\t"(gorm\.io/driver/postgres|strconv)"\n', r"^\tcase types\.DatabasePostgres:\n\t\tdbString.*?(?=^\t}\n)"),
    ),
    Cut(
        "cmd/headscale/cli/root.go",
        (r'^\t"(github\.com/tcnksm/go-latest|runtime)"\n', r"^\tdisableUpdateCheck := .*?(?=^}\n)"),
    ),
)

CUTS: Final[Cuts] = {
    "github.com/pulumi/pulumi/pkg/v3": _PULUMI,
    "github.com/f1bonacc1/process-compose": _PROCESS_COMPOSE,
    "sigs.k8s.io/kwok": _KWOK,
    "github.com/cloudnativelabs/kube-router/v2": _KUBE_ROUTER,
    "github.com/mattfenwick/cyclonus": _CYCLONUS,
    "tailscale.com": _TAILSCALE,
    "github.com/juanfont/headscale": _HEADSCALE,
}


def without(source: str, expressions: Sequence[str | tuple[str, str]]) -> str:
    """The source without all that the expressions match; ValueError names one that matches nothing."""
    for expression in expressions:
        pattern, instead = (expression, "") if isinstance(expression, str) else expression
        source, count = re.subn(pattern, instead, source, flags=re.MULTILINE | re.DOTALL)
        if not count:
            raise ValueError(f"nothing matches {pattern}")
    return source


def apply(cuts: Sequence[Cut], source: Path) -> None:
    """Deletes them from a copy of the module."""
    for cut in cuts:
        path = source / cut.file
        try:
            if cut.expressions:
                path.write_text(without(path.read_text(), cut.expressions))
            else:
                path.unlink()
        except (OSError, ValueError) as error:
            raise SandboxError(
                f"{cut.file} of the module is not as sandbox/cuts.py expects: {error}", "Adapt its cuts to this version"
            ) from None


def modfile(go: Path, pins: Path, cuts: Cuts, directory: Path, environment: Mapping[str, str]) -> Path:
    """Writes, in the directory, the modules without what is cut and a go.mod like the one in `pins` that takes them from
    there; returns that go.mod, for `-modfile`. Go's `-overlay` would need no copy, but refuses its module cache.
    """
    replaced = "".join(
        f"replace {module} => {json.dumps(str(_copy(go, pins, module, cuts[module], directory.resolve(), environment)))}\n"
        for module in cuts
    )
    shutil.copy(pins / "go.sum", directory)
    (directory / "go.mod").write_text(f"{(pins / 'go.mod').read_text()}\n{replaced}")
    return directory / "go.mod"


def _copy(
    go: Path, pins: Path, module: str, cuts: Sequence[Cut], directory: Path, environment: Mapping[str, str]
) -> Path:
    """The module, without what is cut, in the directory."""
    command = [str(go), "mod", "download", "-json", module]
    result = subprocess.run(command, cwd=pins, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SandboxError(f"downloading {module} failed", (result.stderr or result.stdout).strip())
    original, source = Path(json.loads(result.stdout)["Dir"]), directory / module
    for path in original.rglob("*"):
        if path.is_file() and not path.name.endswith("_test.go") and "testdata" not in path.parts:
            copy = source / path.relative_to(original)
            copy.parent.mkdir(parents=True, exist_ok=True)
            # Its mode is not copied: files of the cache cannot be written to.
            shutil.copyfile(path, copy)
    apply(cuts, source)
    return source
