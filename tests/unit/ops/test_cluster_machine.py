"""What is read from a machine, and what is taken away from it again."""

from pathlib import Path

import pytest

from ops.cluster import base_image, leftovers, node_image, private_daemon
from ops.cluster.errors import ClusterError, CommandError, MissingError

SAVED = """*nat
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.18.0.0/16 ! -o br-3bd87c5b2c2a -j MASQUERADE
-A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p tcp -m tcp --dport 6443 -j MASQUERADE
-A POSTROUTING -s 10.9.0.2/32 -d 10.9.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
"""


def test_only_dockers_rules_are_deleted() -> None:
    """Rules that name Docker's chains or bridges go, with its hairpin rules; the machine's own stay."""
    deleted = [" ".join(arguments) for arguments in leftovers.rules_to_delete(SAVED)]
    assert deleted == [
        "-t nat -F DOCKER",
        "-t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-t nat -D POSTROUTING -s 172.18.0.0/16 ! -o br-3bd87c5b2c2a -j MASQUERADE",
        "-t nat -D POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p tcp -m tcp --dport 6443 -j MASQUERADE",
        "-t nat -X DOCKER",
    ]


def test_mount_points_are_ours_only_and_deepest_first() -> None:
    """A folder whose name merely starts like ours is left alone."""
    mountinfo = "\n".join(
        f"1 1 0:1 / {point} rw - tmpfs tmpfs rw"
        for point in ("/", "/run/tsn", "/run/tsn/a/b", "/run/tsn-other", "/run/tsn/a")
    )
    assert leftovers.mount_points(mountinfo, [Path("/run/tsn")]) == ["/run/tsn/a/b", "/run/tsn/a", "/run/tsn"]


def test_a_capability_is_read_from_the_bounding_set() -> None:
    """Bit 24 (CAP_SYS_RESOURCE) missing from CapBnd means that it may not be granted."""
    assert not private_daemon.may_grant("CapEff:\t000001ffffffffff\nCapBnd:\t000001fffeffffff\n", 24)
    assert private_daemon.may_grant("CapBnd:\t000001ffffffffff\n", 24)


def test_the_shim_is_the_default_runtime_only_where_it_is_needed() -> None:
    """With all capabilities at hand Docker runs stock runc."""
    assert "default-runtime" not in private_daemon.daemon_configuration(None)
    assert private_daemon.daemon_configuration(Path("/shim"))["default-runtime"] == "bounded"


def test_the_sandbox_image_gets_the_tag_that_containerd_names() -> None:
    """kubeadm and containerd may name different tags of pause; a node must hold both."""
    listed = "host.example/kube-proxy:v1.34.4\nhost.example/coredns/coredns:v1.12.1\nhost.example/pause:3.10.1\n"
    tags = node_image.component_tags(listed, 'sandbox_image = "host.example/pause:3.10"')
    assert tags == {
        "kube-proxy": ["host.example/kube-proxy:v1.34.4"],
        "coredns": ["host.example/coredns/coredns:v1.12.1"],
        "pause": ["host.example/pause:3.10.1", "host.example/pause:3.10"],
    }


def test_debian_sources_come_from_the_machines_own_mirrors() -> None:
    """Third parties' archives that apt also knows are not taken into images."""
    targets = "Debian|Debian|http://mirror.example/debian/\nOther|Other|http://other.example/\n"
    targets += "Debian|Debian-Security|http://mirror.example/security/\n"
    assert base_image.debian_sources(targets) == [
        "deb http://mirror.example/debian/ bookworm main",
        "deb http://mirror.example/debian/ bookworm-updates main",
        "deb http://mirror.example/security/ bookworm-security main",
    ]


def test_without_a_debian_mirror_the_error_says_so() -> None:
    """An empty list of sources would only fail later, in the middle of a build."""
    with pytest.raises(ClusterError, match="no Debian mirror"):
        base_image.debian_sources("Other|Other|http://other.example/\n")


def test_a_failed_command_shows_the_end_of_its_output() -> None:
    """The cause stands in the last lines; a whole build log would bury it."""
    error = CommandError(["go", "build"], "failed with exit code 1", "\n".join(f"line {n}" for n in range(100)))
    assert "line 99" in str(error)
    assert "line 50" not in str(error)


def test_what_the_machine_lacks_has_an_exit_code_of_its_own() -> None:
    """A caller can tell "cannot work here" from "went wrong"."""
    assert (ClusterError.exit_code, MissingError.exit_code) == (1, 2)
