"""What decides whether something is built anew."""

import re

import pytest

from ops.cluster import pins
from ops.cluster.errors import ClusterError


def test_module_version_reads_both_forms_of_a_requirement() -> None:
    """A version is found in a block and on a line of its own, and the module's name is matched whole."""
    text = "require example.org/a v1.2.3\nrequire (\n\texample.org/a/b v9.9.9 // indirect\n\texample.org/c v0.1.0\n)\n"
    assert pins.module_version(text, "example.org/a") == "v1.2.3"
    assert pins.module_version(text, "example.org/a/b") == "v9.9.9"
    assert pins.module_version(text, "example.org/c") == "v0.1.0"


def test_module_version_without_requirement_says_which() -> None:
    """A module that is not required is an error, never an empty version."""
    with pytest.raises(ClusterError, match=r"example\.org/missing"):
        pins.module_version("module x\n", "example.org/missing")


def test_digest_tells_parts_apart() -> None:
    """The border between two parts counts, so two different recipes never share a key."""
    assert pins.digest([b"ab", b"c"]) != pins.digest([b"a", b"bc"])
    assert pins.digest([b"ab", b"c"]) == pins.digest([b"ab", b"c"])
    assert len(pins.digest([])) == 12


def test_every_program_is_pinned_by_its_module() -> None:
    """Each Go program comes from a folder with a go.mod, and with a go.sum where it requires anything."""
    monitoring = (pins.PROMETHEUS, pins.PROMTOOL, pins.PROMETHEUS_OPERATOR, pins.CONFIG_RELOADER)
    for program in (pins.KIND, pins.HELM, pins.KUBECTL, pins.RUNTIME_SHIM, *monitoring, *pins.NODE_PROGRAMS):
        folder = pins.GO_FOLDER / program.folder
        assert (folder / "go.mod").is_file()
        assert (folder / "go.sum").is_file() or "require" not in (folder / "go.mod").read_text()


def test_kubernetes_staging_modules_follow_the_release() -> None:
    """A Kubernetes v1.X.Y takes its own staging modules, v0.X.Y, and no other version of them."""
    version = pins.kubernetes_version().replace("v1.", "v0.", 1)
    text = (pins.GO_FOLDER / "kubernetes" / "go.mod").read_text()
    replaced = [line.split() for line in text.splitlines() if "=>" in line]
    assert len(replaced) > 25
    assert all(line[0] == line[2] and line[3] == version for line in replaced)


def test_programs_that_ask_for_their_version_are_stamped_with_it() -> None:
    """kubectl, kubeadm and Helm cannot work right without; the others bring their own."""
    assert f"gitVersion={pins.kubernetes_version()}" in pins.linker_flags("kubernetes")
    assert "chartutil.k8sVersionMinor=3" in pins.linker_flags("helm")
    assert pins.linker_flags("prometheus").endswith(f"version.Version={pins.prometheus_version()}")
    assert pins.linker_flags("etcd") == "-s -w"


def test_a_release_of_prometheus_is_named_after_its_module() -> None:
    """Module v0.305.1 is release 3.5.1; the operator's resource names the release."""
    assert re.fullmatch(r"3\.\d+\.\d+", pins.prometheus_version())
    minor = int(pins.prometheus_version().split(".")[1])
    assert (
        f"github.com/prometheus/prometheus v0.3{minor:02d}." in (pins.GO_FOLDER / "prometheus" / "go.mod").read_text()
    )
